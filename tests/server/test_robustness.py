"""What greedy, hostile and dying clients do to a server: others are served, memory and descriptors stay."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from ..support.client import Client
from ..support.process import Process, eventually, information, serving
from ..support.subject import environment
from ..support.wire import Reply, request
from ..support.workers import pipelined

OK = Reply("+", b"OK")
PONG = Reply("+", b"PONG")
PING = request((b"PING",))

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def process() -> Iterator[Process]:
    """Run a server, which must not have ended when the test has."""
    with serving("--enable-debug-command", "local") as server:
        yield server
        assert server.popen.poll() is None


@pytest.fixture
def control(process: Process) -> Iterator[Client]:
    """A connection to ask the server."""
    client = process.connect()
    yield client
    client.close()


def only_one_is_left(control: Client) -> bool:
    """Ask whether nobody else is connected."""
    return control.do("CLIENT", "LIST").value.count(b"id=") == 1


def test_long_pipeline_is_fair(process: Process, control: Client) -> None:
    """While 300,000 commands of one client run, another one's GETs are answered, and see them run."""
    count = 300_000
    greedy = process.connect()
    sender = threading.Thread(target=greedy.send_bytes, args=(request((b"INCR", b"count")) * count,))
    sender.start()
    seen = {0}
    while count not in seen:
        seen.add(int(control.do("GET", "count").value or 0))
    sender.join()
    assert len(seen) > 2
    assert _count_replies(greedy) == count
    greedy.close()


def _count_replies(client: Client) -> int:
    """Read integers up to the answer of a PING that is sent after them, and count them."""
    client.send_bytes(PING)
    lines = 0
    rest = b""
    while not rest.endswith(b"+PONG\r\n"):
        data = client.socket.recv(1 << 20)
        lines += data.count(b"\n")
        rest = (rest + data)[-16:]
    return lines - 1


@linux
def test_replies_that_nobody_reads(process: Process, control: Client) -> None:
    """A client that asks for much and reads nothing is closed at its limit; memory stays near that."""
    limit_kb = 8 * 1024
    control.do("SET", "big", b"x" * 100_000)
    assert control.do("CONFIG", "SET", "client-output-buffer-limit", f"normal {limit_kb * 1024} 0 0") == OK
    before_kb = process.memory_kb()
    lazy = process.connect()
    assert lazy.do("PING") == PONG
    with contextlib.suppress(OSError):  # it may be closed while it still sends
        lazy.send_bytes(request((b"GETRANGE", b"big", b"0", b"-2")) * 20_000)
    assert eventually(lambda: only_one_is_left(control))
    assert process.peak_memory_kb() - before_kb < 8 * limit_kb
    assert information(control, "stats")["client_output_buffer_limit_disconnections"] == "1"
    lazy.close()


HUGE = [
    b"*1073741824\r\n",
    b"*1073741824\r\n$3\r\nSET\r\n",
    b"*2147483647\r\n$1\r\nx\r\n",
    b"*2\r\n$536870912\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nxx",
]


@linux
def test_huge_headers_take_no_memory(process: Process, control: Client) -> None:
    """What a client announces is not allocated before it comes."""
    clients = [process.connect() for _ in range(4 * len(HUGE))]
    assert [client.do("PING") for client in clients] == [PONG] * len(clients)
    before_kb = process.memory_kb()
    for client, header in zip(clients, HUGE * 4, strict=True):
        client.send_bytes(PING + header)
        assert client.receive() == PONG
    assert process.memory_kb() - before_kb < 6 * 1024
    for client in clients:
        client.close()
    assert eventually(lambda: only_one_is_left(control))


@linux
def test_connects_and_commands_leave_nothing(process: Process, control: Client) -> None:
    """1,000 connects and 100,000 commands later there are as many descriptors, and about as much memory, as before."""
    _connect_and_work(process, control)
    descriptors, memory_kb = process.descriptors(), process.memory_kb()
    _connect_and_work(process, control)
    assert process.descriptors() == descriptors
    assert process.memory_kb() - memory_kb < 4 * 1024
    assert control.do("DBSIZE") == Reply(":", 0)


