"""Workers as shards of a cluster: which of them has which hash slots."""
