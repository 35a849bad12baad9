"""Functions: libraries of Lua code that stay, how they are loaded and refused, and calls of what they registered."""

from __future__ import annotations

import pytest

from .match import unordered
from .pair import Pair

COMMANDS = """
    FUNCTION KILL
    FUNCTION STATS
    unordered: FUNCTION LIST
    FUNCTION nope
    FUNCTION
    FUNCTION LOAD
    FUNCTION LOAD x
    FUNCTION LOAD "#!lua\\nx"
    FUNCTION LOAD "#!lua name=\\nx"
    FUNCTION LOAD "#!lua name=a-b\\nx"
    FUNCTION LOAD "#!lua \\"name=a-b\\"\\nx"
    FUNCTION LOAD "#!lua \\"name=a-b\\nx"
    FUNCTION LOAD "#!lua name=mylib\\n"
    FUNCTION LOAD "#!lua name=mylib\\nx"
    FUNCTION LOAD "#!lua name=mylib\\nx=1"
    FUNCTION LOAD "#!lua name=mylib\\nreturn x"
    FUNCTION LOAD "#!lua name=mylib\\nerror('a')"
    FUNCTION LOAD "#!lua name=mylib\\nreturn 1"
    FUNCTION LOAD "#!lua name=mylib name=b\\nreturn 1"
    FUNCTION LOAD "#!lua name=mylib foo=b\\nreturn 1"
    FUNCTION LOAD "#!lua foo\\nreturn 1"
    FUNCTION LOAD "#!nope name=mylib\\nreturn 1"
    FUNCTION LOAD "#!lua name=mylib"
    FUNCTION LOAD "#!lua name=mylib\\nredis.call('ping')"
    FUNCTION LOAD "#!lua name=mylib\\nredis.pcall('ping')"
    FUNCTION LOAD "#!lua name=mylib\\nredis.setresp(3)"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function('a')"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function()"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function('a', 1)"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function(1, type)"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function({}, type)"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function('a-b', type)"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function('a', type, 1)"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function('a', type) redis.register_function('a', type)"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{function_name='a'}"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{callback=type}"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{}"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{function_name='a', callback=1}"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{function_name=1, callback=type}"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{function_name='a', callback=type, flags=1}"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{function_name='a', callback=type, flags={'x'}}"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{function_name='a', callback=type, foo=1}"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{function_name='a', callback=type, description=1}"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{function_name='a', callback=type, 1}"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function{function_name='f', callback=function(k,a) return \
{k,a} end, description='desc', flags={'no-writes'}} redis.register_function('g', function(k, a) return \
redis.call('set','a','b') end)"
    FUNCTION LOAD "#!lua name=mylib\\nredis.register_function('h', type)"
    FUNCTION LOAD REPLACE "#!lua name=mylib2\\nredis.register_function('g', type)"
    FUNCTION LOAD FOO "#!lua name=mylib2\\nredis.register_function('g', type)"
    FUNCTION LOAD REPLACE FOO "#!lua name=mylib2\\nredis.register_function('g', type)"
    unordered: FUNCTION LIST
    unordered: FUNCTION LIST WITHCODE
    unordered: FUNCTION LIST LIBRARYNAME my*
    unordered: FUNCTION LIST LIBRARYNAME MY*
    unordered: FUNCTION LIST LIBRARYNAME no*
    unordered: FUNCTION LIST LIBRARYNAME
    unordered: FUNCTION LIST FOO
    unordered: FUNCTION LIST WITHCODE WITHCODE
    unordered: FUNCTION LIST LIBRARYNAME a LIBRARYNAME b
    FUNCTION STATS
    FCALL f 1 k1 a1 a2
    FCALL F 1 k1
    FCALL g 0
    FCALL_RO g 0
    FCALL_RO f 0
    FCALL nope 0
    FCALL f x
    FCALL f -1
    FCALL f 1
    FCALL
    FCALL f
    FUNCTION DELETE nope
    FUNCTION DELETE mylib
    FUNCTION DELETE
    FUNCTION RESTORE x
    FUNCTION RESTORE x FOO
    FUNCTION RESTORE x FLUSH y
    FUNCTION FLUSH x
    FUNCTION FLUSH SYNC
    FUNCTION FLUSH ASYNC
    FUNCTION FLUSH SYNC SYNC
    FUNCTION LOAD "#!lua name=errs\\nlocal function bad(k,a) return redis.call('nope') \
end\\nredis.register_function('e1', bad)\\nredis.register_function('e2', function() error('x') \
end)\\nredis.register_function('e3', function() return redis.pcall('nope') end) redis.register_function('e4', \
function() y=1 end)  redis.register_function('e5', function() return redis.x end) \
redis.register_function('e6', function() redis.register_function('a', type) end) \
redis.register_function('e7', function() return KEYS end) redis.register_function('e8', function(k,a) return \
{#k,#a,type(redis.call)} end)"
    FCALL e1 0
    FCALL e2 0
    FCALL e3 0
    FCALL e4 0
    FCALL e5 0
    FCALL e6 0
    FCALL e7 0
    FCALL e8 1 2 3 4
    FUNCTION LOAD "#!lua name=over\\nredis.register_function('upv', function() local n = 0 for k,v in \
pairs(redis) do n=n+1 end return n end) redis.register_function('glob', function() local t={} for k,v in \
pairs(_G) do t[#t+1]=k end table.sort(t) return t end)  redis.register_function('rk', function() local t={} \
for k,v in pairs(redis) do t[#t+1]=k end table.sort(t) return t end)"
    FCALL upv 0
    FCALL glob 0
    FCALL rk 0
    FUNCTION LOAD "#!lua name=gl\\nlocal t={} for k,v in pairs(_G) do t[#t+1]=tostring(k) end table.sort(t) \
error(table.concat(t,' '))"
    FUNCTION LOAD "#!lua name=gl\\nlocal t={} for k,v in pairs(redis) do t[#t+1]=tostring(k) end table.sort(t) \
error(table.concat(t,' '))"
"""
LIBRARY_CODES = (
    "x=1",
    "redis.x=1",
    "_G.x=1",
    "string.x=1",
    "local x=_G.x",
    'rawset(_G,"x",1)',
    "setmetatable(_G,{})",
    "redis=1",
    "return redis.nope",
    "local f = function() return cjson.encode({1}) end redis.register_function('a',f)",
    "redis.register_function{function_name='f', callback=function() end, foo=1}",
    "redis.register_function{function_name='f', callback=function() end, description=1}",
    "redis.register_function{function_name='f', callback=function() end, 1}",
    "redis.register_function{function_name=1, callback=function() end}",
    "redis.register_function{function_name='f', callback=function() end, flags=1}",
    "redis.register_function{function_name='f', callback=function() end, flags={'x'}}",
    "redis.register_function{function_name='f', callback=function() end, flags={1}}",
    "redis.register_function{function_name='f', callback=function() end, flags={a='no-writes'}}",
    "redis.register_function(1, function() end)",
    "redis.register_function({}, function() end)",
    "redis.register_function('a-b', function() end)",
    "redis.register_function('', function() end)",
    "redis.register_function('a', function() end, 1)",
    "redis.register_function('a', function() end) redis.register_function('a', function() end)",
    "local a=1 .. {}",
    "local t=nil; t.x=1",
    "redis.register_function{callback=function() end}",
    "redis.register_function('b'..'\\0', function() end)",
    "redis.register_function{function_name='f', callback=function() end, [true]=1}",
    "redis.register_function{[1]='f'}",
    "redis.register_function{function_name='f', callback=function() end, "
    "flags={'no-writes','allow-oom','allow-stale','no-cluster','allow-cross-slot-keys','no-writes'}}",
    "return",
    'register_function("a", function() end)',
)
GLOBALS = (
    "_G _VERSION assert bit cjson cmsgpack collectgarbage coroutine error getmetatable ipairs load loadstring math "
    "next os pairs pcall rawget rawset redis select server setmetatable string struct table "
    "tonumber tostring type unpack xpcall KEYS"
)
FIELDS = (
    "LOG_DEBUG REDIS_VERSION REPL_ALL SERVER_NAME VALKEY_VERSION acl_check_cmd breakpoint call debug error_reply log "
    "pcall set_repl setresp sha1hex status_reply register_function"
)
ONE = "#!lua name=one\nredis.register_function('f', function(keys, args) return {keys, args} end)"


