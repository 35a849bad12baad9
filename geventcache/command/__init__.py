"""What a command is: its declaration, the table of all of them, and what COMMAND tells about it."""
