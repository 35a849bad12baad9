"""Every error text that a client can read, once.

Clients match on these texts (a library falls back on ``NOSCRIPT``, retries on ``LOADING``), so they are the reference's
to the letter. A text starts with its code; ``ERR`` is the code of everything that has no better one.
"""

from __future__ import annotations


class CommandError(Exception):
    """A command refused: `text` is the whole error line, code included, without the leading ``-`` and the line end.

    `is_counted`: the statistics have it already, as the error of a command that a script or EXEC called.
    """

    is_counted = False

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


class DefectError(Exception):
    """What another server has done was not done here, or only half, for a defect or want of memory."""


class ProtocolError(Exception):
    """A request that breaks the protocol: `text` follows ``ERR Protocol error: `` and the connection ends."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


SYNTAX = b"ERR syntax error"
WRONG_TYPE = b"WRONGTYPE Operation against a key holding the wrong kind of value"
NOT_INTEGER = b"ERR value is not an integer or out of range"
NOT_FLOAT = b"ERR value is not a valid float"
NO_SUCH_KEY = b"ERR no such key"
OVERFLOW = b"ERR increment or decrement would overflow"
DECREMENT_OVERFLOW = b"ERR decrement would overflow"
NAN_OR_INFINITY = b"ERR increment would produce NaN or Infinity"
OUT_OF_RANGE = b"ERR index out of range"
BUSY_KEY = b"BUSYKEY Target key name already exists."
TTL_NEGATIVE = b"ERR Invalid TTL value, must be >= 0"
IDLE_TIME_NEGATIVE = b"ERR Invalid IDLETIME value, must be >= 0"
FREQUENCY_OUT_OF_RANGE = b"ERR Invalid FREQ value, must be >= 0 and <= 255"
WRONG_PAYLOAD = b"ERR DUMP payload version or checksum are wrong"
BAD_PAYLOAD = b"ERR Bad data format"
OFFSET_OUT_OF_RANGE = b"ERR offset is out of range"
STRING_TOO_LONG = b"ERR string exceeds maximum allowed size (proto-max-bulk-len)"
SAME_OBJECT = b"ERR source and destination objects are the same"
DB_OUT_OF_RANGE = b"ERR DB index is out of range"
INVALID_CURSOR = b"ERR invalid cursor"
NOT_ZERO_OR_ONE = b"ERR value is out of range, value must between 0 and 1"
NO_APPEND_ONLY_FILE = b"ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
PRIMARY_HOST_INVALID = b"ERR Invalid master host"
PRIMARY_PORT_INVALID = b"ERR Invalid master port"
READ_ONLY_REPLICA = b"READONLY You can't write against a read only replica."
PRIMARY_DOWN = b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
NO_PRIMARY_LINK = b"NOMASTERLINK Can't SYNC while not connected with my master"
SYNC_AMID_FAILOVER = b"NOMASTERLINK Can't SYNC while failing over"
FOREIGN_HISTORY = b"ERR PSYNC FAILOVER replid must match my replid."
NO_CONNECTION = b"ERR only a connection can be sent a stream"
NEEDS_MARK = b"ERR Filtered replica requires EOF capability"
REPLICA_AND_KEYS = b"ERR Replica can't interact with the keyspace"
NO_REPLICAS = b"NOREPLICAS Not enough good replicas to write."
FAILOVER_OF_SHARDS = b"ERR FAILOVER not allowed in cluster mode."
FAILOVER_RUNS = b"ERR FAILOVER already in progress."
FAILOVER_AT_REPLICA = b"ERR FAILOVER is not valid when server is a replica."
FAILOVER_WITHOUT_REPLICAS = b"ERR FAILOVER requires connected replicas."
FAILOVER_FORCE = b"ERR FAILOVER with force option requires both a timeout and target HOST and IP."
FAILOVER_STRANGER = b"ERR FAILOVER target HOST and PORT is not a replica."
FAILOVER_OFFLINE = b"ERR FAILOVER target replica is not online."
FAILOVER_TIMEOUT = b"ERR FAILOVER timeout must be greater than 0"
NO_FAILOVER = b"ERR No failover in progress."
ROLE_CHANGED = b"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
NO_REPLICATION_OF_SHARDS = b"ERR REPLICAOF not allowed in cluster mode."
WAIT_AT_REPLICA = (
    b"ERR WAIT cannot be used with replica instances. Please also note that if a replica is configured to be writable "
    b"(which is not the default) writes to replicas are just local and are not propagated."
)
WAITAOF_AT_REPLICA = (
    b"ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and "
    b"are not propagated."
)
NOT_IN_IMPORT_MODE = b"ERR Server is not in import mode"
NOT_INT32 = b"ERR value is out of range, value must between -2147483648 and 2147483647"
KEY_COUNT = b"ERR invalid numkeys value or out of range"
LCS_NOT_STRINGS = b"ERR The specified keys must contain string values"
LCS_LEN_AND_IDX = b"ERR If you want both the length and indexes, please just use IDX."
LCS_MEMORY = b"ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
EXPIRE_NX_CONFLICT = b"ERR NX and XX, GT or LT options at the same time are not compatible"
EXPIRE_GT_LT_CONFLICT = b"ERR GT and LT options at the same time are not compatible"
SORT_NOT_NUMBERS = b"ERR One or more scores can't be converted into double"
NO_LFU_POLICY = (
    b"ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
    b"Please note that when switching between "
    b"policies at runtime LRU and LFU data will take some time to adjust."
)
LFU_POLICY = (
    b"ERR An LFU maxmemory policy is selected, idle time not tracked. "
    b"Please note that when switching between policies at "
    b"runtime LRU and LFU data will take some time to adjust."
)
TIMEOUT_NOT_FLOAT = b"ERR timeout is not a float or out of range"
TIMEOUT_NEGATIVE = b"ERR timeout is negative"
TIMEOUT_OUT_OF_RANGE = b"ERR timeout is out of range"
NO_AUTH = b"NOAUTH Authentication required."
WRONG_PASSWORD = b"WRONGPASS invalid username-password pair or user is disabled."
NO_PROTOCOL = b"NOPROTO unsupported protocol version"
LOADING = b"LOADING Valkey is loading the dataset in memory"
NOT_SAVED = (
    b"MISCONF Valkey is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that "
    b"may modify the data set are disabled, because this instance is configured to report errors during writes if RDB "
    b"snapshotting fails (stop-writes-on-bgsave-error option). Please check the Valkey logs for details about the RDB "
    b"error."
)
SAVE_FAILED = b"ERR"
REWRITE_RUNS = b"ERR Background append only file rewriting already in progress"
SAVE_RUNS = b"ERR Background save already in progress"
IMAGE_TAKEN = (
    b"ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a "
    b"BGSAVE whenever possible."
)
NO_SAVE_RUNS = b"ERR Background saving is currently not in progress or scheduled"
MIGRATE_TWO_KEYS = b"ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"
MIGRATE_ALONE = b"ERR MIGRATE waits for another server, which neither transactions nor scripts can do"
SHUTDOWN_FAILED = b"ERR Errors trying to SHUTDOWN. Check logs."
RELOAD_OPTIONS = b"ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
JOURNAL_NOT_LOADED = b"ERR Error trying to load the AOF files, check server logs."
RELOAD_FAILED = b"ERR Error trying to load the RDB dump, check server logs."
OUT_OF_MEMORY = b"OOM command not allowed when used memory > 'maxmemory'."
NO_MEMORY = b"OOM the system has no memory left for this"
MAX_CLIENTS = b"ERR max number of clients reached"
EXEC_ABORT = b"EXECABORT Transaction discarded because of previous errors."
EXEC_WITHOUT_MULTI = b"ERR EXEC without MULTI"
DISCARD_WITHOUT_MULTI = b"ERR DISCARD without MULTI"
CLUSTER_DISABLED = b"ERR This instance has cluster support disabled"
INVALID_SLOT = b"ERR Invalid slot"
INVALID_SLOT_OR_COUNT = b"ERR Invalid slot or number of keys"
SLOT_OUT_OF_RANGE = b"ERR Invalid or out of range slot"
SLOT_METRIC = b"ERR Unrecognized sort metric for ORDERBY."
SLOT_LIMIT = b"ERR Limit has to lie in between 1 and 16384 (maximum number of slots)."
SLOT_FILTER_TWICE = b"ERR Multiple filters of the same type are disallowed."
SWAPDB_IN_CLUSTER = b"ERR SWAPDB is not allowed in cluster mode"
CROSS_SLOT = b"CROSSSLOT Keys in request don't hash to the same slot"
NO_SCRIPT = b"NOSCRIPT No matching script."
UNBLOCKED = b"UNBLOCKED client unblocked via CLIENT UNBLOCK"
HELLO_UNAUTHENTICATED = (
    b"NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> "
    b"<pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)
PROTOCOL_NOT_INTEGER = b"ERR Protocol version is not an integer or out of range"
NO_PASSWORD_SET = (
    b"ERR AUTH <password> called without any password configured for the default user. "
    b"Are you sure your configuration is correct?"
)
CLIENT_NAME_INVALID = b"ERR Client names cannot contain spaces, newlines or special characters."
NO_SUCH_CLIENT = b"ERR No such client"
CLIENT_ID_TOO_LOW = b"ERR client-id should be greater than 0"
PAUSE_MODE = b"ERR CLIENT PAUSE mode must be WRITE or ALL"
UNBLOCK_REASON = b"ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
TIMEOUT_NOT_INTEGER = b"ERR timeout is not an integer or out of range"
NO_CONFIG_FILE = b"ERR The server is running without a config file"
FIRST_DB_INVALID = b"ERR invalid first DB index"
SECOND_DB_INVALID = b"ERR invalid second DB index"
NO_SHUTDOWN = b"ERR No shutdown in progress."
LOLWUT_USAGE = b"ERR Syntax error. Use: LOLWUT [columns rows] [real imaginary]"
TIME_OUT_OF_RANGE = b"ERR the clock ends with the year 9999"
MODULES_REFUSED = (
    b'ERR MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a '
    b"local connection, otherwise you need to set this option in the configuration file, and then restart the server."
)
COUNT_BELOW_ALL = b"ERR count should be greater than or equal to -1"
COMMAND_LOG_TYPE = b"ERR type should be one of the following: slow, large-request, large-reply"
RESP3_ONLY = b"ERR RESP2 is not supported by this command"
INVALID_COMMAND = b"ERR Invalid command specified"
NO_KEY_ARGUMENTS = b"ERR The command has no key arguments"
INVALID_ARGUMENT_COUNT = b"ERR Invalid number of arguments specified for command"
INVALID_ARGUMENTS = b"ERR Invalid arguments specified for command"
NOT_POSITIVE = b"ERR value is out of range, must be positive"
COUNT_NEGATIVE = b"ERR COUNT can't be negative"
MAXLEN_NEGATIVE = b"ERR MAXLEN can't be negative"
COUNT_NOT_POSITIVE = b"ERR count should be greater than 0"
NUMKEYS_NOT_POSITIVE = b"ERR numkeys should be greater than 0"
NO_OPPOSITE = b"ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
RANK_ZERO = (
    b"ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
    b"or use negative to start from the end of the list"
)
INVALID_STREAM_ID = b"ERR Invalid stream ID specified as stream command argument"
RANGE_START_INVALID = b"ERR invalid start ID for the interval"
RANGE_END_INVALID = b"ERR invalid end ID for the interval"
TRIM_STRATEGIES = b"ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
TRIM_LIMIT_ALONE = b"ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
TRIM_NO_STRATEGY = b"ERR syntax error, XTRIM must be called with a trimming strategy"
TRIM_LIMIT_EXACT = b"ERR syntax error, LIMIT cannot be used without the special ~ option"
TRIM_MAXLEN_NEGATIVE = b"ERR The MAXLEN argument must be >= 0."
TRIM_LIMIT_NEGATIVE = b"ERR The LIMIT argument must be >= 0."
ENTRY_ID_ZERO = b"ERR The ID specified in XADD must be greater than 0-0"
ENTRY_ID_TOO_LOW = b"ERR The ID specified in XADD is equal or smaller than the target stream top item"
ENTRY_IDS_EXHAUSTED = b"ERR The stream has exhausted the last possible ID, unable to add more items"
LAST_ID_BELOW_DELETED = b"ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
LAST_ID_BELOW_GIVEN = b"ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
LAST_ID_BELOW_TOP = b"ERR The ID specified in XSETID is smaller than the target stream top item"
ENTRIES_ADDED_NEGATIVE = b"ERR entries_added must be positive"
ENTRIES_ADDED_TOO_LOW = b"ERR The entries_added specified in XSETID is smaller than the target stream length"
ENTRIES_READ_NEGATIVE = b"ERR value for ENTRIESREAD must be positive or -1"
NO_STREAM_FOR_GROUP = (
    b"ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM "
    b"option to create an empty stream automatically."
)
GROUP_EXISTS = b"BUSYGROUP Consumer Group name already exists"
GROUP_MISSING = b"ERR Missing GROUP option for XREADGROUP"
NEW_ID_IN_XREAD = (
    b"ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
)
BIT_OFFSET_INVALID = b"ERR bit offset is not an integer or out of range"
BIT_INVALID = b"ERR bit is not an integer or out of range"
BIT_NOT_BINARY = b"ERR The bit argument must be 1 or 0."
BITOP_NOT_SINGLE = b"ERR BITOP NOT must be called with a single source key."
BITFIELD_TYPE = b"ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
BITFIELD_OVERFLOW = b"ERR Invalid OVERFLOW type specified"
BITFIELD_READ_ONLY = b"ERR BITFIELD_RO only supports the GET subcommand"
NOT_HYPERLOGLOG = b"WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPTED_HYPERLOGLOG = b"INVALIDOBJ Corrupted HLL object detected"
HYPERLOGLOG_MISSING = b"ERR The specified key does not exist"
HYPERLOGLOG_NOT_SPARSE = b"ERR HLL encoding is not sparse"
SELF_TEST_FAILED = b"TESTFAILED the estimated count is off by more than it may be"
NOT_ON_OR_OFF = b"ERR Argument must be ON or OFF"
GEO_UNIT = b"ERR unsupported unit provided. please use M, KM, FT, MI"
GEO_RADIUS_NOT_NUMBER = b"ERR need numeric radius"
GEO_RADIUS_NEGATIVE = b"ERR radius cannot be negative"
GEO_WIDTH_NOT_NUMBER = b"ERR need numeric width"
GEO_HEIGHT_NOT_NUMBER = b"ERR need numeric height"
GEO_SIDE_NEGATIVE = b"ERR height or width cannot be negative"
GEO_CORNERS_INVALID = b"ERR invalid number of vertices"
GEO_CORNERS_TOO_FEW = b"ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"
COUNT_OPTION_NOT_POSITIVE = b"ERR COUNT must be > 0"
GEO_ANY_WITHOUT_COUNT = b"ERR the ANY argument requires COUNT argument"
KEYS_BEYOND_ARGUMENTS = b"ERR Number of keys can't be greater than number of args"
LIMIT_NEGATIVE = b"ERR LIMIT can't be negative"
VALUE_OUT_OF_RANGE = b"ERR value is out of range"
SCORE_NAN = b"ERR resulting score is not a number (NaN)"
SCORE_BOUND = b"ERR min or max is not a float"
LEX_BOUND = b"ERR min or max not valid string range item"
WEIGHT_NOT_FLOAT = b"ERR weight value is not a float"
XX_WITH_NX = b"ERR XX and NX options at the same time are not compatible"
GT_LT_NX = b"ERR GT, LT, and/or NX options at the same time are not compatible"
INCR_PAIRS = b"ERR INCR option supports a single increment-element pair"
LIMIT_BY_RANK = b"ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
SCORES_BY_LEX = b"ERR syntax error, WITHSCORES not supported in combination with BYLEX"
RULE_SYNTAX = b"Syntax error"
RULE_UNKNOWN = b"Unknown command or category name in ACL"
RULE_ARGUMENT_OF_SUBCOMMAND = b"Allowing first-arg of a subcommand is not supported"
RULE_HASH = b"The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
RULE_NO_SUCH_PASSWORD = b"The password you are trying to remove from the user does not exist"
RULE_DATABASE = b"The provided database ID is out of range"
PATTERN_AFTER_ALL_KEYS = (
    b"Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. "
    b"Try 'resetkeys' to start with an empty list of patterns"
)
PATTERN_AFTER_ALL_CHANNELS = (
    b"Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. "
    b"Try 'resetchannels' to start with an empty list of channels"
)
USER_NAME_INVALID = b"ERR Usernames can't contain spaces or null characters"
DEFAULT_USER_STAYS = b"ERR The 'default' user cannot be removed"
PASSWORD_BITS = (
    b"ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
)
NO_ACL_FILE = (
    b"ERR This instance is not configured to use an ACL file. "
    b"You may want to specify users via the ACL SETUSER command "
    b"and then issue a CONFIG REWRITE (assuming you have a configuration file set) in order to store users in the "
    b"configuration."
)
ACL_NOT_SAVED = b"ERR There was an error trying to save the ACLs. Please check the server logs for more information"
ACL_LINE = b"a line is: user <name> <rule> ..."
SORT_BY_DENIED = b"ERR BY option of SORT denied due to insufficient ACL permissions."
SORT_GET_DENIED = b"ERR GET option of SORT denied due to insufficient ACL permissions."
SORT_SLOTS = b"ERR %b option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots."
HASH_NOT_INTEGER = b"ERR hash value is not an integer"
HASH_NOT_FLOAT = b"ERR hash value is not a float"
VALUE_NOT_FINITE = b"ERR value is NaN or Infinity"
NUMFIELDS = b"ERR numfields should be greater than 0 and match the provided number of fields"
MONITOR_DENIED = b"ERR MONITOR isn't allowed for DENY BLOCKING client"
CACHING_WITHOUT_TRACKING = (
    b"ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
)
CACHING_YES = b"ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
CACHING_NO = b"ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
REDIRECT_MISSING = b"ERR The client ID you want redirect to does not exist"
REDIRECT_TWICE = b"ERR A client can only redirect to a single other client"
PREFIX_WITHOUT_BCAST = b"ERR PREFIX option requires BCAST mode to be enabled"
BCAST_SWITCH = (
    b"ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a "
    b"different mode."
)
BCAST_WITH_CHOICE = b"ERR OPTIN and OPTOUT are not compatible with BCAST"
OPTIN_WITH_OPTOUT = b"ERR You can't specify both OPTIN mode and OPTOUT mode"
CHOICE_SWITCH = (
    b"ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a "
    b"different mode."
)


def io_error(doing: bytes) -> bytes:
    """The error of a connection to another server."""
    return b"IOERR error or timeout %b" % doing


def journal_failed(reason: bytes) -> bytes:
    """Keys cannot be changed while the journal cannot be written."""
    return b"MISCONF Errors writing to the AOF file: " + reason


def wrong_arity(name: bytes) -> bytes:
    """The error of a command called with too few or too many arguments; `name` as ``get`` or ``client|kill``."""
    return b"ERR wrong number of arguments for '%b' command" % name.lower()


def unknown_command(args: list[bytes]) -> bytes:
    """The error of a name that is no command, with the beginning of its arguments (128 bytes of each, and of all)."""
    shown = b""
    for arg in args[1:]:
        if len(shown) >= 128:
            break
        shown += b"'%b' " % up_to_zero(arg[: 128 - len(shown)])
    return printable(b"ERR unknown command '%b', with args beginning with: %b" % (up_to_zero(args[0][:128]), shown))


def unknown_subcommand(subcommand: bytes, container: bytes) -> bytes:
    """The error of a subcommand that its container does not have."""
    return printable(b"ERR unknown subcommand '%b'. Try %b HELP." % (up_to_zero(subcommand[:128]), container.upper()))


def not_in_transaction(name: bytes) -> bytes:
    """The error of a command that MULTI refuses to queue; `name` as ``client|reply``."""
    return b"ERR Command '%b' not allowed inside a transaction" % name


def exec_aborted(reason: bytes) -> bytes:
    """The error of an EXEC that is refused for `reason`, an error text."""
    return b"EXECABORT Transaction discarded because of: " + reason.removeprefix(b"ERR ")


def invalid_expire(name: bytes) -> bytes:
    """The error of an expiration that is zero, negative or too large; `name` as ``set``."""
    return b"ERR invalid expire time in '%b' command" % name


def printable(text: bytes) -> bytes:
    """`text` on one line: an error reply ends at its first line end."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


