"""What clients ask about replication, persistence and modules, all of which the servers do without."""

from __future__ import annotations

import pytest

from .pair import Pair

SCRIPTS = {
    "wait": """
        WAIT 0 10
        WAIT -1 10
        WAIT 1 1
        WAIT x 1
        WAIT 0 x
        WAIT 0 -1
        WAIT 0
    """,
    "waitaof": """
        WAITAOF 0 0 10
        WAITAOF 0 1 1
        WAITAOF 1 0 10
        WAITAOF 1 0 -1
        WAITAOF 2 0 1
        WAITAOF -1 0 1
        WAITAOF 0 -1 1
        WAITAOF x 0 1
        WAITAOF 0 x 1
        WAITAOF 0 0 x
        WAITAOF 0 0 -1
        WAITAOF 0 0
    """,
    "in a transaction": """
        MULTI
        WAIT 1 0
        WAITAOF 0 1 0
        EXEC
        EVAL "return {redis.call('WAIT', 1, 0), redis.call('WAITAOF', 0, 1, 0)}" 0
    """,
    "role": """
        shape: ROLE
        ROLE x
    """,
    "replicaof": """
        REPLICAOF NO ONE
        REPLICAOF no one
        SLAVEOF NO ONE
        REPLICAOF NO x
        REPLICAOF localhost x
        REPLICAOF localhost 70000
        REPLICAOF localhost -1
        REPLICAOF NO
        REPLICAOF localhost 0
        CONFIG GET replicaof
        REPLICAOF NO ONE
    """,
    "lastsave": """
        shape: LASTSAVE
        LASTSAVE x
    """,
    "module": """
        MODULE NOSUCH
        MODULE
        MODULE LIST x
        MODULE LOAD
        MODULE LOAD /nothing.so
        MODULE LOAD /nothing.so a b
        MODULE LOADEX /nothing.so CONFIG a b ARGS c
        MODULE UNLOAD x
        MODULE UNLOAD x y
    """,
    "import source": """
        CLIENT IMPORT-SOURCE ON
        CLIENT IMPORT-SOURCE OFF
        CLIENT IMPORT-SOURCE x
        CLIENT IMPORT-SOURCE
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_replication_script(pair: Pair, name: str) -> None:
    """Each line of the script has the reference's reply."""
    pair.play(SCRIPTS[name])
