"""Scripts without LuaJIT: by Lua 5.1 they give the reference's values and errors, but for the places of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from ..support.needs import required_reference
from ..support.servers import Servers, running_reference, running_subject
from ..support.wire import Reply
from . import pattern_cases
from . import script_cases as cases
from . import script_library_cases as library_cases
from .match import exact, unordered
from .pair import Pair

pytest.importorskip("lupa.lua51")
PLACE = re.compile(rb"user_(?:script|function):\d+: ")


@pytest.fixture(scope="module")
def servers_of_51() -> Iterator[Servers]:
    """The reference, and a server whose scripts are run by Lua 5.1."""
    binary = required_reference()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEVENTCACHE_TEST_LUA", "lua51")
        with running_reference(binary) as reference, running_subject() as subject:
            yield Servers(reference, subject, frozenset())


@pytest.fixture
def pair_of_51(servers_of_51: Servers) -> Iterator[Pair]:
    """Connections to both."""
    with closing(Pair(servers_of_51, 2)) as opened:
        yield opened


def unplaced(reply: Reply) -> Reply:
    """Return a reply without the places in a script that its texts tell."""
    if isinstance(reply.value, bytes):
        return Reply(reply.kind, PLACE.sub(b"", reply.value))
    if isinstance(reply.value, tuple):
        return Reply(reply.kind, tuple(unplaced(item) if isinstance(item, Reply) else item for item in reply.value))
    return reply


def but_for_places(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Accept an equal reply, but for places."""
    return exact(unplaced(reference), unplaced(subject), path)


@pytest.mark.parametrize("group", ["LANGUAGE", "SERVER", "COMMANDS", "HEADERS"])
def test_scripts(pair_of_51: Pair, group: str) -> None:
    """Each script has the reference's reply."""
    for script in getattr(cases, group):
        pair_of_51.do("FLUSHALL")
        pair_of_51.do("SET", "k", "v")
        pair_of_51.do("EVAL", script, 1, "key1", "arg1", match=but_for_places)


@pytest.mark.parametrize("group", ["CJSON", "CMSGPACK", "BIT", "STRUCT", "NUMBERS_AND_TABLES"])
def test_libraries(pair_of_51: Pair, group: str) -> None:
    """Each function of a library gives the reference's value, or its error."""
    for script in getattr(library_cases, group):
        pair_of_51.do("EVAL", script, 1, "key1", "arg1", match=but_for_places)


def test_patterns_match_alike(pair_of_51: Pair) -> None:
    """Whatever a pattern is, right or wrong, it finds and captures the same, and replaces the same by the same."""
    sha = pair_of_51.do("SCRIPT", "LOAD", pattern_cases.MATCH).value
    for text, pattern, replacement in pattern_cases.of_seed(2, 500):
        pair_of_51.do("EVALSHA", sha, 0, text, pattern, replacement, match=but_for_places)


def test_protocols(pair_of_51: Pair) -> None:
    """Values keep their types between commands and scripts."""
    for script in cases.PROTOCOLS:
        pair_of_51.do("EVAL", script, 0, match=unordered())