def hello_option(option: bytes) -> bytes:
    """The error of an option that HELLO does not know, or that lacks its arguments."""
    return printable(b"ERR Syntax error in HELLO option '%b'" % up_to_zero(option))


def attribute_invalid(name: bytes) -> bytes:
    """The error of a value of CLIENT SETINFO that is not printable."""
    return printable(b"ERR %b cannot contain spaces, newlines or special characters." % name)


def attribute_unknown(name: bytes) -> bytes:
    """The error of an attribute that CLIENT SETINFO does not know."""
    return printable(b"ERR Unrecognized option '%b'" % up_to_zero(name))


def no_such_user(name: bytes) -> bytes:
    """The error of a filter that names a user who does not exist."""
    return printable(b"ERR No such user '%b'" % name)


def rewrite_failed(reason: str) -> bytes:
    """The error of settings that could not be kept."""
    return printable(b"ERR Rewriting config file: %b" % reason.encode())


def unknown_replconf(name: bytes) -> bytes:
    """The error of a fact about replicas that nobody knows."""
    return printable(b"ERR Unrecognized REPLCONF option: %b" % up_to_zero(name))


def unknown_part(name: bytes) -> bytes:
    """The error of a part of the data that a replica cannot ask for."""
    return printable(b"ERR Unsupported rdb-filter-only option: %b" % up_to_zero(name))


