"""The compiled Table seen from inside, and where hashes collide as they never do.

What looks into it is compiled by the tests, and so is a Table that keeps only some bits of its hashes.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from geventcache.base.times import NEVER_MS

from ..support.compiling import ROOT, compile_module
from .test_table import check, compiled_only, get, imported, put, remove, walk

Compile = Callable[..., Any]
pytestmark = [compiled_only, pytest.mark.slow]
# All keys are of one position; of 4 (the highest bits); of 64 with few tags; of 4096 in one corner of the space.
MASKS = [0, 0xC000000000000000, 0xFC00000000000003, 0x0000FFF000000100]
WHOLE = 2**64 - 1


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Compiles a file of this tree, with flags."""
    pytest.importorskip("setuptools")
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    return lambda source, name, *flags: compile_module(ROOT / source, name, tmp_path_factory.mktemp("made"), flags)


@pytest.fixture(scope="module")
def check_invariants(compiled: Compile) -> Callable[[Any, int], None]:
    """Looks into a table whose hashes keep the bits of a mask."""
    check: Callable[[Any, int], None] = compiled(
        "tests/support/table_invariants.pyx", "table_invariants"
    ).check_invariants
    return check


@pytest.fixture(scope="module", params=MASKS, ids=hex)
def module(request: pytest.FixtureRequest, compiled: Compile) -> Any:
    """A Table that keeps these bits of a hash."""
    flag = f"-DGEVENTCACHE_HASH_MASK=UINT64_C({request.param})"
    made = compiled("geventcache/base/table.pyx", "geventcache.base.table", flag)
    made.mask = request.param
    return made


@pytest.mark.parametrize("seed", range(3))
def test_invariants_hold_while_a_table_grows_and_shrinks(check_invariants: Any, seed: int) -> None:
    """All that the source promises, looked at from inside."""
    table, choice = imported.Table(), random.Random(seed)
    for space, odds, rounds in ((30, 0.6, 3000), (9000, 0.95, 20_000), (9000, 0.25, 40_000), (9000, 0.7, 5000)):
        for number in range(rounds):
            key = b"k%d" % choice.randrange(space) * choice.choice([1, 1, 1, 100])
            kind = table.seek(key)
            if choice.random() < odds:
                table.put(choice.choice([b"x" * choice.randrange(2000), choice.randrange(1000), 0.5, []]))
                if choice.random() < 0.3:
                    table.set_times(choice.choice([NEVER_MS, 5]), choice.choice([0, 9]))
            elif kind:
                table.remove()
            if number % 500 == 0 or space == 30:
                check_invariants(table, WHOLE)
                check_invariants(table.copy(), WHOLE)
    while not table.release(choice.randrange(200), lambda _: None):
        check_invariants(table, WHOLE)
    check_invariants(table, WHOLE)


@pytest.mark.parametrize("seed", range(5))
def test_churn_where_hashes_collide(module: Any, check_invariants: Any, seed: int) -> None:
    """What finds no room raises MemoryError and changes nothing; all else is as ever."""
    table, choice = module.Table(), random.Random(seed)
    empty, model, refused = table.memory, dict[bytes, Any](), 0
    for odds in (0.9, 0.2, 0.7, 0.05):
        for number in range(4000):
            key = b"k%d" % choice.randrange(3000)
            kind = table.seek(key)
            assert bool(kind) == (key in model)
            if choice.random() < odds:
                value = choice.choice([b"x" * choice.randrange(100), choice.randrange(1000)])
                try:
                    table.put(value)
                except MemoryError:
                    assert not kind
                    refused += 1
                else:
                    model[key] = value
            elif kind:
                table.remove()
                del model[key]
            if number % 200 == 0:
                check_invariants(table, module.mask)
        check(table, model)
        check_invariants(table.copy(), module.mask)
        check(table.copy(), model)
        # A directory that nobody can use is not kept.
        assert table.structure < 600_000
    assert refused or positions(module) >= 64
    for key in list(model):
        remove(table, key)
    assert (table.count, table.memory) == (0, empty)


def positions(module: Any) -> int:
    """How many positions some keys have."""
    table = module.Table()
    return len({table.position(b"%d" % number) for number in range(1000)})


def test_keys_of_equal_position_come_together(module: Any) -> None:
    """However small the page is."""
    table = module.Table()
    kept = []
    for number in range(300):
        key = b"%d" % number
        try:
            put(table, key, number)
        except MemoryError:
            continue
        kept.append(key)
    assert len(kept) >= 56
    of_position = Counter(table.position(key) for key in kept)
    position, met = 0, []
    while position < module.END:
        after, page = table.page(position, 1)
        for found in {table.position(key) for key in page}:
            assert sum(table.position(key) == found for key in page) == of_position[found]
        position = after
        met += page
    assert sorted(met) == sorted(kept)
    assert {table.random_key() for _ in range(100 * len(kept))} == set(kept)


def test_tickets_of_equal_hashes(module: Any) -> None:
    """Each of two keys of one hash is found in the end, since the first that is found is taken out."""
    table, tickets, sifted = module.Table(), module.Tickets(), module.Tickets()
    kept = set()
    for number in range(56):
        table.seek(b"%d" % number)
        table.put_until(number, 500, 100)
        tickets.add(table.ticket())
        kept.add(b"%d" % number)
    tickets.extend(tickets, 0)
    table.sift(tickets, 0, 112, 100, sifted)
    assert sorted(sifted) == sorted(list(tickets)[:56])
    for at in range(56):
        assert table.redeem(tickets, at, 100)
        kept.remove(table.key())
        table.remove()
    assert not kept
    assert table.count == 0


def test_release_where_hashes_collide(module: Any, check_invariants: Any) -> None:
    """All is freed, and the shape is that of an empty table."""
    table = module.Table()
    empty = table.memory
    for number in range(2000):
        try:
            put(table, b"%d" % number, [number])
        except MemoryError:
            assert get(table, b"%d" % number) is None
    count, buried = table.count, list[Any]()
    while not table.release(7, buried.append):
        assert len(walk(table)) == table.count
        check_invariants(table, module.mask)
    assert len(buried) == count
    assert table.memory == empty