@pytest.fixture(autouse=True)
def no_libraries(resp2_pair: Pair) -> None:
    """Begin without libraries."""
    resp2_pair.do("FUNCTION", "FLUSH")


def test_commands_of_functions(pair: Pair) -> None:
    """FUNCTION and FCALL take and refuse the reference's arguments."""
    pair.play(COMMANDS)


@pytest.mark.parametrize("code", LIBRARY_CODES)
def test_loading(pair: Pair, code: str) -> None:
    """What a library does while it is loaded has the reference's result, or its error."""
    pair.do("FUNCTION", "LOAD", "REPLACE", "#!lua name=t\n" + code)
    pair.do("FUNCTION", "LIST", match=unordered())


def test_what_a_library_sees_while_it_is_loaded(pair: Pair) -> None:
    """Only the server object is there, with part of its fields."""
    names = [*GLOBALS.split(), *(f"redis.{field}" for field in FIELDS.split())]
    for name in names:
        code = f"local x = {name} redis.register_function('f', function() return type({name}) end)"
        pair.do("FUNCTION", "LOAD", "REPLACE", "#!lua name=t\n" + code)


def test_what_a_function_sees(pair: Pair) -> None:
    """All libraries are there, the server object has all that functions may use, and nothing can be changed."""
    walk = """
        local names = {} for name in pairs(%s) do names[#names + 1] = name end table.sort(names) return names
    """
    for i, table in enumerate(("_G", "redis", "string", "cjson")):
        code = f"#!lua name=t{i}\nredis.register_function('f{i}', function() {walk % table} end)"
        pair.do("FUNCTION", "LOAD", code)
        pair.do("FCALL", f"f{i}", 0)