def version_format(text: bytes) -> bytes:
    """The error of a version that is none."""
    return printable(b"ERR Unrecognized version format: %b" % up_to_zero(text))


def unknown_client_type(name: bytes) -> bytes:
    """The error of a filter that names a type of clients that does not exist."""
    return printable(b"ERR Unknown client type '%b'" % up_to_zero(name))


def unknown_in_filter(kind: bytes, text: bytes) -> bytes:
    """The error of a filter with a letter that means nothing; `kind` as ``flags``."""
    return printable(b"ERR Unknown %b found in the provided filter: %b" % (kind, text))


def not_integer(name: bytes) -> bytes:
    """The error of a number that is none; `name` is what it stands for."""
    return b"ERR %b is not an integer or out of range" % name


def too_low(name: bytes) -> bytes:
    """The error of a number that must be positive."""
    return b"ERR %b should be greater than 0" % name


def db_out_of_range(name: bytes, count: int) -> bytes:
    """The error of a filter's database that does not exist."""
    return b"ERR %b number should be between 0 and %d" % (name, count - 1)


def debug_refused(name: bytes) -> bytes:
    """The error of DEBUG, and of what is allowed where it is, for a client that may not use it."""
    return (
        b'ERR %b command not allowed. If the enable-debug-command option is set to "local", you can run it from a '
        b"local connection, otherwise you need to set this option in the configuration file, and then restart the "
        b"server." % name
    )


