"""What no client, script or neighbour may do."""
