"""Sentinels watch a geventcache, and make one of its replicas take over when it has died."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis.sentinel import Sentinel

from ..persistence.samples import binaries
from ..support.client import Client
from ..support.ports import free_port
from ..support.process import Process, eventually, information, running
from ..support.servers import running_reference
from .relations import follow, wait_for_all

NAME = "main"
# A busy machine may stall for a second; a sentinel that does sees servers die which do not, or rests for half a minute.
PATIENCE_S = 180.0
CALM_MS = 60_000
QUICK_MS = 3000
LINES = 25
CONFIGURATION = """port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor main 127.0.0.1 {primary} 2
sentinel down-after-milliseconds main {calm_ms}
sentinel failover-timeout main 6000
"""
MAKES = [make for make in ("redis of the system", "valkey 9.1") if make in binaries()]


@contextlib.contextmanager
def sentinels(make: str, primary: int, folder: Path) -> Iterator[list[tuple[str, int]]]:
    """Run three sentinels."""
    with contextlib.ExitStack() as stack:
        addresses = []
        for number in range(3):
            own = folder / f"sentinel{number}"
            own.mkdir()
            port = free_port()
            file = own / "sentinel.conf"
            file.write_text(CONFIGURATION.format(port=port, folder=own, primary=primary, calm_ms=CALM_MS))
            words = [str(binaries()[make]), str(file), "--sentinel"]
            log = stack.enter_context((own / "log").open("wb"))
            process = subprocess.Popen(words, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            addresses.append(("127.0.0.1", port))
        yield addresses


@contextlib.contextmanager
def our_server(port: int, folder: Path, *options: str) -> Iterator[tuple[Process, Client]]:
    """Run a geventcache that keeps its settings in a folder."""
    file = folder / f"{port}.conf.py"
    file.touch()
    words = ("--config", str(file), "--port", str(port), "--bind", "127.0.0.1", *options)
    with running(*words) as process:
        client = process.connect()
        yield process, client
        client.close()


def primary_of(found: Sentinel) -> tuple[str, int] | None:
    """The primary, as the sentinels see it."""
    with contextlib.suppress(redis.exceptions.ConnectionError):
        host, port = found.discover_master(NAME)
        return host, int(port)
    return None


def let_die_after(found: Sentinel, milliseconds: int) -> None:
    """After how long a silence a server is dead, to the sentinels."""
    for one in found.sentinels:
        assert one.sentinel_set(NAME, "down-after-milliseconds", milliseconds)


def count_of_replicas(found: Sentinel) -> int:
    """How many replicas the sentinels know."""
    with contextlib.suppress(redis.exceptions.ConnectionError):
        return len(found.discover_slaves(NAME))
    return 0


def knows_all(found: Sentinel, others: int) -> bool:
    """Each sentinel knows the others."""
    with contextlib.suppress(redis.exceptions.ConnectionError):
        masters = [one.sentinel_masters()[NAME] for one in found.sentinels]
        return all(master["num-other-sentinels"] == others for master in masters)
    return False


def can_write(main: redis.Redis) -> bool:
    """A client of the sentinels can write."""
    with contextlib.suppress(redis.exceptions.RedisError):
        return bool(main.set("after", 1))
    return False


def follows(port: int, primary: int) -> bool:
    """A server follows another, and has its data; asked by a new connection, since sentinels end the others."""
    with contextlib.suppress(OSError, EOFError), contextlib.closing(Client(("127.0.0.1", port))) as client:
        facts = information(client, "replication")
        is_linked = facts.get("master_port") == str(primary) and facts.get("master_link_status") == "up"
        return is_linked and client.do("GET", "after").value == b"1"
    return False


def seen(folder: Path, *ports: int) -> str:
    """What the sentinels and some servers have to tell."""
    lines = []
    for log in sorted(folder.glob("sentinel*/log")):
        lines += [f"--- {log.parent.name}", *log.read_text(errors="replace").splitlines()[-LINES:]]
    for port in ports:
        try:
            with contextlib.closing(Client(("127.0.0.1", port))) as client:
                facts = information(client, "replication")
                lines += [f"--- {port}", str(facts), str(client.do("GET", "after")), str(client.do("CLIENT", "LIST"))]
        except (OSError, EOFError) as error:
            lines.append(f"--- {port}: {error!r}")
    return "\n".join(lines)


@pytest.mark.parametrize("make", MAKES)
def test_a_primary_dies(make: str, tmp_path: Path) -> None:
    """A replica takes over, clients go on, and the one that died comes back as a replica and stays one."""
    first, second = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        dying, client = stack.enter_context(our_server(first, tmp_path))
        _, replica = stack.enter_context(our_server(second, tmp_path, "--replica-priority", "10"))
        address = stack.enter_context(running_reference(binaries()["valkey 9.1"]))
        with contextlib.closing(Client(address)) as other:
            for one in (replica, other):
                follow(one, client)
                wait_for_all(one, client)
        found = Sentinel(stack.enter_context(sentinels(make, first, tmp_path)), socket_timeout=5)

        def wait(claim: Callable[[], bool]) -> None:
            assert eventually(claim, PATIENCE_S), seen(tmp_path, first, second, address[1])

        wait(lambda: count_of_replicas(found) == 2 and knows_all(found, 2))
        main = found.master_for(NAME, socket_timeout=5)
        assert main.set("before", 1)
        assert main.wait(2, 5000) == 2
        let_die_after(found, QUICK_MS)
        dying.popen.kill()
        dying.popen.wait()
        wait(lambda: primary_of(found) == ("127.0.0.1", second))
        let_die_after(found, CALM_MS)
        wait(lambda: can_write(main))
        assert main.get("before") == b"1"
        wait(lambda: follows(address[1], second))
        with our_server(first, tmp_path):
            wait(lambda: follows(first, second))
            wait(lambda: "replicaof" in tmp_path.joinpath(f"{first}.conf.auto").read_text())
    with our_server(second, tmp_path) as (_, promoted), our_server(first, tmp_path):
        assert promoted.do("SET", "after", 1).value == b"OK"
        assert eventually(lambda: follows(first, second), PATIENCE_S), seen(tmp_path, first, second)