def bad_subcommand(subcommand: bytes, container: bytes) -> bytes:
    """The error of a subcommand that does not exist, or whose arguments are too few or too many, where they are one."""
    return printable(
        b"ERR unknown subcommand or wrong number of arguments for '%b'. Try %b HELP."
        % (up_to_zero(subcommand[:128]), container)
    )


def no_samples(event: bytes) -> bytes:
    """The error of a latency graph without spikes."""
    return printable(b"ERR No samples available for event '%b'" % up_to_zero(event))


def unsupported_option(option: bytes) -> bytes:
    """The error of a word that is no condition of EXPIRE; the reference shows it up to a zero byte."""
    return printable(b"ERR Unsupported option %b" % option.partition(b"\0")[0])


def unknown_type(name: bytes) -> bytes:
    """The error of a type that SCAN does not know."""
    return printable(b"ERR unknown type name '%b'" % name.partition(b"\0")[0])


def no_group(key: bytes, group: bytes) -> bytes:
    """The error of a consumer group that does not exist, or whose stream does not."""
    return printable(b"NOGROUP No such key '%b' or consumer group '%b'" % (up_to_zero(key), up_to_zero(group)))


def no_group_in_stream(key: bytes, group: bytes) -> bytes:
    """The error of a consumer group that an existing stream does not have."""
    return printable(b"NOGROUP No such consumer group '%b' for key name '%b'" % (up_to_zero(group), up_to_zero(key)))


