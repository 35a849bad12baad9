"""Near sides of real servers."""
