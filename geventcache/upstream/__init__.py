"""The near side of another server: requests pass to where the data are, reads are kept here while they are true."""
