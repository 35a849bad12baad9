"""Access control: users, what they may do, and who a client is."""