def no_group_to_read(key: bytes, group: bytes) -> bytes:
    """The error of a consumer group that XREADGROUP does not find."""
    return no_group(printable(key), group) + b" in XREADGROUP with GROUP option"


def unbalanced_streams(name: bytes, symbol: bytes) -> bytes:
    """The error of as many keys as IDs that are not as many; `name` as ``xread``."""
    return b"ERR Unbalanced '%b' list of streams: for each stream key an ID or '%b' must be specified." % (name, symbol)


def meaningless_id(symbol: bytes) -> bytes:
    """The error of a special ID that means nothing to XREADGROUP."""
    return (
        b"ERR The %b ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by "
        b"specifying a proper ID, or use the > ID to get new messages. The %b ID would just return an empty result set."
    ) % (symbol, symbol)


def only_in_xreadgroup(option: bytes) -> bytes:
    """The error of an option that XREAD does not have."""
    return b"ERR The %b option is only supported by XREADGROUP. You called XREAD instead." % option


def invalid_claim_argument(name: bytes, command: bytes) -> bytes:
    """The error of a number that is none; `name` as ``IDLE option``, `command` as ``XCLAIM``."""
    return b"ERR Invalid %b argument for %b" % (name, command)


def unknown_claim_option(option: bytes) -> bytes:
    """The error of an option that XCLAIM does not know."""
    return printable(b"ERR Unrecognized XCLAIM option '%b'" % option)


