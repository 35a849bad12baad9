"""The numbers that stand for the types of values in snapshots, and the versions that know them."""

STRING = 0
LIST = 1
SET = 2
ZSET_OLD = 3
HASH = 4
ZSET = 5
MODULE_OLD = 6
MODULE = 7
HASH_ZIPMAP = 9
LIST_ZIPLIST = 10
SET_INTSET = 11
ZSET_ZIPLIST = 12
HASH_ZIPLIST = 13
LIST_QUICKLIST = 14
STREAM_5_0 = 15
HASH_LISTPACK = 16
ZSET_LISTPACK = 17
LIST_QUICKLIST_2 = 18
STREAM_7_0 = 19
SET_LISTPACK = 20
STREAM_7_2 = 21
HASH_DEADLINES = 22
HASH_DEADLINES_REDIS = 24
HASH_DEADLINES_LISTPACK = 25

# All that is alive reads the first; deadlines of fields need the other, which only Valkey 9 and later read.
VERSION = 10
VERSION_OF_FIELD_DEADLINES = 80
# What of others is known here: up to Redis 8, and Valkey 9.
LAST_REDIS_VERSION = 12
VALKEY_VERSIONS = (80,)

# What may stand in a type's place in a file.
SLOT_SIZES = 244
FUNCTION = 245
MODULE_FACTS = 247
IDLE_TIME = 248
FREQUENCY = 249
FACT = 250
SIZES = 251
DEADLINE_MS = 252
DEADLINE_S = 253
DATABASE = 254
END = 255
