"""The limits of memory: of the data and of clients."""
