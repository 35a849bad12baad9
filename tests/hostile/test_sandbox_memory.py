"""Memory that ends at any place amid a script: it ends with an error, and the server goes on.

A jump over the binding's frames would leave the interpreter's lock held for ever: so it is a process of its own.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from geventcache.base.build import IS_COMPILED

from ..support.subject import environment_with_tests

PATIENCE_S = 120
STEPS = 40
STRIDES = [97, 3_001]  # bytes from a limit to the next
WALK = """
import sys
from tests.support.inprocess import InProcessServer
server = InProcessServer()
session = server.session()
server.state.let_clients_in = lambda: True
session.do("SET", "big", "x" * 50_000)
session.do("RPUSH", "list", *["element" * 20] * 500)
session.do("HSET", "hash", *[str(i) for i in range(200)])
scripting = server.state.scripting
base = scripting.runtime.used()
for step in range(%d):
    scripting.runtime.limit_memory(base + 60_000 + step * int(sys.argv[2]))
    reply = session.do("EVAL", sys.argv[1], "1", "key", "argument" * 100)
    assert reply.startswith(b"-ERR the script needs more memory"), reply
    assert not scripting.runtime.is_ending and scripting.running is None
scripting.runtime.limit_memory(1 << 28)
assert session.do("EVAL", "return 'on'", "0") == b"$2\\r\\non\\r\\n"
scripting.runtime.lua.gccollect()
assert scripting.runtime.used() < base + 2_000_000, scripting.runtime.used()
print("walked")
"""
HOGS = [
    "local t = {} while true do t[#t + 1] = redis.call('get', 'big') .. #t end",
    "local t = {} while true do t[#t + 1] = redis.call('lrange', 'list', 0, -1) end",
    "redis.setresp(3) local t = {} while true do t[#t + 1] = redis.call('hgetall', 'hash') end",
    "local t = {} while true do t[#t + 1] = redis.pcall('nope', #t) end",
    "local t = {} while true do pcall(function() while true do t[#t + 1] = redis.call('echo', 'x' .. #t) end end) end",
    "local t = {} while true do t[#t + 1] = struct.pack('c0i', ('x'):rep(500), #t) end",
    "local t, s = {}, ('x'):rep(5000) while true do t[#t + 1] = struct.unpack('c' .. #t % 5000 + 1, s) .. #t end",
    'local t = {} while true do t[#t + 1] = cjson.decode(\'[1,{"a":"b"},[2,3]]\') end',
    "local t = {} while true do t[#t + 1] = cjson.encode({#t, 'x', {t = #t}}) end",
    "local t = {} while true do t[#t + 1] = cmsgpack.pack(#t, 'x', {1.5}) end",
    "local t = {} while true do t[#t + 1] = {cmsgpack.unpack(cmsgpack.pack({1, 2, {a = 1}}))} end",
    "local t = {} while true do t[#t + 1] = redis.sha1hex(#t) end",
    "local t = {} while true do t[#t + 1] = coroutine.wrap(function() coroutine.yield(1) end) t[#t]() end",
    "local t = {} while true do coroutine.resume(coroutine.create(function() while true do t[#t + 1] = 1 end end)) end",
    "local t = {} while true do string.gsub('abc', '.', function(c) t[#t + 1] = c .. #t end) end",
    "local t = {} while true do t[#t + 1] = loadstring('return ' .. #t) end",
    "local s = 'x' while true do s = s .. s end",
    "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t pcall(table.concat, t) end",
    "local t = {} while true do xpcall(function() t[#t + 1] = {#t} error('x') end, function(e) return e end) end",
    "local function f(n) local t = {n} return f(n + 1) + #t end return f(1)",
    "local t = {} while true do t[#t + 1] = string.format('%s:%d', 'x', #t) end",
    "local t = {} for i = 1, 1e9 do t[i] = i end",
    "local t = {} for i = 1, 1e5 do t[i] = 'x' .. i end return t",
]
BRIEF = [
    "return 1",
    "local t = {} for i = 1, 8 do t[i] = redis.call('get', KEYS[1]) .. i end return #t",
    "return redis.call('lrange', 'list', 0, -1)",
    "return redis.call('incr', 'n') * 0",
    "redis.call('rpush', 'l', unpack({1, 2.5, 'x', KEYS[1], ARGV[1], 6, 7, 8, 9, 10})) return redis.call('del', 'l')",
    "local t = {} for i = 1, 8 do t[i] = redis.pcall('nope', i).err .. i end return t",
    "redis.setresp(3) return redis.call('hgetall', 'hash').map['2']",
    "return {redis.sha1hex(ARGV[1]), redis.acl_check_cmd('get', 'x'), redis.status_reply('FINE')}",
    "redis.log(redis.LOG_DEBUG, ARGV[1], 'x') error({err = 'own'})",
    "local f = coroutine.wrap(function() coroutine.yield(redis.call('get', KEYS[1])) end) return f()",
]
STEPPED = """
import sys
from tests.hostile.crowded import prepared
server, session, words, right = prepared(sys.argv[1])
runtime = server.state.scripting.runtime
failed = 0
for size in range(0, 1 << 20, 16):
    runtime.functions[b"collect"]()
    runtime.limit_memory(runtime.used() + size)
    reply = session.do(*words)
    runtime.limit_memory(1 << 28)
    assert session.do("EVAL", "return 'on'", "0") == b"$2\\r\\non\\r\\n"
    if reply == right:
        break
    assert reply.startswith(b"-ERR the script needs more memory"), reply
    failed += 1
print("survived", failed)
"""


def output_of(*arguments: str) -> bytes:
    """Return what a Python prints that is run with arguments."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment_with_tests(),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("script", HOGS)
def test_a_script_without_memory_ends(script: str, stride: int) -> None:
    """Whatever it was doing, with whatever limit: it ends with the error, and the next one runs."""
    assert output_of("-c", WALK % STEPS, script, str(stride)) == b"walked\n"


@pytest.mark.parametrize("script", BRIEF)
def test_every_allocation_of_a_script_meets_its_limit(script: str) -> None:
    """Each of a script's allocations is the one that the limit refuses: it ends with the error, the next one runs."""
    pytest.importorskip("_testcapi", reason="this Python has no hook that lets allocations fail")
    assert output_of("-c", STEPPED, script).startswith(b"survived ")


@pytest.mark.limits_memory
@pytest.mark.skipif(sys.platform != "linux", reason="bounds the address space, and fills the heap of glibc")
@pytest.mark.parametrize("lua", ["luajit21", "lua51"])
@pytest.mark.parametrize("script", BRIEF)
def test_a_script_for_which_there_is_no_memory(script: str, lua: str) -> None:
    """Each allocation of a script is the one for which the system has no memory: it ends, and the server goes on."""
    pytest.importorskip(f"lupa.{lua}")
    pytest.importorskip("_testcapi", reason="this Python has no hook that lets allocations fail")
    if lua == "luajit21" and not IS_COMPILED:
        pytest.skip("uncompiled, the door is made by ctypes, which does not survive every allocation that fails")
    assert output_of("-m", "tests.hostile.crowded", script, lua).startswith(b"survived ")
