"""What was acknowledged is there: a server that is killed under load, at any moment, many times.

Each client changes keys of its own, one change after the other, and notes what was answered. After each kill, what is
loaded must have all of it: with `always` and with the others as well, since a process that dies takes nothing along
that it has written; but for `everysec` and `no`, what was answered while a sync held writes up, two seconds at most.

GEVENTCACHE_KILLS says how often each policy is tried; 100 take some minutes.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ..support.client import Address, Client
from ..support.process import Process, eventually, serving

KILLS = int(os.environ.get("GEVENTCACHE_KILLS", "3"))
CLIENTS = 6
LONGEST_LOAD_S = 0.4
GRACE_S = 2.0
LOST = (EOFError, OSError)


class Writer(threading.Thread):
    """One client that changes its keys until the server dies.

    Attributes:
        sent, answered: how many changes were sent, and answered.
        times: when each of them was answered.
    """

    def __init__(self, address: Address, number: int, pipeline: int) -> None:
        super().__init__()
        self.client = Client(address)
        self.number = number
        self.pipeline = pipeline
        self.sent = 0
        self.answered = 0
        self.times: list[float] = []

    def changes(self, i: int) -> list[tuple[str | int, ...]]:
        """The requests of the change of a number: a counter, a list, and a transaction of two keys."""
        me = self.number
        kind = i % 3
        if kind == 0:
            return [("INCR", f"count:{me}")]
        if kind == 1:
            return [("RPUSH", f"list:{me}", i)]
        return [("MULTI",), ("HSET", f"hash:{me}", "a", i), ("HSET", f"hash:{me}", "b", i), ("EXEC",)]

    def run(self) -> None:
        """Change until there is no answer."""
        try:
            while True:
                requests = []
                for _ in range(self.pipeline):
                    requests.append(self.changes(self.sent))
                    self.sent += 1
                for change in requests:
                    for one in change:
                        self.client.send(*one)
                for change in requests:
                    replies = [self.client.receive() for _ in change]
                    assert not any(reply.is_error for reply in replies), replies
                    self.answered += 1
                    self.times.append(time.monotonic())
        except LOST:
            self.client.close()

    def done(self, client: Client) -> int:
        """How many of the changes are there, all those before each of them included."""
        count = int(client.do("GET", f"count:{self.number}").value or 0)
        items = [int(item.value) for item in client.do("LRANGE", f"list:{self.number}", 0, -1).value]
        fields: Any = client.do("HGETALL", f"hash:{self.number}").plain()
        assert items == list(range(1, 3 * len(items), 3))
        assert fields == [] or (fields[1] == fields[3] and int(fields[1]) % 3 == 2)
        transactions = (int(fields[1]) + 1) // 3 if fields else 0
        done = count + len(items) + transactions
        # They were made in turn, so none is there without those before it.
        assert [count, len(items), transactions] == [(done + 2) // 3, (done + 1) // 3, done // 3]
        return done


def kill_once(folder: Path, policy: str, rng: random.Random, rewrites: bool) -> None:
    """Load the server, kill it, and compare what is there with what was answered."""
    options = ("--dir", str(folder), "--appendonly", "yes", "--appendfsync", policy)
    with serving(*options) as process:
        writers = start(process)
        if rewrites:
            process.connect().send("BGREWRITEAOF")
        time.sleep(rng.random() * LONGEST_LOAD_S)  # the moment of the kill is what the test is about
        process.popen.send_signal(signal.SIGKILL)
        killed_s = time.monotonic()
        process.popen.wait()
        for writer in writers:
            writer.join()
    with serving(*options) as process:
        client = process.connect()
        assert eventually(lambda: not client.do("DBSIZE").is_error)
        for writer in writers:
            done = writer.done(client)
            assert done <= writer.sent
            assert policy != "always" or done >= writer.answered, (writer.answered, done)
            late = [at for at in writer.times[done:] if at < killed_s - GRACE_S]
            assert not late, (writer.answered, done)
        client.do("FLUSHALL")
        process.end(signal.SIGTERM)


def start(process: Process) -> list[Writer]:
    """Start the clients, some of them with pipelines."""
    client = process.connect()
    assert eventually(lambda: not client.do("DBSIZE").is_error)
    assert process.address is not None
    writers = [Writer(process.address, i, 1 if i % 2 else 8) for i in range(CLIENTS)]
    for writer in writers:
        writer.start()
    return writers


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_what_was_acknowledged_is_there(tmp_path: Path, policy: str) -> None:
    """After each kill: with `always` nothing is missing, else at most the last two seconds."""
    rng = random.Random(policy)
    for _ in range(KILLS):
        kill_once(tmp_path, policy, rng, rewrites=False)


def test_kills_while_it_is_rewritten(tmp_path: Path) -> None:
    """The same, while a new base is written at the time."""
    rng = random.Random("rewrite")
    for _ in range(KILLS):
        kill_once(tmp_path, "always", rng, rewrites=True)