def _connect_and_work(process: Process, control: Client) -> None:
    """Come and go 1,000 times, then run 100,000 commands that leave no key."""
    for _ in range(1000):
        client = process.connect()
        assert client.do("PING") == PONG
        client.close()
    assert eventually(lambda: only_one_is_left(control))
    requests = []
    for i in range(10_000):
        key = b"key:%d" % i
        requests += [
            request((b"SET", key, b"v" * 50, b"PX", b"100000")),
            request((b"GETDEL", key)),
            request((b"RPUSH", key, b"a", b"b")),
            request((b"LPOP", key, b"2")),
            request((b"HSET", key, b"f", b"v")),
            request((b"HDEL", key, b"f")),
            request((b"ZADD", key, b"1", b"m")),
            request((b"ZREM", key, b"m")),
            request((b"SET", key, b"v")),
            request((b"DEL", key)),
        ]
    assert not pipelined(control, requests)


_VICTIM = """
import socket, sys, time
commands = [b"SUBSCRIBE ch", b"WATCH k", b"BLPOP list 0", b"PING", b"MONITOR", b"SET half"]
sockets = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in commands]
for one, command in zip(sockets, commands):
    one.sendall(command + (b"" if command == b"SET half" else bytes([13, 10])))
print("connected", flush=True)
time.sleep(600)
"""


def test_killed_client_leaves_nothing(process: Process, control: Client) -> None:
    """Of a client that is killed while it subscribes, watches, blocks, monitors and sends, nothing remains."""
    assert process.address is not None
    command = [sys.executable, "-c", _VICTIM, str(process.address[1])]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"connected\n"
        expected = {"blocked_clients": "1", "pubsub_clients": "1", "watching_clients": "1", "connected_clients": "7"}
        assert eventually(lambda: expected.items() <= information(control, "clients").items())
        victim.send_signal(signal.SIGKILL)
    assert eventually(lambda: only_one_is_left(control))
    after = information(control, "clients")
    assert {after[name] for name in ("blocked_clients", "pubsub_clients", "total_watched_keys")} == {"0"}
    assert after["total_blocking_keys"] == "0"
    assert control.do("PUBLISH", "ch", "x") == Reply(":", 0)
    assert control.do("RPUSH", "list", "x") == Reply(":", 1)


@pytest.mark.parametrize("delay_ms", [1, 1500])
def test_no_expired_event_after_flush(process: Process, control: Client, delay_ms: int) -> None:
    """FLUSHALL of 200,000 keys, due (and partly gone) or not yet: no expired event comes after its reply."""
    listener = process.connect(3)
    control.do("CONFIG", "SET", "notify-keyspace-events", "Ex")
    listener.send("SUBSCRIBE", "__keyevent@0__:expired")
    listener.receive()
    control.do("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    requests = [request((b"SET", b"key:%d" % i, b"v", b"PX", b"%d" % delay_ms)) for i in range(200_000)]
    assert not pipelined(control, requests)
    control.do("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    if delay_ms == 1:
        assert listener.receive().is_push
    assert listener.do("FLUSHALL") == OK
    assert listener.do("SET", "last", "v", "PX", delay_ms + 500) == OK
    assert listener.receive().value[2] == Reply("$", b"last")
    assert information(control, "expiry")["tickets"] == "0"
    listener.close()


def test_full_expire_queue_loses_no_key_and_no_peak() -> None:
    """With room for one bucket and two that are due, both expire; the peak counts the keys of the larger."""
    with serving("--enable-debug-command", "local", "--expire-queue-size", "1") as process:
        control = process.connect()
        control.do("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        seconds = int(control.do("TIME").value[0].value)
        first, second = b"%d" % (1000 * seconds + 2000), b"%d" % (1000 * seconds + 2001)
        assert not pipelined(control, [request((b"SET", b"key:%d" % i, b"v", b"PXAT", first)) for i in range(500)])
        assert control.do("SET", "last", "v", "PXAT", second) == OK
        assert eventually(lambda: control.do("EXISTS", "last") == Reply(":", 0))
        control.do("DEBUG", "SET-ACTIVE-EXPIRE", 1)
        assert eventually(lambda: information(control, "stats")["expired_keys"] == "501")
        after = information(control, "expiry")
        assert (after["queue_full_fallbacks"], after["queue_peak"], after["queue_depth"]) == ("1", "500", "0")
        control.close()