def unknown_pfdebug(subcommand: bytes) -> bytes:
    """The error of a subcommand that PFDEBUG does not know."""
    return printable(b"ERR Unknown PFDEBUG subcommand '%b'" % subcommand)


def invalid_position(longitude: float, latitude: float) -> bytes:
    """The error of a position that is not on the map."""
    return b"ERR invalid longitude,latitude pair %f,%f" % (longitude, latitude)


def no_such_member(member: bytes) -> bytes:
    """The error of a member that a search cannot begin at."""
    return printable(b"ERR member %b does not exist" % member)


def not_with_store(command: bytes) -> bytes:
    """The error of details that are asked for where the result is stored."""
    return b"ERR %b is not compatible with WITHDIST, WITHHASH and WITHCOORD options" % command


def needs_centre(name: bytes) -> bytes:
    """The error of a search without a centre; `name` as ``GEOSEARCH``."""
    return b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %b" % name


def needs_shape(name: bytes) -> bytes:
    """The error of a search without a shape."""
    return b"ERR exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for %b" % name


def only_in(option: bytes, command: bytes) -> bytes:
    """The error of an option of a scan that belongs to another command."""
    return b"ERR %b option can only be used in %b" % (option, command)


def no_input_keys(name: bytes) -> bytes:
    """The error of an operation on sorted sets that is given no keys; `name` as ``zunion``."""
    return b"ERR at least 1 input key is needed for '%b' command" % name


