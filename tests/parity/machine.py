"""Random scripts: hypothesis draws commands from a family's table and both servers have to agree at every step.

A family subclasses `ParityMachine`, gives it `commands` and calls `run_machine` in a test. The script of a failure is
made shorter here and not by hypothesis: playing a list of commands again costs milliseconds, and the number of
replays is bounded. GEVENTCACHE_PARITY_PROFILE=deep draws other and longer scripts at each run, many more of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from ..support.wire import Argument
from .pair import Pair, ParityError
from .steps import Runner, Step, minimised
from .strategies import steps

_COMMON: dict[str, Any] = {
    "deadline": None,
    "verbosity": Verbosity.quiet,
    "database": None,
    "phases": (Phase.generate,),
    "report_multiple_bugs": False,
    "suppress_health_check": list(HealthCheck),
}
PROFILES = {
    "quick": settings(max_examples=50, stateful_step_count=30, derandomize=True, **_COMMON),
    "deep": settings(max_examples=1500, stateful_step_count=80, **_COMMON),
}


class ParityMachine(RuleBasedStateMachine):
    """Steps drawn from `commands`: tuples of a name and its arguments, or strategies made by `strategies.command`.

    `beginning` is played first, so that commands find something; `databases` are compared at the end, with the
    encodings of their keys unless `encodings` is False.
    """

    commands: ClassVar[Sequence[Any]] = ()
    databases: ClassVar[Sequence[int]] = (0,)
    encodings: ClassVar[bool] = True
    beginning: ClassVar[Sequence[Sequence[Argument]]] = ()

    def __init__(self, runner: Runner, failures: list[tuple[list[Step], ParityError]]) -> None:
        super().__init__()
        self.runner = runner
        self.failures = failures
        self.script: list[Step] = []
        self.drawn = steps(self.commands)
        runner.reset()

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """Play one command."""
        step = data.draw(self.drawn)
        self.script.append(step)
        self._checked(lambda: self.runner.play(step))

    def teardown(self) -> None:
        """Compare what the servers hold at the end, unless they differed before."""
        if not self.failures:
            self._checked(self.runner.finish)

    def _checked(self, action: Callable[[], None]) -> None:
        try:
            action()
        except ParityError as error:
            self.failures.append((self.script, error))
            raise


Failures = list[tuple[list[Step], ParityError]]


def _bound(machine: type[ParityMachine], runner: Runner, failures: Failures) -> type[RuleBasedStateMachine]:
    """Return the machine as a class that needs no arguments, which is what hypothesis makes instances of."""

    class Bound(machine):  # type: ignore[valid-type,misc]
        def __init__(self) -> None:
            super().__init__(runner, failures)

    return Bound


def run_machine(machine: type[ParityMachine], pair: Pair, events: str = "") -> None:
    """Run a family's random scripts; raises ParityError with a short script that shows a difference.

    `events` is a value of notify-keyspace-events; with it the events of each command are compared in order.
    """
    runner = Runner(pair, events, machine.databases, machine.encodings, machine.beginning)
    failures: Failures = []
    profile = PROFILES[os.environ.get("GEVENTCACHE_PARITY_PROFILE", "quick")]
    with runner.listening():
        try:
            run_state_machine_as_test(_bound(machine, runner, failures), settings=profile)
        except Exception:
            if not failures:
                raise
        if failures:
            script, error = failures[0]
            raise minimised(runner, script, error)
