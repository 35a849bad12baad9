"""Forks: the new process is a stranger to the servers of the one that it was forked from.

The rules, for the child:

- It accepts nobody and serves nobody. Its copies of the sockets are closed, and only closed: nothing is sent, no
  connection is shut down, no path is removed. They are the parent's.
- Watchers are closed if the hub that they belong to is the forking thread's; that hub may go on in the child. A hub of
  another thread has ended with that thread, amid whatever it did: nothing there is touched.
- What was abandoned is kept until the process ends: greenlets that wait in it would otherwise be ended, and tidy up.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from gevent.monkey import get_original

_owners: WeakSet[Any] = WeakSet()
_abandoned: list[Any] = []
# That of gevent closes when the hub has had a turn.
close_now = get_original("os", "close")
# Of the native thread, also where gevent has given each greenlet a number of its own.
thread_id: Callable[[], int] = get_original("_thread", "get_ident")


def watch(owner: Any) -> None:
    """Call `owner.abandon()` in every process that is forked while it lives, until `unwatch`."""
    _owners.add(owner)


def unwatch(owner: Any) -> None:
    """It has nothing more to abandon."""
    _owners.discard(owner)


def let_go(sock: Any) -> None:
    """Close this process' copy of a socket, of gevent or a plain one; whoever waits for it here gets an error."""
    with contextlib.suppress(OSError):
        descriptor = getattr(sock, "_sock", sock).detach()
        if descriptor >= 0:
            close_now(descriptor)


def _abandon_all() -> None:
    owners = list(_owners)
    _owners.clear()
    _abandoned.extend(owners)
    for owner in owners:
        owner.abandon()


os.register_at_fork(after_in_child=_abandon_all)