def up_to_zero(text: bytes) -> bytes:
    """What a C program would show of `text`."""
    return text.split(b"\0", 1)[0]


def wrong_rule(rule: bytes, reason: bytes) -> bytes:
    """The error of a rule of access control that cannot be read."""
    return printable(b"ERR Error in ACL SETUSER modifier '%b': %b" % (up_to_zero(rule), reason))


def unclosed_selector(begin: bytes) -> bytes:
    """The error of a selector without its closing parenthesis."""
    return printable(b"ERR Unmatched parenthesis in acl selector starting at '%b'." % begin)


def not_permitted(reason: bytes, user: bytes, command: bytes) -> bytes:
    """The error of a request that access control refuses; `reason` as ``key``."""
    if reason == b"command":
        return printable(b"NOPERM User %b has no permissions to run the '%b' command" % (user, command))
    article = b"" if reason == b"database" else b"a "
    return b"NOPERM No permissions to access %b%b" % (article, reason)


def not_permitted_in_detail(reason: bytes, user: bytes, subject: bytes) -> bytes:
    """What ACL DRYRUN says of such a request; `subject` is what must not be accessed."""
    if reason == b"command":
        return not_permitted(reason, user, subject).removeprefix(b"NOPERM ")
    if reason == b"database":
        return b"User %b has no permissions to access database %b" % (user, subject)
    return b"User %b has no permissions to access the '%b' %b" % (user, subject, reason)


