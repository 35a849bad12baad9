"""Scripts: what they see and return, how they fail, what they may do; and the scripts that client libraries live on."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import pattern_cases
from . import script_cases as cases
from . import script_library_cases as library_cases
from .match import unordered
from .pair import Pair

CORNERS = Path(__file__).with_name("script_corners.txt")
SHOW = """
    local function show(value, depth)
        if value == cjson.null then return 'NULL' end
        if type(value) == 'string' then return string.format('%q', value) end
        if type(value) ~= 'table' or depth > 30 then return tostring(value) end
        local keys, shown = {}, {}
        for key in pairs(value) do keys[#keys + 1] = key end
        table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
        for i, key in ipairs(keys) do shown[i] = show(key, depth + 1) .. '=' .. show(value[key], depth + 1) end
        return '{' .. table.concat(shown, ',') .. '}'
    end
"""
UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


def evaluate(pair: Pair, scripts: tuple[str, ...]) -> None:
    """Compare the replies of scripts, each on the same small data."""
    for script in scripts:
        pair.do("FLUSHALL")
        pair.do("SET", "k", "v")
        pair.do("EVAL", script, 1, "key1", "arg1")


@pytest.mark.parametrize("group", ["LANGUAGE", "SERVER", "COMMANDS", "HEADERS"])
def test_scripts(pair: Pair, group: str) -> None:
    """Each script has the reference's reply, errors to the letter."""
    evaluate(pair, getattr(cases, group))


@pytest.mark.parametrize("group", ["CJSON", "CMSGPACK", "BIT", "STRUCT", "NUMBERS_AND_TABLES"])
def test_libraries(resp2_pair: Pair, group: str) -> None:
    """Each function of a library gives the reference's value, or its error."""
    evaluate(resp2_pair, getattr(library_cases, group))


@pytest.mark.parametrize("call", library_cases.OFTEN)
def test_what_is_called_often(resp2_pair: Pair, call: str) -> None:
    """The hundredth call of a function gives what the first one gives, and what the reference's gives."""
    often = (
        f"local r for i = 1, 100 do local _, e = pcall(function() local t = {{{call}}} return t end) r = e end return r"
    )
    evaluate(resp2_pair, (often, f"local i = 100 return {{{call}}}"))


def test_corners(resp2_pair: Pair) -> None:
    """Odd arguments and the corners of the language, one script a line: values and error texts are the reference's."""
    evaluate(resp2_pair, tuple(CORNERS.read_text(encoding="utf-8").splitlines()))


def test_patterns_match_alike(resp2_pair: Pair) -> None:
    """Whatever a pattern is, right or wrong, it finds and captures the same, and replaces the same by the same."""
    sha = resp2_pair.do("SCRIPT", "LOAD", pattern_cases.MATCH).value
    for text, pattern, replacement in pattern_cases.of_seed(1, 1500):
        resp2_pair.do("EVALSHA", sha, 0, text, pattern, replacement)


def test_json_is_decoded_alike(resp2_pair: Pair) -> None:
    """Texts that are JSON, or nearly, give the same values and errors."""
    sha = resp2_pair.do("SCRIPT", "LOAD", SHOW + "return show(cjson.decode(ARGV[1]), 0)").value
    for text in library_cases.JSON_TEXTS:
        resp2_pair.do("EVALSHA", sha, 0, text)


def test_messagepack_is_unpacked_alike(resp2_pair: Pair) -> None:
    """Bytes that are MessagePack, or nearly, give the same values and errors."""
    sha = resp2_pair.do("SCRIPT", "LOAD", SHOW + "return show({cmsgpack.unpack(ARGV[1])}, 0)").value
    for word in library_cases.PACKED.split():
        resp2_pair.do("EVALSHA", sha, 0, b"" if word == "-" else bytes.fromhex(word))


def test_protocols(pair: Pair) -> None:
    """Values keep their types between commands, scripts and clients, whichever protocol each of them speaks."""
    pair.play("""
        HSET h a 1 b 2
        SADD s x y
        ZADD z 1.5 a
        SET k v
    """)
    for script in cases.PROTOCOLS:
        pair.do("EVAL", script, 0, match=unordered())


ARGUMENTS = """
    EVAL
    EVAL x
    EVAL "return 1" x
    EVAL "return 1" -1
    EVAL "return 1" 1
    EVAL "return 1" 99999999999999999999
    EVAL "return 1" 1.5
    EVAL "bad bad" x
    EVAL "return {#KEYS, #ARGV, KEYS[1], ARGV[1]}" 1 a b c
    EVALSHA x 0
    EVALSHA x x
    EVALSHA da39a3ee5e6b4b0d3255bfef95601890afd80709 0
    EVALSHA da39a3ee5e6b4b0d3255bfef95601890afd80709 1
    EVALSHA da39a3ee5e6b4b0d3255bfef95601890afd80709 x
    EVAL "" 0
    EVALSHA da39a3ee5e6b4b0d3255bfef95601890afd80709 0
    EVALSHA DA39A3EE5E6B4B0D3255BFEF95601890AFD80709 0
    SCRIPT EXISTS DA39A3EE5E6B4B0D3255BFEF95601890AFD80709 da39a3ee5e6b4b0d3255bfef95601890afd80709 x
    SCRIPT SHOW DA39A3EE5E6B4B0D3255BFEF95601890AFD80709
    SCRIPT SHOW x
    SCRIPT LOAD "return 1"
    SCRIPT LOAD "bad bad"
    SCRIPT LOAD "#!lua flags=no-writes\\nreturn redis.call('set','a','b')"
    SCRIPT LOAD "#!lua flags=x\\nreturn 1"
    SCRIPT SHOW e0e1f9fabfc9d4800c877a703b823ac0578ff8db
    EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
    SCRIPT FLUSH x
    SCRIPT FLUSH ASYNC SYNC
    SCRIPT FLUSH SYNC
    SCRIPT FLUSH ASYNC
    SCRIPT FLUSH
    SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
    EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
    SCRIPT KILL
    SCRIPT KILL x
    SCRIPT DEBUG NO
    SCRIPT DEBUG what
    SCRIPT
    SCRIPT nope
    EVAL_RO "return redis.call('set','a','b')" 0
    EVAL_RO "return redis.call('get','a')" 0
    EVAL_RO "#!lua\\nreturn 1" 0
    EVAL_RO "#!lua flags=no-writes\\nreturn 1" 0
    EVAL_RO "return redis.call('publish','a','b')" 0
    EVALSHA_RO x 0
"""


def test_commands_of_scripts(pair: Pair) -> None:
    """EVAL, EVALSHA and SCRIPT take and refuse the reference's arguments."""
    pair.do("SCRIPT", "FLUSH")
    pair.play(ARGUMENTS)


def test_a_script_is_one_command(pair: Pair) -> None:
    """A script's commands are one step for transactions, and its database is its own."""
    pair.play("""
        MULTI
        EVAL "redis.call('set', 'k', '1') return redis.call('incr', 'k')" 0
        EVAL "return redis.call('nope')" 0
        GET k
        EXEC
        WATCH k
        EVAL "return redis.call('get', 'k')" 0
        MULTI
        PING
        EXEC
        WATCH k
        EVAL "return redis.call('incr', 'k')" 0
        MULTI
        PING
        EXEC
        EVAL "redis.call('select', '1') redis.call('set', 'other', '1') return redis.call('dbsize')" 0
        GET other
        SELECT 1
        GET other
        SELECT 0
    """)


def test_time_stands_still(pair: Pair) -> None:
    """A script sees one time, however long it takes."""
    script = """
        redis.call('set', 'k', 'v', 'px', '5')
        local before = redis.call('time')
        for i = 1, 200000 do local x = i * i end
        local after = redis.call('time')
        return {redis.call('exists', 'k'), tostring(before[1] == after[1] and before[2] == after[2])}
    """
    pair.do("EVAL", script, 0)


def test_many_arguments(pair: Pair) -> None:
    """Thousands of values go into one command and come back from one."""
    pair.do("EVAL", "local t = {} for i = 1, 7000 do t[i] = i / 2 end return redis.call('rpush', 'l', unpack(t))", 0)
    pair.do("EVAL", "return redis.call('lrange', 'l', 0, -1)", 0)
    pair.do(
        "EVAL", "local t = {} for i = 1, 50 do t[i] = 'x' end t[30] = {} return redis.call('rpush', 'l', unpack(t))", 0
    )
    pair.do("EVAL", "local t = {} for i = 1, 20000 do t[i] = {i, 'x'} end return t", 0)


def test_large_values(pair: Pair) -> None:
    """Megabytes pass through a script unchanged."""
    pair.do("SET", "big", bytes(range(256)) * 20_000)
    pair.do("EVAL", "local v = redis.call('get', 'big') redis.call('set', 'copy', v) return v", 0)
    pair.do("EVAL", "return #redis.call('get', 'copy')", 0)


LIBRARIES = """
    # a lock: release, extend, take again
    SET lock token NX PX 30000
    EVAL "if redis.call('get',KEYS[1])==ARGV[1] then redis.call('del',KEYS[1]) return 1 else return 0 end" 1 lock other
    EVAL "local t=redis.call('pttl',KEYS[1]) if redis.call('get',KEYS[1])~=ARGV[1] or t<0 then return 0 end \
redis.call('pexpire',KEYS[1],ARGV[2]) return 1" 1 lock token 20000
    EVAL "if redis.call('get',KEYS[1])~=ARGV[1] then return 0 end redis.call('pexpire',KEYS[1],ARGV[2]) return 1" \
1 lock token 10000
    EVAL "if redis.call('get',KEYS[1])==ARGV[1] then redis.call('del',KEYS[1]) return 1 else return 0 end" 1 lock token
    EXISTS lock
    # jobs that become due move to their queue
    ZADD later 10 job1 20 job2 30 job3
    EVAL "local jobs=redis.call('zrangebyscore',KEYS[1],'-inf',ARGV[1],'limit',0,10) for _,j in ipairs(jobs) do \
if redis.call('zrem',KEYS[1],j)==1 then redis.call('lpush',KEYS[2],j) end end return jobs" 2 later queue 25
    LRANGE queue 0 -1
    # a queue that loses no job: one in work, put back when its worker is gone
    EVAL "local j=redis.call('rpoplpush',KEYS[1],KEYS[2]) if j then redis.call('hset',KEYS[3],j,ARGV[1]) end return j" \
3 queue work owners me
    EVAL "local back={} for _,j in ipairs(redis.call('lrange',KEYS[2],0,-1)) do if \
redis.call('hget',KEYS[3],j)==ARGV[1] then redis.call('lrem',KEYS[2],1,j) redis.call('rpush',KEYS[1],j) \
redis.call('hdel',KEYS[3],j) back[#back+1]=j end end return back" 3 queue work owners me
    LRANGE queue 0 -1
    LLEN work
    # keys that nobody named
    EVAL "for i=1,3 do redis.call('set','made:'..i,i) end return redis.call('exists','made:1','made:3')" 0
    # a cache with the names of what depends on it
    EVAL "local d=cjson.decode(ARGV[2]) redis.call('set',KEYS[1],ARGV[1]) for _,n in ipairs(d) do \
redis.call('sadd','dep:'..redis.sha1hex(n),KEYS[1]) end return redis.call('smembers','dep:'..redis.sha1hex('t1'))" \
1 cached value "[\\"t1\\",\\"t2\\"]"
    EVAL "return server.call('ping')" 0
"""


def test_scripts_of_libraries(pair: Pair) -> None:
    """Equivalents of what locks, limiters, queues and object caches run give the same replies and data."""
    pair.play(LIBRARIES)


def test_sliding_window(pair: Pair) -> None:
    """A limiter that keeps the times of the last requests in a sorted set lets the same requests pass."""
    window = """
        redis.call('zremrangebyscore', KEYS[1], '-inf', ARGV[1] - ARGV[2])
        local count = redis.call('zcard', KEYS[1])
        if count >= tonumber(ARGV[3]) then return {0, count} end
        redis.call('zadd', KEYS[1], ARGV[1], ARGV[1])
        redis.call('pexpire', KEYS[1], ARGV[2])
        return {1, count + 1}
    """
    for time_ms in (1000, 1001, 1002, 1501, 1502):
        pair.do("EVAL", window, 1, "window", time_ms, 500, 2)
    pair.do("ZRANGE", "window", 0, -1, "WITHSCORES")


def test_packed_jobs(pair: Pair) -> None:
    """A queue that gets its options as MessagePack, and gives its jobs as JSON, works alike."""
    add = """
        local options = cmsgpack.unpack(ARGV[2])
        local id = redis.call('incr', KEYS[1] .. ':id')
        local key = KEYS[1] .. ':' .. id
        redis.call('hset', key, 'name', options['name'], 'data', ARGV[1], 'delay', options['delay'] or 0)
        if options['delay'] then
            redis.call('zadd', KEYS[1] .. ':delayed', options['delay'] * 4096 + bit.band(id, 4095), id)
        else
            redis.call('lpush', KEYS[1] .. ':wait', id)
        end
        return cjson.encode({id = tostring(id), name = options['name']}):len()
    """
    packed = bytes.fromhex("82a46e616d65a4736e6170a564656c6179cd03e8")
    sha = pair.do("SCRIPT", "LOAD", add).value
    pair.do("EVALSHA", sha, 1, "jobs", '{"a":1}', packed)
    pair.do("EVALSHA", sha, 1, "jobs", "{}", bytes.fromhex("81a46e616d65a178"))
    pair.do("ZRANGE", "jobs:delayed", 0, -1, "WITHSCORES")
    pair.do("LRANGE", "jobs:wait", 0, -1)
    pair.do("EVAL", "return cmsgpack.pack(redis.call('hgetall', KEYS[1]))", 1, "jobs:1")


def test_missing_script_falls_back(pair: Pair) -> None:
    """NOSCRIPT leaves the connection open, and EVAL makes EVALSHA work from then on."""
    pair.do("SCRIPT", "FLUSH")
    sha = "e9f69f2beb755be68b5e456ee2ce9aadfbc4ebf4"
    pair.do("EVALSHA", sha, 1, "k", "v")
    pair.do("EVAL", UNLOCK, 1, "k", "v")
    pair.do("EVALSHA", pair.do("SCRIPT", "LOAD", UNLOCK).value, 1, "k", "v")


BUSY_CALLS = """
    [other] GET a
    [other] PING
    [other] NOPE
    [other] GET
    [other] FUNCTION KILL
    [other] FUNCTION STATS
    [other] SCRIPT EXISTS a
    [other] EVAL "return 1" 0
    [other] MULTI
    [other] GET a
    [other] EXEC
    [other] SHUTDOWN
"""
LOOPS = (
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "coroutine.wrap(function() while true do end end)()",
    "while true do redis.call('get', 'a') end",
    "while true do redis.pcall('nope') end",
    "while true do string.gsub('x', 'x', function() return 'y' end) end",
    "table.sort({3, 2, 1, 5, 4}, function(a, b) while true do end end)",
)


def wait_busy(pair: Pair) -> None:
    """Wait until both servers answer BUSY."""
    pair.wait_until(lambda client: client.do("PING").is_error)


@pytest.mark.parametrize("script", LOOPS)
def test_endless_scripts_are_killed(resp2_pair: Pair, script: str) -> None:
    """SCRIPT KILL ends whatever loops without end, and the server goes on."""
    pair = resp2_pair
    with pair.configured(busy_reply_threshold=20):
        pair.client("looper").send("EVAL", script, 0)
        wait_busy(pair)
        pair.control.do("SCRIPT", "KILL")
        pair.client("looper").answer()
        pair.do("SET", "a", "1")
        pair.do("GET", "a")


def test_others_are_told_that_a_script_is_busy(pair: Pair) -> None:
    """While a script runs for long, others get BUSY for all but what the reference lets pass."""
    with pair.configured(busy_reply_threshold=20):
        waiting = pair.client("waiting")
        waiting.do("MULTI")
        waiting.do("SET", "a", "1")
        pair.client("looper").send("EVAL", "while true do end", 0)
        wait_busy(pair)
        pair.play(BUSY_CALLS)
        waiting.do("EXEC")
        pair.control.do("SCRIPT", "KILL")
        pair.client("looper").answer()
        pair.do("EXISTS", "a")


def test_a_pipeline_around_a_busy_script(resp2_pair: Pair) -> None:
    """The replies before and after a script that let others in arrive whole and in order."""
    pair = resp2_pair
    with pair.configured(busy_reply_threshold=20):
        looper = pair.client("looper")
        looper.send("ECHO", "before")
        looper.send("EVAL", "while true do end", 0)
        looper.send("ECHO", "after")
        wait_busy(pair)
        pair.do("CLIENT", "SETNAME", "other")
        pair.control.do("SCRIPT", "KILL")
        for _ in range(3):
            looper.answer()


def test_a_script_that_wrote_is_not_killed(resp2_pair: Pair) -> None:
    """After its first write a script is let be until it ends by itself."""
    pair = resp2_pair
    script = "redis.call('set', 'a', '1') local n = 0 while n < 60000000 do n = n + 1 end return redis.call('get', 'a')"
    with pair.configured(busy_reply_threshold=20):
        pair.client("looper").send("EVAL", script, 0)
        wait_busy(pair)
        pair.control.do("SCRIPT", "KILL")
        pair.client("looper").answer()
        pair.do("GET", "a")
