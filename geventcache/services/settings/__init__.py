"""The settings: what there are, how they are read, and their values at run time."""