def acl_changed(reason: bytes) -> bytes:
    """The error of a request that was queued before access control began to refuse it."""
    shown = {
        b"command": b"no permission to execute the command or subcommand",
        b"key": b"no permission to touch the specified keys",
        b"channel": b"no permission to access one of the channels used as arguments",
        b"database": b"no permission",
    }[reason]
    return (
        b"NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
        b"This command is no longer allowed for the following reason: " + shown
    )


def prefixes_overlap(prefix: bytes, kind: bytes, other: bytes) -> bytes:
    """The error of a prefix that begins another one; `kind` as ``an existing``."""
    text = b"ERR Prefix '%b' overlaps with %b prefix '%b'. Prefixes for a single client must not overlap."
    return printable(text % (prefix, kind, other))


def unknown_node(node_id: bytes) -> bytes:
    """The error of a shard that does not exist."""
    return printable(b"ERR Unknown node %b" % node_id)


def unknown_category(name: bytes) -> bytes:
    """The error of a category of commands that does not exist."""
    return printable(b"ERR Unknown category '%b'" % up_to_zero(name))


def user_not_found(name: bytes) -> bytes:
    """The error of ACL DRYRUN for a user who does not exist."""
    return printable(b"ERR User '%b' not found" % up_to_zero(name))


def command_not_found(name: bytes) -> bytes:
    """The error of ACL DRYRUN for a command that does not exist."""
    return printable(b"ERR Command '%b' not found" % up_to_zero(name))


def acl_unreadable(path: str, reason: str) -> bytes:
    """The error of a file of users that cannot be read."""
    name = path.encode(errors="replace")
    return printable(b"ERR Error loading ACLs, opening file '%b': %b" % (name, reason.encode()))


def acl_wrong(lines: list[bytes]) -> bytes:
    """The error of a file of users in which some lines are wrong."""
    return printable(b"ERR " + b". ".join(lines) + b". WARNING: the users stay as they were")


def acl_duplicate(name: bytes) -> bytes:
    """What is wrong with a second line for a user."""
    return b"user '%b' is there twice" % name
