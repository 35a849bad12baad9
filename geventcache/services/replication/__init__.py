"""Replication, as far as it needs no sockets: histories and their streams, who follows, whom this server follows."""
