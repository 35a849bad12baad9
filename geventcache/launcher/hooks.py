"""The functions of a configuration file that are called when something happens to the process.

A hook cannot take the server down: what it raises is logged, and the server goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

# What each is called with, and when; docs/running.md tells the same.
# With one worker, its process is all of them.
HOOKS = (
    "on_starting",  # (master): before anything is bound
    "post_fork",  # (master, worker): in a worker that was forked, before it serves
    "when_ready",  # (master): clients can connect
    "worker_int",  # (worker): it was told to stop, by SIGINT or SIGQUIT
    "worker_exit",  # (master, worker): in a worker that was forked, when it has stopped
    "on_exit",  # (master): the last thing
    "on_expired_batch",  # (worker, count): a batch of so many keys has expired
    "on_expired",  # (keys): these keys have expired
    "on_key_event",  # (event, key, db): a key has changed
)


class Hooks:
    """The hooks of one configuration, and its commands: functions under a declaration."""

    def __init__(
        self,
        functions: Mapping[str, Callable[..., object]] | None = None,
        commands: Sequence[Callable[..., object]] = (),
    ) -> None:
        self.functions = dict(functions or {})
        self.commands = tuple(commands)

    def __contains__(self, name: str) -> bool:
        return name in self.functions

    def call(self, log: Any, name: str, *args: object) -> None:
        """Call the hook `name`, if there is one."""
        function = self.functions.get(name)
        if function is None:
            return
        try:
            function(*args)
        except Exception as error:
            log.error("hook_failed", hook=name, error=repr(error), exc_info=error)
