"""The formats of snapshots, and the files that hold them."""
