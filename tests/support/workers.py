"""Workers: threads that each have a connection of their own, and what they report."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import TypeVar

from .client import Client
from .process import Process

T = TypeVar("T")


class Crew:
    """Threads that run while a block does: each ends when it finds that it `is_over`."""

    def __init__(self) -> None:
        self.is_over = Event()
        self.threads: list[Thread] = []

    def employ(self, work: Callable[..., None], *args: object) -> None:
        """Have a thread that does this."""
        self.threads.append(Thread(target=work, args=args))

    def __enter__(self) -> Crew:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def at_once(count: int, work: Callable[[int], T]) -> list[T]:
    """Run `work(number)` in so many threads that begin together; return what they return, or raise what one raised."""
    barrier = Barrier(count)

    def begin(number: int) -> T:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def with_clients(process: Process, count: int, work: Callable[[Client, int], T]) -> list[T]:
    """Run `work(client, number)` in so many threads, as `at_once` does."""
    clients = [process.connect() for _ in range(count)]
    try:
        return at_once(count, lambda number: work(clients[number], number))
    finally:
        for client in clients:
            client.close()


def pipelined(client: Client, requests: list[bytes], batch: int = 2000) -> list[bytes]:
    """Send requests in batches; return the error replies."""
    errors = []
    for start in range(0, len(requests), batch):
        part = requests[start : start + batch]
        client.send_bytes(b"".join(part))
        errors += [reply.value for reply in (client.receive() for _ in part) if reply.is_error]
    return errors
