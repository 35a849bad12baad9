"""maxmemory: the account is true, keys are evicted, commands are refused, and each database can have a limit."""

from __future__ import annotations

import random

import pytest

from geventcache.base.table import END
from geventcache.store.account import Account

from ..support.inprocess import InProcessServer, Session

OOM = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
OK = b"+OK\r\n"
VALUE = "x" * 100
MANY = 4000


def limited(policy: str = "noeviction", limit: int = 500_000, **settings: str) -> tuple[InProcessServer, Session]:
    """A server with a limit, which some 2,000 of the keys that `fill` sets reach, and a client."""
    server = InProcessServer()
    session = server.session()
    session.do("CONFIG", "SET", "maxmemory", str(limit), "maxmemory-policy", policy)
    for name, value in settings.items():
        assert session.do("CONFIG", "SET", name.replace("_", "-"), value) == OK
    return server, session


def fill(session: Session, count: int = MANY, prefix: str = "k") -> bytes:
    """Set so many keys; return the last reply."""
    reply = b""
    for i in range(count):
        reply = session.do("SET", f"{prefix}{i}", VALUE)
    return reply


def info(session: Session, name: str) -> str:
    """A field of INFO."""
    text = session.do("INFO", "memory", "stats").decode()
    return next(line.partition(":")[2] for line in text.splitlines() if line.startswith(f"{name}:"))


def size(session: Session) -> int:
    """DBSIZE."""
    return int(session.do("DBSIZE")[1:])


def counted_anew(server: InProcessServer) -> int:
    """What an account of all keys says that begins now."""
    total = 0
    for keyspace in server.state.databases.existing():
        account = Account(keyspace, None, lambda: None)
        while account.cover():
            pass
        total += account.used
    return total


def random_request(dice: random.Random) -> list[str]:
    """A request that changes something, or may."""
    key, other = (f"{dice.choice('shlzxb')}{dice.randrange(12)}" for _ in range(2))
    member = "m" * dice.randrange(40)
    return dice.choice(
        [
            ["SET", key, member],
            ["SET", key, member, "PX", str(dice.randrange(1, 500))],
            ["SET", key, "7", "KEEPTTL"],
            ["MSET", key, member, other, "5"],
            ["INCR", key],
            ["INCRBYFLOAT", key, "0.5"],
            ["APPEND", key, member],
            ["SETRANGE", key, str(dice.randrange(300)), member],
            ["SETBIT", key, str(dice.randrange(3000)), "1"],
            ["PFADD", key, member],
            ["GETDEL", key],
            ["HSET", key, member, member],
            ["HDEL", key, member],
            ["HSETEX", key, "PX", "90", "FIELDS", "1", member, member],
            ["RPUSH", key, member],
            ["LPUSH", key, member, member],
            ["LPOP", key],
            ["LTRIM", key, "1", "5"],
            ["RPOPLPUSH", key, other],
            ["SADD", key, member],
            ["SPOP", key],
            ["SUNIONSTORE", key, other],
            ["SMOVE", key, other, member],
            ["ZADD", key, str(dice.randrange(9)), member],
            ["ZPOPMIN", key],
            ["XADD", key, "*", "f", member],
            ["XTRIM", key, "MAXLEN", "2"],
            ["XGROUP", "CREATE", key, member, "0"],
            ["DEL", key],
            ["UNLINK", key, other],
            ["RENAME", key, other],
            ["COPY", key, other, "REPLACE"],
            ["COPY", key, other, "DB", "1", "REPLACE"],
            ["MOVE", key, "1"],
            ["SWAPDB", "0", "1"],
            ["EXPIRE", key, "1"],
            ["PERSIST", key],
            ["SORT", key, "ALPHA", "STORE", other],
        ]
    )


def test_account_follows_every_change() -> None:
    """After any commands the account is what counting all keys anew gives, and nothing once all keys are gone."""
    server, session = limited(limit=1 << 40)
    dice = random.Random(1)
    for step in range(6000):
        session.do(*random_request(dice))
        server.clock.advance(dice.randrange(3))
        if step % 100 == 0:
            total = server.state.memory_limit.used() - server.state.memory_limit.clients()
            assert total == counted_anew(server)
    session.do("FLUSHALL")
    assert server.state.memory_limit.used() - server.state.memory_limit.clients() == counted_anew(server)


def test_large_containers_are_weighed_roughly() -> None:
    """The account of a container that grew and shrank one by one is within a tenth of what it takes."""
    server, session = limited(limit=1 << 40)
    dice = random.Random(2)
    for i in range(20_000):
        session.do("HSET", "hash", f"field:{i}", "v" * dice.randrange(60))
        session.do("ZADD", "zset", str(i), f"member:{i}")
        if i % 3 == 0:
            session.do("ZPOPMIN", "zset")
    assert server.state.memory_limit.used() == pytest.approx(counted_anew(server), rel=0.1)