def test_state_of_a_library(pair: Pair) -> None:
    """Local variables of a library live as long as it does."""
    code = "#!lua name=counter\nlocal n = 0 redis.register_function('count', function() n = n + 1 return n end)"
    pair.do("FUNCTION", "LOAD", code)
    for _ in range(3):
        pair.do("FCALL", "count", 0)
    pair.do("FUNCTION", "LOAD", "REPLACE", code)
    pair.do("FCALL", "count", 0)


def test_names_are_shared(pair: Pair) -> None:
    """A function's name is taken in any case and in all libraries; a failed load changes nothing."""
    pair.do("FUNCTION", "LOAD", ONE)
    for name, function in (("two", "F"), ("two", "f"), ("one", "g")):
        code = f"#!lua name={name}\nredis.register_function('{function}', function() return 1 end)"
        pair.do("FUNCTION", "LOAD", "REPLACE", code)
        pair.do("FUNCTION", "LIST", match=unordered())
    pair.do("FCALL", "G", 0)


def test_dump_and_restore(pair: Pair) -> None:
    """Payloads of either server are taken by both, under each policy."""
    pair.do("FUNCTION", "LOAD", ONE)
    pair.do("FUNCTION", "LOAD", "#!lua name=two\nredis.register_function('g', function() return 2 end)")
    payloads = [client.do("FUNCTION", "DUMP").value for client in pair.clients]
    for data in payloads:
        pair.do("FUNCTION", "FLUSH")
        pair.do("FUNCTION", "LOAD", ONE)
        pair.do("FUNCTION", "RESTORE", data)
        pair.do("FUNCTION", "RESTORE", data, "REPLACE")
        pair.do("FUNCTION", "RESTORE", data, "FLUSH")
        pair.do("FUNCTION", "DELETE", "one")
        pair.do("FUNCTION", "RESTORE", data, "APPEND")
        pair.do("FUNCTION", "FLUSH")
        pair.do("FUNCTION", "LOAD", "#!lua name=three\nredis.register_function('f', function() return 3 end)")
        pair.do("FUNCTION", "RESTORE", data)
        pair.do("FUNCTION", "RESTORE", data, "REPLACE")
        pair.do("FCALL", "f", 0)
        pair.do("FUNCTION", "RESTORE", data, "FLUSH")
        pair.do("FCALL", "f", 1, "k", "a")
        pair.do("FUNCTION", "LIST", match=unordered())
        pair.do("FUNCTION", "RESTORE", data[:-1])
        pair.do("FUNCTION", "RESTORE", b"")
        pair.do("FUNCTION", "RESTORE", data, "WHAT")
        pair.do("FUNCTION", "RESTORE", data, "FLUSH", "more")


def test_an_endless_function_is_killed(pair: Pair) -> None:
    """FUNCTION KILL ends a function, SCRIPT KILL does not; FUNCTION STATS tells of it."""
    pair.do("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('loop', function() while true do end end)")
    with pair.configured(busy_reply_threshold=20):
        pair.client("looper").send("fCaLl", "loop", 1, "key", "argument")
        pair.wait_until(lambda client: client.do("PING").is_error)
        pair.do("GET", "a")
        pair.control.do("SCRIPT", "KILL")
        for client in pair.clients:
            running = client.do("FUNCTION", "STATS").plain()
            shown = running[b"running_script"] if isinstance(running, dict) else running[1]
            facts = shown if isinstance(shown, dict) else dict(zip(shown[::2], shown[1::2], strict=True))
            assert facts[b"name"] == b"loop"
            assert facts[b"command"] == [b"fCaLl", b"loop", b"1", b"key", b"argument"]
        pair.control.do("FUNCTION", "KILL")
        pair.client("looper").answer()
        pair.do("FUNCTION", "STATS")


def test_loading_has_a_time_limit(resp2_pair: Pair) -> None:
    """A library that does not come to an end is not loaded."""
    resp2_pair.do("FUNCTION", "LOAD", "#!lua name=l\nwhile true do end")
    resp2_pair.do("FUNCTION", "LIST")
