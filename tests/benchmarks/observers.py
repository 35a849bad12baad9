"""Onlookers of a server under load, each a process of its own, so that the load's work does not delay its clock.

A bystander sends GET every millisecond and times the replies; where it knows the server's process, it also notes for
how long the two of them were ready and had no processor, which tells of the machine and not of the server. An event
reader subscribes to expired events; the keys' names carry their deadlines (`due_key`), so that it knows how late each
event is.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import time
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

from .client import Client, encode

BYSTANDER_KEY = "bystander"
_INTERVAL_S = 0.001
_DUE_KEY = re.compile(rb"due:(\d{13}):\d{7}\r\n")
_END_LIMIT_S = 60.0


class Series(NamedTuple):
    """Points in time, in seconds since the epoch, and what was seen then, in milliseconds.

    A bystander that knows the server's process also tells how much of that was no wait for a processor.
    """

    at_s: array[float]
    ms: array[float]
    own_ms: array[float] = array("d")

    def since(self, start_s: float) -> Series:
        """Return the part from an instant on."""
        kept = [i for i, at_s in enumerate(self.at_s) if at_s >= start_s]
        parts = (array("d", (values[i] for i in kept)) if values else values for values in self)
        return Series(*parts)


class Observer:
    """A running onlooker."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def finish(self) -> Series:
        """Stop looking and return what was seen; raises TimeoutError when the process does not answer."""
        self._pipe.send(None)
        if not self._pipe.poll(_END_LIMIT_S):
            raise TimeoutError("an observer does not answer")
        series: Series = self._pipe.recv()
        return series


@contextlib.contextmanager
def bystander(port: int, pid: int = 0) -> Iterator[Observer]:
    """Run a bystander; its series has the latency of each GET at the time it was sent."""
    with _observer(partial(_watch_latency, pid=pid), port) as observer:
        yield observer


@contextlib.contextmanager
def event_reader(port: int) -> Iterator[Observer]:
    """Run an event reader; its series has each event's lag behind its key's deadline at the time it arrived."""
    with _observer(_watch_events, port) as observer:
        yield observer


def due_key(deadline_ms: int, index: int) -> bytes:
    """Return the name of a key that an event reader can judge."""
    return b"due:%013d:%07d" % (deadline_ms, index)


@contextlib.contextmanager
def _observer(watch: Callable[[int, Connection], None], port: int) -> Iterator[Observer]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=watch, args=(port, there), daemon=True)
    process.start()
    try:
        if not here.poll(_END_LIMIT_S):
            raise TimeoutError("an observer does not start")
        here.recv()
        yield Observer(here)
    finally:
        process.terminate()
        process.join()


def _unserved_ms(pid: int) -> float:
    """For how long this process and the server's main thread were ready and had no processor, so far."""
    if not pid:
        return 0.0
    waits = (Path(place, "schedstat").read_text().split()[1] for place in ("/proc/self", f"/proc/{pid}/task/{pid}"))
    return sum(map(int, waits)) / 1e6


def _watch_latency(port: int, pipe: Connection, pid: int) -> None:
    seen = Series(array("d"), array("d"), array("d"))
    request = encode("GET", BYSTANDER_KEY)
    with Client(port) as client:
        client.do("SET", BYSTANDER_KEY, "x" * 64)
        pipe.send(None)
        while not pipe.poll():
            unserved_ms = _unserved_ms(pid)
            seen.at_s.append(time.time())
            started = time.perf_counter()
            client.exchange(request, 1)
            seen.ms.append((time.perf_counter() - started) * 1e3)
            seen.own_ms.append(max(0.0, seen.ms[-1] - (_unserved_ms(pid) - unserved_ms)))
            time.sleep(_INTERVAL_S)
    pipe.send(seen)


def _watch_events(port: int, pipe: Connection) -> None:
    """Collect what arrives with its time only; it is parsed afterwards, so that a flood is read as fast as it comes."""
    chunks: list[tuple[float, bytes]] = []
    with Client(port) as client:
        client.do("SUBSCRIBE", "__keyevent@0__:expired")
        pipe.send(None)
        while pipe not in wait([client.fileno(), pipe]):
            chunk = client.receive()
            if not chunk:
                break
            chunks.append((time.time(), chunk))
    pipe.send(_lags(chunks))


def _lags(chunks: list[tuple[float, bytes]]) -> Series:
    seen = Series(array("d"), array("d"))
    rest = b""
    for at_s, chunk in chunks:
        text = rest + chunk
        end = 0
        for match in _DUE_KEY.finditer(text):
            seen.at_s.append(at_s)
            seen.ms.append(at_s * 1e3 - int(match[1]))
            end = match.end()
        rest = text[end:]
    return seen
