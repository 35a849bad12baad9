"""Where memory is short: a request fails or its connection ends, others never see a byte of it, the server goes on."""

from __future__ import annotations

import subprocess
import sys
from operator import itemgetter

import pytest

from geventcache.base.build import IS_COMPILED

from ..support.client import Client
from ..support.inprocess import InProcessServer
from ..support.process import memory_kb, serving
from ..support.subject import environment_with_tests
from ..support.wire import Argument, Reply, encoded, request

pytest.importorskip("_testcapi", reason="this Python has no hook that lets allocations fail")
from .starved import CASES, WAITING

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for memory and its limits")

PONG = Reply("+", b"PONG")
PATIENCE_S = 600
NAMES = [*CASES, *WAITING]
TOGETHER = 10  # in one process, which takes half a second to begin
SPARE = 100 * 1024 * 1024  # bytes that a server may still take where its address space is limited


@pytest.mark.parametrize(
    "names", [NAMES[at : at + TOGETHER] for at in range(0, len(NAMES), TOGETHER)], ids=itemgetter(0)
)
def test_each_allocation_fails(names: list[str]) -> None:
    """Whichever allocation of a request fails, what `starved` asserts is so; compiled, nothing is told but names."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.hostile.starved", *names],
        env=environment_with_tests(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if IS_COMPILED:
        assert done.stderr.splitlines() == names, "an exception that nobody got"
    assert all(int(count) > 0 for count in done.stdout.split())


def answer(client: Client, *words: Argument) -> Reply | None:
    """Send a request and return its reply, None when the connection ends instead."""
    try:
        client.send_bytes(request(tuple(map(encoded, words))))
        return client.receive()
    except (EOFError, ConnectionError):
        return None


@pytest.mark.limits_memory
def test_a_reply_for_which_there_is_no_memory() -> None:
    """Under a limit of address space, a reply of 150 MB ends by an error or the connection; others get their own."""
    resource = pytest.importorskip("resource")
    with serving() as process:
        pid, other = process.popen.pid, process.connect()
        assert other.do("SADD", "k", b"x" * 50_000) == Reply(":", 1)
        limit = memory_kb(pid, "VmSize") * 1024 + SPARE
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
        for words in (
            ("SRANDMEMBER", "k", -3000),
            ("EVAL", "return redis.call('SRANDMEMBER', KEYS[1], -3000)", 1, "k"),
        ):
            client = process.connect()
            assert client.do("PING") == PONG
            reply = answer(client, *words)
            assert reply is None or reply.is_error, words
            assert other.do("PING") == PONG
            assert other.do("SRANDMEMBER", "k", -2) == Reply("*", (Reply("$", b"x" * 50_000),) * 2)
            assert process.connect().do("PING") == PONG
            client.close()
        assert process.popen.poll() is None


@pytest.mark.limits_memory
def test_a_value_that_a_script_has_no_memory_for() -> None:
    """Under a limit of address space, a script that reads what cannot be copied for it ends by an error."""
    resource = pytest.importorskip("resource")
    with serving() as process:
        pid, other = process.popen.pid, process.connect()
        assert other.do("EVAL", "return 1", 0) == Reply(":", 1)
        assert other.do("SETRANGE", "k", 60_000_000, "x") == Reply(":", 60_000_001)
        limit = memory_kb(pid, "VmSize") * 1024 + 100_000_000
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
        for _ in range(3):
            client = process.connect()
            reply = answer(client, "EVAL", "return #redis.call('GET', KEYS[1])", 1, "k")
            assert reply is None or reply.is_error
            assert other.do("PING") == PONG
            assert other.do("EVAL", "return ARGV[1]", 0, "a") == Reply("$", b"a")
            client.close()
        assert process.popen.poll() is None


@pytest.mark.limits_memory
def test_a_value_for_which_there_is_no_memory() -> None:
    """Under a limit of address space, a value of 150 MB ends the connection that sends it, and nobody else's."""
    resource = pytest.importorskip("resource")
    with serving() as process:
        pid, other = process.popen.pid, process.connect()
        limit = memory_kb(pid, "VmSize") * 1024 + SPARE
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
        client = process.connect()
        assert answer(client, "SET", "k", b"x" * 150_000_000) is None
        assert other.do("PING") == PONG
        assert other.do("SET", "k", b"x" * 1_000_000) == Reply("+", b"OK")
        client.close()
        assert process.popen.poll() is None


def test_a_command_without_memory_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command out of memory is answered by an error that clients know, with one line of log, no traceback."""
    state = InProcessServer().state
    lines: list[tuple[str, dict[str, object]]] = []

    class Log:
        def error(self, event: str, **fields: object) -> None:
            lines.append((event, fields))

    monkeypatch.setattr(state, "log", Log())
    assert state.on_defect(MemoryError(), b"echo") == b"OOM the system has no memory left for this"
    assert lines == [("out_of_memory", {"command": "echo"})]
