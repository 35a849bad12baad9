"""Keys and values for the page, read by commands as the user who asks.

The rules:

- Every command passes the gate, as one of a RESP client does. What is read by other means asks the gate for the command
  that would tell the same.
- A look ends after some milliseconds, wherever it is, and tells where to go on; clients are let in while it lasts.
- What is shown of a value is cut before it is copied: a list may hold the longest strings there are.
- Looking is no use of a key: it does not keep it from being evicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import gevent

from geventcache.base.clock import monotonic_us
from geventcache.base.errors import CommandError
from geventcache.base.numbers import format_float, parse_integer
from geventcache.server.slices import TINY_SECONDS
from geventcache.services.limits.client_memory import memory_of
from geventcache.services.observing.client_report import age_of, flags_of, idle_of

LOOK_US = 4000
PAGE_KEYS = 100  # as many keys, or as few more as one step of SCAN gives
STEP_KEYS = 100
KEYS_A_TURN = 20
ROWS = 50
STRING_BYTES = 4096
ITEM_BYTES = 512
ID_BYTES = 2048  # a longer key is shown and cannot be opened: its name fits into no request
CLIENTS = 100
SLOW_ENTRIES = 32
PAUSED = b"ERR the server is paused"
SIZES = {
    b"string": b"STRLEN",
    b"hash": b"HLEN",
    b"list": b"LLEN",
    b"set": b"SCARD",
    b"zset": b"ZCARD",
    b"stream": b"XLEN",
}

Row = list[dict[str, Any]]


class Browser:
    """One visitor's commands.

    Args:
        server: whose data it is.
        client: who asks; it is not connected.
    """

    def __init__(self, server: Any, client: Any) -> None:
        self.server = server
        self.state = server.state
        self.client = client

    # ------------------------------------------------------------------ commands

    def may_run(self, *args: bytes) -> Any:
        """The command of a request, which may run now.

        Raises:
            CommandError: it may not.
        """
        request = list(args)
        command = self.state.table.find(request)
        text = self.state.engine.gate.refusal(self.client, command, request)
        if text is None and self.state.is_paused_for(self.client, command, request):
            text = PAUSED
        if text is not None:
            raise CommandError(text)
        return command

    def run(self, *args: bytes) -> Any:
        """Run a command and return its value.

        Raises:
            CommandError: it is refused, or fails.
        """
        command = self.may_run(*args)
        databases = self.state.databases
        were_paused = databases.are_uses_paused
        databases.pause_uses(True)
        try:
            value = self.state.engine.call_within(self.client, command, list(args))
        finally:
            databases.pause_uses(were_paused)
        if isinstance(value, CommandError):
            raise value
        return value

    def begin(self) -> None:
        """Commands will run now."""
        self.state.engine.begin_turn()

    def let_others_in(self) -> None:
        """Clients are served in between."""
        self.server.end_turn()
        gevent.sleep(TINY_SECONDS)
        self.begin()

    def select(self, query: Mapping[str, str]) -> None:
        """Go to the database that is asked for."""
        self.run(b"SELECT", query.get("db", "0").encode())

    # ------------------------------------------------------------------ keys

    def keys(self, query: Mapping[str, str]) -> dict[str, Any]:
        """A page of keys: those that match `match`, of the type `type`, from `cursor` on."""
        self.select(query)
        cursor = query.get("cursor", "0").encode()
        words = [b"MATCH", query.get("match", "*").encode() or b"*", b"COUNT", b"%d" % STEP_KEYS]
        if query.get("type"):
            words += [b"TYPE", query["type"].encode()]
        found: list[bytes] = []
        end_us = monotonic_us() + LOOK_US
        while True:
            cursor, names = self.run(b"SCAN", cursor, *words)
            found += names
            if cursor == b"0" or len(found) >= PAGE_KEYS or monotonic_us() >= end_us:
                break
            self.let_others_in()
        rows = []
        for i, key in enumerate(found):
            if i % KEYS_A_TURN == KEYS_A_TURN - 1:
                self.let_others_in()
            row = self.summary(key)
            if row is not None:
                rows.append(row)
        return {"cursor": cursor.decode(), "keys": rows}

    def summary(self, key: bytes) -> dict[str, Any] | None:
        """What is told of a key in a list; None if it has gone."""
        kind = bytes(self.run(b"TYPE", key))
        if kind == b"none":
            return None
        return {
            "name": shown(key, ITEM_BYTES),
            "id": key.hex() if len(key) <= ID_BYTES else None,
            "type": kind.decode(),
            "ttl_ms": self.run(b"PTTL", key),
            "size": self.run(SIZES[kind], key) if kind in SIZES else None,
        }

    # ------------------------------------------------------------------ a value

    def value(self, query: Mapping[str, str]) -> dict[str, Any]:
        """A page of a value, from `from` on."""
        self.select(query)
        key = bytes.fromhex(query.get("key", ""))
        told = self.summary(key)
        if told is None:
            return {"type": "none"}
        told["encoding"] = bytes(self.run(b"OBJECT", b"ENCODING", key)).decode()
        told["memory"] = self.run(b"MEMORY", b"USAGE", key)
        read = READERS.get(told["type"])
        rows, told["next"] = ([], None) if read is None else read(self, key, query.get("from", "0").encode())
        told["rows"] = rows
        return told

    def string_rows(self, key: bytes, start: bytes) -> tuple[list[Row], str | None]:
        """So many bytes of a string."""
        first = offset_of(start)
        data = self.run(b"GETRANGE", key, b"%d" % first, b"%d" % (first + STRING_BYTES - 1))
        is_last = first + STRING_BYTES >= self.run(b"STRLEN", key)
        return [[shown(data, STRING_BYTES)]], None if is_last else str(first + STRING_BYTES)

    def list_rows(self, key: bytes, start: bytes) -> tuple[list[Row], str | None]:
        """So many elements of a list."""
        first = offset_of(start)
        items = self.run(b"LRANGE", key, b"%d" % first, b"%d" % (first + ROWS - 1))
        return table((item,) for item in items), following(first, items)

    def zset_rows(self, key: bytes, start: bytes) -> tuple[list[Row], str | None]:
        """So many members of a sorted set, with their scores."""
        first = offset_of(start)
        items = self.run(b"ZRANGE", key, b"%d" % first, b"%d" % (first + ROWS - 1), b"WITHSCORES")
        rows = pairs(items)
        return table(rows), following(first, rows)

    def hash_rows(self, key: bytes, cursor: bytes) -> tuple[list[Row], str | None]:
        """Some fields of a hash."""
        cursor, items = self.run(b"HSCAN", key, cursor, b"COUNT", b"%d" % ROWS)
        return table(pairs(items)), None if cursor == b"0" else cursor.decode()

    def set_rows(self, key: bytes, cursor: bytes) -> tuple[list[Row], str | None]:
        """Some members of a set."""
        cursor, items = self.run(b"SSCAN", key, cursor, b"COUNT", b"%d" % ROWS)
        return table((item,) for item in items), None if cursor == b"0" else cursor.decode()

    def stream_rows(self, key: bytes, start: bytes) -> tuple[list[Row], str | None]:
        """So many entries of a stream; `start` is the ID of the last one seen."""
        first = b"-" if start == b"0" else b"(" + start
        entries = self.run(b"XRANGE", key, first, b"+", b"COUNT", b"%d" % ROWS)
        rows = table((entry_id, *islice(fields, 20)) for entry_id, fields in entries)
        return rows, entries[-1][0].decode() if len(entries) == ROWS else None

    # ------------------------------------------------------------------ clients, slow log

    def clients(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The clients that came last."""
        self.may_run(b"CLIENT", b"LIST")
        everybody = self.state.clients
        return {
            "total": len(everybody),
            "clients": [
                {
                    "id": one.id,
                    "address": one.address.decode(),
                    "name": shown(one.name, ITEM_BYTES)["text"],
                    "user": shown(one.user, ITEM_BYTES)["text"],
                    "library": shown(one.lib_name, ITEM_BYTES)["text"],
                    "age_s": age_of(one),
                    "idle_s": idle_of(one),
                    "flags": flags_of(one).decode(),
                    "command": one.last_command.decode(),
                    "memory": memory_of(one),
                }
                for one in islice(reversed(everybody.by_id.values()), CLIENTS)
            ],
        }

    def slow(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The latest entries of the slow log."""
        entries = self.run(b"SLOWLOG", b"GET", b"%d" % SLOW_ENTRIES)
        return {
            "entries": [
                {
                    "id": number,
                    "time_s": time_s,
                    "usec": usec,
                    "request": " ".join(shown(bytes(word), ITEM_BYTES)["text"] for word in request),
                    "client": address.decode(),
                }
                for number, time_s, usec, request, address, _ in entries
            ]
        }

    # ------------------------------------------------------------------ changes

    def change(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Delete a key, replace a string, or set a deadline.

        Raises:
            ValueError: that is none of it.
        """
        self.select({"db": str(wanted.get("db", 0))})
        key = bytes.fromhex(str(wanted.get("key", "")))
        action = wanted.get("action")
        if action == "delete":
            return {"done": self.run(b"UNLINK", key)}
        if action == "persist":
            return {"done": self.run(b"PERSIST", key)}
        if action == "expire":
            return {"done": self.run(b"PEXPIRE", key, b"%d" % int(str(wanted["ttl_ms"])))}
        if action == "set":
            self.run(b"SET", key, bytes.fromhex(str(wanted["value"])), b"XX", b"KEEPTTL")
            return {"done": 1}
        raise ValueError("no such action")


READERS = {
    "string": Browser.string_rows,
    "list": Browser.list_rows,
    "zset": Browser.zset_rows,
    "hash": Browser.hash_rows,
    "set": Browser.set_rows,
    "stream": Browser.stream_rows,
}


def offset_of(text: bytes) -> int:
    """A place in a string or a list.

    Raises:
        ValueError: it is none.
    """
    number = parse_integer(text)
    if number is None or number < 0:
        raise ValueError("no offset")
    return number


def following(first: int, items: Any) -> str | None:
    """Where the next page begins; None if this one is the last."""
    return str(first + ROWS) if len(items) == ROWS else None


def pairs(items: Any) -> list[Any]:
    """Pairs, which some commands return one by one, and others as one list."""
    values = list(items)
    if values and isinstance(values[0], (list, tuple)):
        return values
    return list(zip(values[::2], values[1::2], strict=True))


def table(rows: Iterable[Any]) -> list[Row]:
    """Rows as they are shown."""
    return [[shown(item, ITEM_BYTES) for item in row] for row in rows]


def shown(item: Any, limit: int) -> dict[str, Any]:
    """A value as text and as hexadecimal digits, cut, with its length in bytes."""
    data = format_float(item) if isinstance(item, float) else item if isinstance(item, bytes) else b"%d" % item
    head = data[:limit]
    return {"text": text_of(head, len(data) > limit), "hex": head.hex(), "size": len(data)}


def text_of(head: bytes, is_cut: bool) -> str:
    """Bytes as text; those that are no UTF-8 as escapes, a character that was cut in two left out."""
    try:
        return head.decode()
    except UnicodeDecodeError as error:
        if is_cut and error.reason == "unexpected end of data":
            return head[: error.start].decode()
        return head.decode("utf-8", "backslashreplace")
