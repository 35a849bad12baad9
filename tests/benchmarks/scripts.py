"""Scripts: server CPU of loops over every library and redis.call, and how soon a long script is told of and killed.

Every loop is one EVAL, the same text for all servers; long arguments come with it. A long script counts as busy when
PING is first refused, which is asked once a millisecond, and as killed when its own client has the error.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import hiredis

from .client import Client, Word, encode
from .harness import in_turn, parse, parser, programs
from .report import median, median_ratio, number, show, show_command
from .servers import Program, Server, all_running

_JOBS = 20_000
_JOB = b'{"id":12345,"body":"' + b"x" * 1_000 + b'"}'
_ASK_EVERY_S = 0.001


def _no_words() -> tuple[Word, ...]:
    return ()


class Loop(NamedTuple):
    """A script of the table: what it measures, its text, and its arguments."""

    name: str
    text: str
    arguments: Callable[[], tuple[Word, ...]] = _no_words


def _jobs() -> tuple[Word, ...]:
    return tuple(b"%d%b" % (i, _JOB) for i in range(_JOBS))


def _repeat(name: str, count: int, body: str, before: str = "") -> Loop:
    return Loop(name, f"{before} local r for i = 1, {count} do r = {body} end return 1")


_VALUE = "local v = {a = 1, b = {1, 2, 3}, c = 'hello'}"
_TWENTY = "local t = {} for i = 1, 20 do t[i] = i end local f = string.rep('I', 20) local d = struct.pack(f, unpack(t))"
_MANY = _TWENTY.replace("20", "2000")
_TEXTS = "local s = 'hello world' local d = struct.pack('>Hc0Is', #s, s, 5, s)"
_ESCAPES = r"""local s = 'a "quoted" line\n with \\slashes/ and \t tabs, then some more' local t = cjson.encode(s)"""
_FLOATS = "local v = {1.1, 2.2, 3.3, 0.5, 1e100} local t, m = cjson.encode(v), cmsgpack.pack(v)"
_TEN = "for i = 1, 10 do redis.call('hset', 'h', i, i) end"
_MILLION = "local e = {} for i = 1, 1000000 do e[i] = i end redis.call('del', 'l')"
_PUSH_SLICE = "redis.call('lpush', 'l', unpack(e, i, i + 4999))"

LOOPS = (
    _repeat("an empty loop", 5_000_000, "i"),
    _repeat("bit.band", 1_000_000, "bit.band(i, 255)"),
    _repeat("math.random()", 1_000_000, "math.random()"),
    _repeat("math.random(1, 100)", 1_000_000, "math.random(1, 100)"),
    _repeat("struct.pack, 3 values", 100_000, "struct.pack('>IHd', i, 2, 3.5)"),
    _repeat("struct.pack, 20 values", 20_000, "struct.pack(f, unpack(t))", _TWENTY),
    _repeat("struct.pack, 2,000 values", 200, "struct.pack(f, unpack(t))", _MANY),
    _repeat("struct.unpack, 3 values", 100_000, "struct.unpack('>IHd', d)", "local d = struct.pack('>IHd', 1, 2, 3.5)"),
    _repeat("struct.unpack, 20 values", 20_000, "struct.unpack(f, d)", _TWENTY),
    _repeat("struct.unpack, 2,000 values", 200, "struct.unpack(f, d)", _MANY),
    _repeat("struct.pack, texts", 100_000, "struct.pack('>Hc0Is', #s, s, i, s)", _TEXTS),
    _repeat("struct.pack, a text", 100_000, "struct.pack('Bc0', #s, s)", _TEXTS),
    _repeat("struct.unpack, texts", 100_000, "struct.unpack('>Hc0Is', d)", _TEXTS),
    _repeat("struct.unpack, a text", 100_000, "struct.unpack('s', 'hello\\0world')"),
    _repeat("struct.size", 100_000, "struct.size('>IHd')"),
    _repeat("cjson.encode", 50_000, "cjson.encode(v)", _VALUE),
    _repeat("cjson.decode", 50_000, "cjson.decode(t)", f"{_VALUE} local t = cjson.encode(v)"),
    _repeat("cjson.encode, escapes", 50_000, "cjson.encode(s)", _ESCAPES),
    _repeat("cjson.decode, escapes", 50_000, "cjson.decode(t)", _ESCAPES),
    _repeat("cjson.encode, floats", 50_000, "cjson.encode(v)", _FLOATS),
    _repeat("cjson.decode, floats", 50_000, "cjson.decode(t)", _FLOATS),
    _repeat("cmsgpack.pack", 50_000, "cmsgpack.pack(v)", _VALUE),
    _repeat("cmsgpack.unpack", 50_000, "cmsgpack.unpack(t)", f"{_VALUE} local t = cmsgpack.pack(v)"),
    _repeat("cmsgpack.pack, floats", 50_000, "cmsgpack.pack(v)", _FLOATS),
    _repeat("cmsgpack.unpack, floats", 50_000, "cmsgpack.unpack(m)", _FLOATS),
    _repeat("string.format", 200_000, "string.format('%s:%d', 'user', i)"),
    _repeat("redis.log below the level", 200_000, "redis.log(redis.LOG_DEBUG, 'a', 'b')"),
    _repeat("redis.acl_check_cmd", 100_000, "redis.acl_check_cmd('get', 'k')"),
    _repeat("redis.sha1hex, 100 bytes", 50_000, "redis.sha1hex(t)", "local t = ('a'):rep(100)"),
    _repeat("redis.sha1hex, 1 MB", 20, "redis.sha1hex(t)", "local t = ('a'):rep(1000000)"),
    _repeat("redis.call: GET", 200_000, "redis.call('get', 'k')", "redis.call('set', 'k', 'value')"),
    _repeat("redis.call: SET", 200_000, "redis.call('set', 'k', i)"),
    _repeat("redis.call: HGETALL of 10", 20_000, "redis.call('hgetall', 'h')", _TEN),
    _repeat("redis.call: HMGET of 5", 50_000, "redis.call('hmget', 'h', 1, 2, 3, 4, 5)", _TEN),
    Loop("LPUSH, a million one by one", f"{_MILLION} for i = 1, 1000000 do redis.call('lpush', 'l', e[i]) end"),
    Loop("LPUSH, a million by unpack", f"{_MILLION} for i = 1, 1000000, 5000 do {_PUSH_SLICE} end"),
    Loop("40,000 strings of 1 kB", "local t = {} for i = 1, 40000 do t[i] = ('x'):rep(1000) .. i end"),
    Loop("20,000 jobs by LRANGE", "local t = redis.call('lrange', 'jobs', 0, -1) return #t"),
    Loop("20,000 jobs as ARGV", "return #ARGV", _jobs),
)
ENDLESS = (
    Loop("an empty loop", "while true do end"),
    Loop("struct.pack of 2,000 values", f"{_MANY} while true do struct.pack(f, unpack(t)) end"),
    Loop("cjson.encode and decode", f"{_VALUE} while true do cjson.decode(cjson.encode(v)) end"),
    Loop("pcall in pcall", "while true do pcall(pcall, error) end"),
    Loop("redis.call: GET", "while true do redis.call('get', 'k') end"),
    Loop("redis.sha1hex, 10 kB", "local t = ('a'):rep(10000) while true do redis.sha1hex(t) end"),
)


def main() -> None:
    """Measure the loops, then the long scripts."""
    made = parser(__doc__, limit_s=1200)
    made.add_argument("-r", "--rounds", type=int, default=3, help="rounds (default %(default)s)")
    made.add_argument("--threshold", type=int, default=5000, help="busy-reply-threshold, ms (default %(default)s)")
    options = parse(made)
    show_command()
    measured = programs(options)
    base, *others = [program.label for program in measured]
    with all_running(measured) as servers:
        for server in servers:
            _fill(server)
        rows = [[loop.name, *_cost_cells(loop, servers, options)] for loop in LOOPS]
        head = ["script", base, *(cell for label in others for cell in (label, "ratio"))]
        show("Server CPU, ms (ratio: this server's over the first one's)", head, rows)
        _show_long(measured, servers, options)


def _fill(server: Server) -> None:
    with Client(server.port) as client:
        client.fill((encode("RPUSH", "jobs", job) for job in _jobs()), depth=100)


def _cost_cells(loop: Loop, servers: Sequence[Server], options: argparse.Namespace) -> list[str]:
    request = encode("EVAL", loop.text, 0, *loop.arguments())
    base, *others = in_turn(servers, options.rounds, lambda server: _cost_ms(server, request))
    ratios = [(number(median(other), 1), number(median_ratio(other, base), 1)) for other in others]
    return [number(median(base), 1), *(cell for pair in ratios for cell in pair)]


def _cost_ms(server: Server, request: bytes) -> float:
    with Client(server.port) as client:
        server.settle()
        before = server.cpu_ns()
        client.exchange(request, 1)
        return (server.cpu_ns() - before) / 1e6


def _show_long(measured: Sequence[Program], servers: Sequence[Server], options: argparse.Namespace) -> None:
    rows = []
    for loop in ENDLESS:
        waits = [_end(server, loop, options.threshold) for server in servers]
        rows.append([loop.name, *(number(ms) for pair in zip(*waits, strict=True) for ms in pair)])
    labels = [program.label for program in measured]
    head = ["script", *(f"BUSY, {label}" for label in labels), *(f"KILL, {label}" for label in labels)]
    show(f"Until a script is told of and until it is killed, ms, busy-reply-threshold {options.threshold}", head, rows)


def _end(server: Server, loop: Loop, threshold_ms: int) -> tuple[float, float]:
    """Return after how many ms an endless script was busy, and after how many more it had ended."""
    with Client(server.port) as caller, Client(server.port) as other:
        other.do("CONFIG", "SET", "busy-reply-threshold", threshold_ms)
        caller.send(encode("EVAL", loop.text, 0))
        began = time.perf_counter()
        while not _is_refused(other):
            time.sleep(_ASK_EVERY_S)
        busy = time.perf_counter()
        other.do("SCRIPT", "KILL")
        with contextlib.suppress(hiredis.ReplyError):
            caller.replies(1)
        return (busy - began) * 1e3, (time.perf_counter() - busy) * 1e3


def _is_refused(client: Client) -> bool:
    try:
        client.do("PING")
    except hiredis.ReplyError:
        return True
    return False


if __name__ == "__main__":
    main()
