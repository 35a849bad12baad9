"""A running server over real sockets: what only connections show. No test sleeps; each waits for a reply that tells."""
