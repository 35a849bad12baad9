"""The signals of a process without an event loop: queued, and waited for together with what it reads from.

The kernel's own queue of one signal of a kind is enough for most, but handlers run between any two instructions.
So a signal does nothing here but write its number into a pipe, and whoever waits reads the numbers from there.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable, Iterator, Sequence

_READ_SIZE = 4096


class Signals:
    """Signals that are queued from now on, by their names without ``SIG``."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {signal.Signals[f"SIG{name}"].value: name for name in names}
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in self._names:
            signal.signal(number, lambda _number, _frame: None)

    def wait(self, timeout_s: float | None, descriptors: Sequence[int]) -> tuple[list[str], list[int]]:
        """Wait for signals, and for something to read or an end at the descriptors; return which have come.

        Args:
            timeout_s: None for ever.
        """
        poll = select.poll()
        for descriptor in (self._reading, *descriptors):
            poll.register(descriptor, select.POLLIN)
        readable = {descriptor for descriptor, _ in poll.poll(None if timeout_s is None else timeout_s * 1000)}
        numbers = os.read(self._reading, _READ_SIZE) if self._reading in readable else b""
        names = [self._names[number] for number in numbers if number in self._names]  # others have handlers of hooks
        return names, [descriptor for descriptor in descriptors if descriptor in readable]

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """Let no signal through until the end, in a process that is forked meanwhile until `let_through`."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._names)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._names)

    def reset(self) -> None:
        """Do with signals what the system does by default."""
        signal.set_wakeup_fd(-1)
        for number in self._names:
            signal.signal(number, signal.SIG_DFL)
        os.close(self._reading)
        os.close(self._writing)

    def let_through(self) -> None:
        """Deliver what is held back."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._names)
