"""What repeats a call that would do something else at another time, or elsewhere: functions for `Declaration.effect`.

Each takes the request, what the command returned (or what it told beside that, see `Told`) and the time in
milliseconds since the epoch, and returns the requests that do the same, wherever and whenever they are run: times are
absolute, what was chosen by chance or by waiting is named, conditions that were met are gone. They are called only if
the command changed something, and they change nothing themselves. What all servers know is preferred to what only new
ones do.
"""

from typing import Any

import cython

from geventcache.base.times import NEVER_MS
from geventcache.command.expiration import any_deadline_of
from geventcache.types.stream_ids import format_id

DEL = b"DEL"
HDEL = b"HDEL"
FIELDS = b"FIELDS"
KEEPTTL = b"KEEPTTL"
PXAT = b"PXAT"
UNITS = {b"EX": (True, True), b"PX": (False, True), b"EXAT": (True, False), b"PXAT": (False, False)}
DONE, EXPIRED = 1, 2  # what HEXPIRE and its kin answer for a field

Request = list[bytes]


class Told:
    """What a command returns if its effect needs more than its value.

    Attributes:
        value: what is answered.
        facts: what the function of its declaration gets.
    """

    def __init__(self, value, facts) -> None:
        self.value = value
        self.facts = facts


@cython.cfunc
def number(n: cython.longlong) -> bytes:
    """An integer as an argument."""
    return b"%d" % n


@cython.cfunc
def deadline_among(words: list[bytes], now_ms: cython.longlong) -> cython.longlong:
    """The deadline that the words of a request set, in milliseconds since the epoch; 0 if they set none."""
    for i, word in enumerate(words[:-1]):
        unit = UNITS.get(word.upper())
        if unit is not None:
            is_seconds, is_relative = unit
            return any_deadline_of(int(words[i + 1]), is_seconds, now_ms if is_relative else 0, b"")
    return 0


# ---------------------------------------------------------------------- strings and keys


