"""What is told about the server, its clients and its commands."""