def test_limit_set_later_counts_what_is_there() -> None:
    """Keys that are older than the limit are counted, in slices, and evicted."""
    server = InProcessServer()
    session = server.session()
    fill(session)
    assert server.state.databases.get(0).account is None
    session.do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "500000")
    while not server.state.memory_limit.step():
        pass
    assert server.state.databases.get(0).account.covered == END
    assert 0 < int(info(session, "used_memory")) <= 510_000
    assert 0 < size(session) < MANY
    session.do("CONFIG", "SET", "maxmemory", "0")
    assert server.state.databases.get(0).account is None
    assert not server.engine.is_special


def test_noeviction_refuses() -> None:
    """Without a policy a command that needs memory is refused, and others are not; room makes it pass again."""
    _, session = limited()
    assert fill(session) == OOM
    assert session.do("LPUSH", "l", "a") == OOM
    assert session.do("GET", "k1") == b"$100\r\n" + VALUE.encode() + b"\r\n"
    assert session.do("DEL", "k1", "k2", "k3", "k4", "k5") == b":5\r\n"
    session.do("CONFIG", "SET", "maxmemory", "1mb")
    assert session.do("SET", "k1", "v") == OK


def test_transactions_and_scripts_are_refused() -> None:
    """A full server refuses to queue a command that needs memory, EXEC of one, and scripts that call one."""
    server, session = limited()
    other = server.session()
    other.do("MULTI")
    other.do("SET", "a", "b")
    fill(session)
    assert other.do("EXEC") == b"-EXECABORT Transaction discarded because of: OOM" + OOM[len(b"-OOM") :]
    other.do("MULTI")
    assert other.do("SET", "a", "b") == OOM
    assert other.do("EXEC").startswith(b"-EXECABORT")
    assert OOM[1:40] in session.do("EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", "a")
    assert session.do("EVAL", "return redis.call('GET', KEYS[1])", "1", "k1").startswith(b"$100")
    assert session.do("EVAL", "#!lua\nreturn 1", "0") == OOM
    assert session.do("EVAL", "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 'v')", "1", "a") == OK


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_policies_of_all_keys_evict(policy: str) -> None:
    """Every write succeeds, the limit is kept, and what went is counted."""
    _, session = limited(policy)
    assert fill(session) == OK
    assert int(info(session, "used_memory")) <= 510_000
    assert int(info(session, "evicted_keys")) == MANY - size(session) > 0
    session.do("CONFIG", "RESETSTAT")
    assert info(session, "evicted_keys") == "0"


