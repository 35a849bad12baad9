"""The thresholds at which a value's encoding changes its name.

How a container stores its elements does not depend on them alone: `OBJECT ENCODING`, and what depends on it (a small
collection is scanned in one page), is reported as the reference would. CONFIG SET changes the attributes; a container
reads them when it grows.
"""


class EncodingLimits:
    """The encoding thresholds of one server, named after their CONFIG parameters; sizes are in bytes."""

    def __init__(self) -> None:
        self.hash_max_listpack_entries = 512
        self.hash_max_listpack_value = 64
        self.list_max_listpack_size = -2
        self.set_max_intset_entries = 512
        self.set_max_listpack_entries = 128
        self.set_max_listpack_value = 64
        self.zset_max_listpack_entries = 128
        self.zset_max_listpack_value = 64
        self.hll_sparse_max_bytes = 3000
        self.stream_node_max_bytes = 4096
        self.stream_node_max_entries = 100