def set_(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """SET and what it was asked for."""
    if len(args) == 3:
        return [args]
    words = options_of_set(args)
    deadline_ms: cython.longlong = deadline_among(words, now_ms)
    if deadline_ms:
        return set_until(args[1], args[2], deadline_ms, now_ms)
    return [[b"SET", args[1], args[2], *[word for word in words if word.upper() == KEEPTTL]]]


@cython.cfunc
def options_of_set(args: list[bytes]) -> Request:
    """The options of SET without IFEQ and its value, which may read like another one."""
    words: list[bytes] = []
    rest = iter(args[3:])
    for word in rest:
        if word.upper() == b"IFEQ":
            next(rest, None)
        else:
            words.append(word)
    return words


@cython.cfunc
def set_until(key: bytes, value: bytes, deadline_ms: cython.longlong, now_ms: cython.longlong) -> list[Request]:
    """A string was stored that has a deadline, or is gone at once if that is over."""
    return [[b"SET", key, value, PXAT, number(deadline_ms)] if deadline_ms > now_ms else [DEL, key]]


def setex(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """SETEX."""
    return set_until(args[1], args[3], any_deadline_of(int(args[2]), True, now_ms, b""), now_ms)


def psetex(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """PSETEX."""
    return set_until(args[1], args[3], any_deadline_of(int(args[2]), False, now_ms, b""), now_ms)


def getset(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """GETSET."""
    return [[b"SET", args[1], args[2]]]


def delete(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """GETDEL, DELIFEQ: the key is gone."""
    return [[DEL, args[1]]]


def incrbyfloat(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """INCRBYFLOAT: machines add floating point numbers differently."""
    return [[b"SET", args[1], value, KEEPTTL]]


def msetex(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """MSETEX, which a Redis does not know, or only a new one."""
    stop: cython.Py_ssize_t = 2 + 2 * int(args[1])
    pairs, words = args[2:stop], args[stop:]
    deadline_ms: cython.longlong = deadline_among(words, now_ms)
    if 0 < deadline_ms <= now_ms:
        return [[DEL, *pairs[::2]]]
    options: Request = [PXAT, number(deadline_ms)] if deadline_ms else []
    if not options and KEEPTTL in [word.upper() for word in words]:
        options = [KEEPTTL]
    if not options:
        return [[b"MSET", *pairs]]
    return [[b"SET", pairs[i], pairs[i + 1], *options] for i in range(0, len(pairs), 2)]


@cython.cfunc
def expire_key(key: bytes, deadline_ms: cython.longlong, now_ms: cython.longlong) -> list[Request]:
    """A key was given a deadline, and is gone if that is over."""
    return [[b"PEXPIREAT", key, number(deadline_ms)] if deadline_ms > now_ms else [DEL, key]]


def getex(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """GETEX, which changed the deadline."""
    deadline_ms: cython.longlong = deadline_among(args[2:], now_ms)
    return expire_key(args[1], deadline_ms, now_ms) if deadline_ms else [[b"PERSIST", args[1]]]


def expire(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """EXPIRE."""
    return expire_key(args[1], any_deadline_of(int(args[2]), True, now_ms, b""), now_ms)


def pexpire(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """PEXPIRE."""
    return expire_key(args[1], any_deadline_of(int(args[2]), False, now_ms, b""), now_ms)


def expireat(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """EXPIREAT."""
    return expire_key(args[1], any_deadline_of(int(args[2]), True, 0, b""), now_ms)


def pexpireat(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """PEXPIREAT."""
    return expire_key(args[1], any_deadline_of(int(args[2]), False, 0, b""), now_ms)


def restore(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """RESTORE, and its name in a cluster, whose deadline is counted from now unless the request says otherwise.

    Of a payload that only new servers read it tells one that all do, and the fields that have deadlines by these.
    """
    times: dict[int, list[bytes]] = {}
    if type(value) is tuple:
        data, times = value
        args = [*args[:3], data, *args[4:]]
    ttl_ms, is_absolute = int(args[2]), b"ABSTTL" in [word.upper() for word in args[4:]]
    if is_absolute and 0 < ttl_ms <= now_ms:
        return [[DEL, args[1]]]
    if ttl_ms and not is_absolute:
        args = [b"RESTORE", args[1], number(min(ttl_ms + now_ms, NEVER_MS - 1)), *args[3:], b"ABSTTL"]
    requests: list[Request] = [args]
    for deadline_ms, names in times.items():
        requests += fields_until(args[1], names, deadline_ms, now_ms)
    return requests


def flush(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """FLUSHALL, FLUSHDB: whoever follows need not stand still until the memory is free.

    A Redis 8 that loses its link to the primary while it does forgets where it was, and needs all data again.
    """
    return [[args[0], b"ASYNC"]]


def debug(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """DEBUG: what it loads again is what was there."""
    return [args] if args[1].upper() == b"POPULATE" else []


# ---------------------------------------------------------------------- lists, sets, sorted sets


def blmove(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """BLMOVE."""
    return [[b"LMOVE", *args[1:5]]]


def brpoplpush(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """BRPOPLPUSH."""
    return [[b"RPOPLPUSH", *args[1:3]]]


def blpop(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """BLPOP, which took from one of its keys."""
    return [[b"LPOP", value[0]]]


def brpop(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """BRPOP, which took from one of its keys."""
    return [[b"RPOP", value[0]]]


def bzpopmin(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """BZPOPMIN, which took from one of its keys."""
    return [[b"ZPOPMIN", value[0]]]


def bzpopmax(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """BZPOPMAX, which took from one of its keys."""
    return [[b"ZPOPMAX", value[0]]]


@cython.cfunc
def where_of(args: list[bytes], at: cython.Py_ssize_t) -> bytes:
    """The word behind the keys of a request whose number stands at `at`."""
    return args[at + 1 + int(args[at])].upper()


@cython.cfunc
def popped(name: bytes, value: Any) -> list[Request]:
    """So many elements were taken from one of several keys; `value` has the key and the elements."""
    return [[name, value[0], number(len(value[1]))]]


def lmpop(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """LMPOP."""
    return popped(b"LPOP" if where_of(args, 1) == b"LEFT" else b"RPOP", value)


def blmpop(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """BLMPOP."""
    return popped(b"LPOP" if where_of(args, 2) == b"LEFT" else b"RPOP", value)


def zmpop(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """ZMPOP."""
    return popped(b"ZPOPMIN" if where_of(args, 1) == b"MIN" else b"ZPOPMAX", value)


def bzmpop(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """BZMPOP."""
    return popped(b"ZPOPMIN" if where_of(args, 2) == b"MIN" else b"ZPOPMAX", value)


def spop(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """SPOP: the members that chance has chosen."""
    return [[b"SREM", args[1], *([value] if len(args) == 2 else value)]]


# ---------------------------------------------------------------------- hashes


@cython.cfunc
def fields_at(args: list[bytes]) -> cython.Py_ssize_t:
    """Where the word FIELDS stands in a request."""
    at: cython.Py_ssize_t = 2
    while args[at].upper() != FIELDS:
        at += 1
    return at


@cython.cfunc
def fields_until(
    key: bytes, names: list[bytes], deadline_ms: cython.longlong, now_ms: cython.longlong
) -> list[Request]:
    """Fields were given a deadline, and are gone if that is over."""
    if not names:
        return []
    if deadline_ms <= now_ms:
        return [[HDEL, key, *names]]
    return [[b"HPEXPIREAT", key, number(deadline_ms), FIELDS, number(len(names)), *names]]


@cython.cfunc
def expired_fields(
    args: list[bytes], value: Any, is_seconds: cython.bint, base_ms: cython.longlong, now_ms: cython.longlong
) -> list[Request]:
    """The fields of a request of the HEXPIRE family that `value` tells to have a new deadline, or to be gone."""
    names = args[fields_at(args) + 2 :]
    chosen = [name for name, answer in zip(names, value, strict=True) if answer in (DONE, EXPIRED)]
    return fields_until(args[1], chosen, any_deadline_of(int(args[2]), is_seconds, base_ms, b""), now_ms)


def hexpire(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """HEXPIRE."""
    return expired_fields(args, value, True, now_ms, now_ms)


def hpexpire(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """HPEXPIRE."""
    return expired_fields(args, value, False, now_ms, now_ms)


def hexpireat(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """HEXPIREAT."""
    return expired_fields(args, value, True, 0, now_ms)


def hpexpireat(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """HPEXPIREAT."""
    return expired_fields(args, value, False, 0, now_ms)


@cython.cfunc
def persisted(key: bytes, names: list[bytes]) -> list[Request]:
    """Fields have no deadlines any more."""
    return [[b"HPERSIST", key, FIELDS, number(len(names)), *names]] if names else []


def hpersist(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """HPERSIST: of a field that was due, the end comes by itself."""
    return persisted(args[1], [name for name, answer in zip(args[4:], value, strict=True) if answer == DONE])


def hgetdel(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """HGETDEL."""
    return [[HDEL, args[1], *args[4:]]]


def hgetex(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """HGETEX, which changed deadlines."""
    at: cython.Py_ssize_t = fields_at(args)
    names = [name for name, held in zip(args[at + 2 :], value, strict=True) if held is not None]
    deadline_ms: cython.longlong = deadline_among(args[2:at], now_ms)
    return fields_until(args[1], names, deadline_ms, now_ms) if deadline_ms else persisted(args[1], names)


def hsetex(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """HSETEX, which tells the fields that have kept their deadlines, if there are any.

    Servers that know no deadlines of fields get the values even so.
    """
    at: cython.Py_ssize_t = fields_at(args)
    words, pairs = args[2:at], args[at + 2 :]
    deadline_ms: cython.longlong = deadline_among(words, now_ms)
    if 0 < deadline_ms <= now_ms:
        return [[HDEL, args[1], *pairs[::2]]]
    requests: list[Request] = [[b"HSET", args[1], *pairs]]
    if deadline_ms:
        requests += fields_until(args[1], list(dict.fromkeys(pairs[::2])), deadline_ms, now_ms)
    elif type(value) is dict:
        for field, kept_ms in value.items():
            requests += fields_until(args[1], [field], kept_ms, now_ms)
    return requests


def hincrbyfloat(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """HINCRBYFLOAT, which tells the field's value and its deadline, None if there is none."""
    text, deadline_ms = value
    requests: list[Request] = [[b"HSET", args[1], args[2], text]]
    if deadline_ms is not None:
        requests += fields_until(args[1], [args[2]], deadline_ms, now_ms)
    return requests


# ---------------------------------------------------------------------- streams


def xadd(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """XADD, which tells the ID, where it stands among the arguments, and the length that is left if it trimmed."""
    if type(value) is bytes:
        return [[b"XADD", args[1], value, *args[3:]]]
    entry_id, at, length = value
    options = [] if length is None else [b"MAXLEN", b"=", number(length)]
    return [[b"XADD", args[1], *options, entry_id, *args[at + 1 :]]]


def xtrim(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """XTRIM, which tells the length that is left."""
    return [[b"XTRIM", args[1], b"MAXLEN", b"=", number(value)]]


class Delivery:
    """What a command did to a consumer group.

    Attributes:
        key, group, consumer: names.
        is_new: the consumer is.
        claims: who has which entries now: (deliveries, time of the last one in milliseconds, IDs).
        gone: IDs that are not pending any more.
        place: the last ID that the group was given and how many entries it has read, if that changed; else None.
    """

    def __init__(self, key: bytes, group: bytes, consumer: bytes, is_new: bool) -> None:
        self.key = key
        self.group = group
        self.consumer = consumer
        self.is_new = is_new
        self.claims: list[tuple[int, int, list[int]]] = []
        self.gone: list[int] = []
        self.place: tuple[int, int] | None = None

    def claim(self, pending: Any) -> None:
        """A pending entry is the consumer's."""
        count, time_ms = pending.delivery_count, pending.delivery_time_ms
        if self.claims and self.claims[-1][:2] == (count, time_ms):
            self.claims[-1][2].append(pending.entry_id)
        else:
            self.claims.append((count, time_ms, [pending.entry_id]))

    def requests(self) -> list[Request]:
        """What does the same."""
        found: list[Request] = []
        if self.is_new:
            found.append([b"XGROUP", b"CREATECONSUMER", self.key, self.group, self.consumer])
        for count, time_ms, ids in self.claims:
            terms = [b"TIME", number(time_ms), b"RETRYCOUNT", number(count), b"FORCE", b"JUSTID"]
            found.append([b"XCLAIM", self.key, self.group, self.consumer, b"0", *map(format_id, ids), *terms])
        if self.gone:
            found.append([b"XACK", self.key, self.group, *map(format_id, self.gone)])
        if self.place is not None:
            found.append(self.move(*self.place))
        return found

    def move(self, last_id: int, entries_read: int) -> Request:
        """Put the group where it is."""
        words = [b"XGROUP", b"SETID", self.key, self.group, format_id(last_id)]
        return [*words, b"ENTRIESREAD", number(entries_read)] if entries_read >= 0 else words


def delivered(args: list[bytes], value: Any, now_ms: cython.longlong) -> list[Request]:
    """XREADGROUP, XCLAIM, XAUTOCLAIM, which tell a Delivery for each stream."""
    return [request for delivery in value for request in delivery.requests()]


# Up to how many items a request is its own effect, though its command has a function for longer ones.
PLAIN: dict[Any, int] = {set_: 3}