@pytest.mark.parametrize("policy", ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"])
def test_policies_of_volatile_keys_spare_the_others(policy: str) -> None:
    """Only keys with a deadline go, and when none of them is left commands are refused."""
    _, session = limited(policy)
    fill(session, 100, "permanent")
    for i in range(500):
        session.do("SET", f"volatile{i}", VALUE, "EX", "1000")
    assert fill(session) == OOM
    assert session.do("EXISTS", *(f"permanent{i}" for i in range(100))) == b":100\r\n"
    assert session.do("EXISTS", *(f"volatile{i}" for i in range(500))) == b":0\r\n"


def test_used_keys_stay() -> None:
    """With lru and with lfu keys that are used all the time survive a flood of others."""
    for policy in ("allkeys-lru", "allkeys-lfu"):
        server, session = limited(policy, maxmemory_samples="10")
        fill(session, 20, "hot")
        for i in range(MANY):
            session.do("SET", f"k{i}", VALUE)
            session.do("GET", f"hot{i % 20}")
            server.clock.advance(20)
        assert session.do("EXISTS", *(f"hot{i}" for i in range(20))) == b":20\r\n", policy


def test_earliest_deadline_goes_first() -> None:
    """With volatile-ttl the key that is due first goes first."""
    _, session = limited("volatile-ttl", maxmemory_samples="64")
    for i in range(40):
        session.do("SET", f"v{i:02}", VALUE, "EX", str(1000 + i))
    count = 0
    while int(info(session, "evicted_keys")) < 20:
        session.do("SET", f"k{count}", VALUE)
        count += 1
    left = sorted(session.do("KEYS", "v*").split()[2::2])
    assert 0 < len(left) <= 20
    assert left == [b"v%02d" % i for i in range(40 - len(left), 40)]


def test_eviction_is_told() -> None:
    """An evicted key is an event, breaks WATCH and goes out to those who track it."""
    server, session = limited("allkeys-random")
    listener, watcher, tracker = server.session(), server.session(), server.session(resp3=True)
    session.do("CONFIG", "SET", "notify-keyspace-events", "Ee")
    listener.do("SUBSCRIBE", "__keyevent@0__:evicted")
    tracker.do("CLIENT", "TRACKING", "ON")
    session.do("SET", "k", VALUE)
    watcher.do("WATCH", "k")
    watcher.do("MULTI")
    watcher.do("PING")
    tracker.do("GET", "k")
    fill(session, prefix="other")
    while session.do("EXISTS", "k") == b":1\r\n":
        fill(session, prefix="other")
    assert any(message.endswith(b"$1\r\nk\r\n") for message in listener.messages())
    assert watcher.do("EXEC") == b"*-1\r\n"
    assert any(b"invalidate" in message and b"$1\r\nk\r\n" in message for message in tracker.messages())


def test_evicted_keys_leave_nothing_that_takes_their_place() -> None:
    """Keys with deadlines far away come and go under a small limit, and as many as before find room."""
    server, session = limited("allkeys-lru")
    server.state.expiry = Sweeper(server)
    counts = []
    for number in range(20_000):
        assert session.do("SET", str(number), "v" * 100, "EX", str(100_000 + number)) == OK
        while server.state.chores:
            server.state.chores.pop()()
        if number % 5_000 == 4_999:
            counts.append(int(session.do("DBSIZE")[1:]))
    assert min(counts) > max(500, 0.6 * max(counts)), counts  # some hundred stale tickets are allowed


class Sweeper:
    """In the place of the batch worker: its housework, at once."""

    def __init__(self, server: InProcessServer) -> None:
        self.server = server

    def nudge(self) -> None:
        """There is housework."""
        for keyspace in self.server.state.databases.existing():
            if keyspace.deadlines.overdue():
                for _ in keyspace.deadlines.sweep(keyspace.table):
                    pass


def test_each_database_has_its_limit() -> None:
    """Database 0 evicts within its limit, database 1 refuses within its own, database 2 has none."""
    server = InProcessServer()
    session = server.session()
    session.do("CONFIG", "SET", "maxmemory-db", "0 500kb 1 400kb", "maxmemory-policy-db", "0 allkeys-lru 1 noeviction")
    queue, other = server.session(), server.session()
    queue.do("SELECT", "1")
    other.do("SELECT", "2")
    assert fill(queue) == OOM
    assert fill(session) == OK
    assert fill(other) == OK
    assert size(other) == MANY
    assert 0 < size(session) < MANY
    assert session.do("CONFIG", "GET", "maxmemory-db").endswith(b"$17\r\n0 512000 1 409600\r\n")
    assert info(queue, "selected_db") == "1"
    assert info(queue, "selected_db_maxmemory") == "409600"
    assert info(queue, "selected_db_maxmemory_policy") == "noeviction"
    assert info(queue, "selected_db_evicted_keys") == "0"
    assert info(session, "selected_db_evicted_keys") == str(MANY - size(session))
    assert 0 < int(info(session, "selected_db_used_memory")) <= 520_000


def test_policy_of_a_database_protects_it() -> None:
    """The limit of the server evicts from databases whose policy allows it, and from no others."""
    server, session = limited("allkeys-lru", maxmemory_policy_db="1 noeviction")
    queue = server.session()
    queue.do("SELECT", "1")
    fill(queue, 500)
    assert fill(session) == OK
    assert size(queue) == 500
    assert size(session) < MANY


def test_server_evicts_the_best_of_all_databases() -> None:
    """With one policy for all, the least recently used keys go, whichever database they are in."""
    server, session = limited("allkeys-lru", limit=250_000)
    old = server.session()
    old.do("SELECT", "1")
    fill(old, 500)
    server.clock.advance(100_000)
    fill(session, 3000)
    assert size(old) == 0
    assert size(session) > 500


def test_swapped_databases_keep_their_limits() -> None:
    """SWAPDB exchanges keys and what they take; a limit belongs to the number."""
    server, session = limited(limit=1 << 30)
    fill(session, 500)
    session.do("CONFIG", "SET", "maxmemory-db", "1 40kb", "maxmemory-policy-db", "1 allkeys-random")
    session.do("SWAPDB", "0", "1")
    assert size(session) == 0
    while not server.state.memory_limit.step():
        pass
    session.do("SELECT", "1")
    assert 0 < size(session) < 500
    assert server.state.memory_limit.used() - server.state.memory_limit.clients() == counted_anew(server)


@pytest.mark.parametrize("text", ["0", "0 x", "x 1mb", "-1 1mb", "0 1mb 0 2mb"])
def test_limits_of_databases_are_checked(text: str) -> None:
    """A setting for single databases takes pairs of a number and a value, each number once."""
    assert InProcessServer().session().do("CONFIG", "SET", "maxmemory-db", text).startswith(b"-ERR CONFIG SET failed")


def test_idle_time_and_frequency() -> None:
    """OBJECT tells what the policy goes by, and in its place an error where that is the other one."""
    server, session = limited("allkeys-lru", limit=1 << 30)
    session.do("SET", "k", "v")
    server.clock.advance(5000)
    assert session.do("OBJECT", "IDLETIME", "k") == b":5\r\n"
    assert session.do("OBJECT", "FREQ", "k").startswith(b"-ERR An LFU maxmemory policy is not selected")
    session.do("GET", "k")
    assert session.do("OBJECT", "IDLETIME", "k") == b":0\r\n"
    session.do("CONFIG", "SET", "maxmemory-policy", "volatile-lfu", "lfu-log-factor", "0")
    for _ in range(3):
        session.do("GET", "k")
    assert session.do("OBJECT", "FREQ", "k") == b":8\r\n"
    assert session.do("OBJECT", "IDLETIME", "k").startswith(b"-ERR An LFU maxmemory policy is selected")
    server.clock.advance(2 * 60_000)
    assert session.do("OBJECT", "FREQ", "k") == b":6\r\n"


def test_no_touch_leaves_no_traces() -> None:
    """A client with NO-TOUCH uses keys unnoticed, in scripts and transactions too, except by TOUCH."""
    _, session = limited("allkeys-lfu", limit=1 << 30, lfu_log_factor="0")
    session.do("SET", "k", "v")
    session.do("CLIENT", "NO-TOUCH", "ON")
    session.do("GET", "k")
    session.do("EVAL", "redis.call('GET', KEYS[1]) return redis.call('GET', KEYS[1])", "1", "k")
    session.do("MULTI")
    session.do("GET", "k")
    session.do("GET", "k")
    session.do("EXEC")
    assert session.do("OBJECT", "FREQ", "k") == b":5\r\n"
    session.do("TOUCH", "k")
    assert session.do("OBJECT", "FREQ", "k") == b":6\r\n"
    session.do("CLIENT", "NO-TOUCH", "OFF")
    session.do("GET", "k")
    assert session.do("OBJECT", "FREQ", "k") == b":7\r\n"


def test_no_touch_holds_for_a_parked_command() -> None:
    """A blocked command of a client with NO-TOUCH uses the key unnoticed when it is served."""
    server, session = limited("allkeys-lfu", limit=1 << 30, lfu_log_factor="0")
    for switch, frequency in (("ON", b":5"), ("OFF", b":6")):
        session.do("DEL", "l")
        waiting = server.session()
        waiting.do("CLIENT", "NO-TOUCH", switch)
        assert waiting.do("BLPOP", "l", "0") == b""
        session.do("RPUSH", "l", "a", "b")
        assert session.do("OBJECT", "FREQ", "l") == frequency + b"\r\n"


def test_usage_of_keys_adds_up() -> None:
    """MEMORY USAGE of all keys together is the account without what is not a key's own."""
    server, session = limited(limit=1 << 30)
    fill(session, 300)
    session.do("RPUSH", "list", *(f"element{i}" for i in range(50)))
    session.do("SET", "number", "12345")
    server.state.memory_limit.used()
    keys = [*(f"k{i}" for i in range(300)), "list", "number"]
    usages = [int(session.do("MEMORY", "USAGE", key)[1:]) for key in keys]
    account = server.state.databases.get(0).account
    assert sum(usages) == account.used - account.overhead()


class Line:
    """A connection that only notes its end."""

    def __init__(self) -> None:
        self.is_broken = False

    def break_off(self) -> None:
        """The end."""
        self.is_broken = True


def test_largest_clients_are_closed() -> None:
    """Beyond maxmemory-clients the largest clients are closed, but for those that are not to be."""
    server = InProcessServer()
    session, large, small, spared = (server.session() for _ in range(4))
    for one, size in ((large, 60_000), (small, 1000), (spared, 70_000)):
        one.client.transport = Line()
        one.client.outbox_size = size
    spared.client.no_evict = True
    session.do("CONFIG", "SET", "maxmemory-clients", "120kb")
    server.state.client_memory.enforce()
    assert [one.client.transport.is_broken for one in (large, small, spared)] == [True, False, False]
    assert info(session, "evicted_clients") == "1"
    session.do("CONFIG", "SET", "maxmemory", "1mb", "maxmemory-clients", "5%")
    assert server.state.client_memory.limit() == 52428
    assert server.state.client_memory.exceeds_alone(large.client)
    assert not server.state.client_memory.exceeds_alone(small.client)
    assert not server.state.client_memory.exceeds_alone(spared.client)
