"""Every error text that a client can read, once.

Clients match on these texts (a library falls back on ``NOSCRIPT``, retries on ``LOADING``), so they are the reference's to the
letter. A text starts with its code; ``ERR`` is the code of everything that has no better one.
"""

from __future__ import annotations


class CommandError(Exception):
    """A command refused: `text` is the whole error line, code included, without the leading ``-`` and the line end."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


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
NAN_OR_INFINITY = b"ERR increment would produce NaN or Infinity"
OUT_OF_RANGE = b"ERR index out of range"
OFFSET_OUT_OF_RANGE = b"ERR offset is out of range"
STRING_TOO_LONG = b"ERR string exceeds maximum allowed size (proto-max-bulk-len)"
SAME_OBJECT = b"ERR source and destination objects are the same"
DB_OUT_OF_RANGE = b"ERR DB index is out of range"
INVALID_DB = b"ERR invalid DB index"
INVALID_CURSOR = b"ERR invalid cursor"
TIMEOUT_NOT_FLOAT = b"ERR timeout is not a float or out of range"
TIMEOUT_NEGATIVE = b"ERR timeout is negative"
TIMEOUT_OUT_OF_RANGE = b"ERR timeout is out of range"
NO_AUTH = b"NOAUTH Authentication required."
WRONG_PASSWORD = b"WRONGPASS invalid username-password pair or user is disabled."
NO_PROTOCOL = b"NOPROTO unsupported protocol version"
OUT_OF_MEMORY = b"OOM command not allowed when used memory > 'maxmemory'."
MAX_CLIENTS = b"ERR max number of clients reached"
EXEC_ABORT = b"EXECABORT Transaction discarded because of previous errors."
NO_SCRIPT = b"NOSCRIPT No matching script. Please use EVAL."
UNBLOCKED = b"UNBLOCKED client unblocked via CLIENT UNBLOCK"


def wrong_arity(name: bytes) -> bytes:
    """The error of a command called with too few or too many arguments; `name` as ``get`` or ``client|kill``."""
    return b"ERR wrong number of arguments for '%b' command" % name.lower()


def unknown_command(args: list[bytes]) -> bytes:
    """The error of a name that is no command, with the beginning of its arguments (128 bytes of each, and of all)."""
    shown = b""
    for arg in args[1:]:
        if len(shown) >= 128:
            break
        shown += b"'%b' " % arg[: 128 - len(shown)]
    return printable(b"ERR unknown command '%b', with args beginning with: %b" % (args[0][:128], shown))


def unknown_subcommand(container: bytes, subcommand: bytes) -> bytes:
    """The error of a subcommand that its container does not have."""
    return printable(b"ERR unknown subcommand '%b'. Try %b HELP." % (subcommand[:128], container.upper()))


def invalid_expire(name: bytes) -> bytes:
    """The error of an expiration that is zero, negative or too large; `name` as ``set``."""
    return b"ERR invalid expire time in '%b' command" % name


def printable(text: bytes) -> bytes:
    """`text` on one line: an error reply ends at its first line end."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")
