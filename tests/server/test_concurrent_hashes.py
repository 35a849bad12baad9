"""Many clients at once on the same hashes: nothing is lost, nothing is given twice, nothing is torn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ..support.client import Client
from .conftest import Connect, wait_until

pytestmark = pytest.mark.slow

CLIENTS = 50
OPERATIONS = 200
HASHES = 5
FIELDS = 20


def in_parallel(connect: Connect, work: Callable[[Client, int], Any]) -> list[Any]:
    """Let every client do its work, all at once, with its number; return what each made of it."""
    clients = [connect(2 + number % 2) for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(work, clients, range(CLIENTS)))


def pairs(client: Client, key: str) -> dict[bytes, bytes]:
    """All fields of a hash and their values."""
    client.send("HGETALL", key)
    reply = client.receive()
    if reply.kind == "%":
        return {field.value: value.value for field, value in reply.value}
    words = [part.value for part in reply.value]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_no_count_is_lost(connect: Connect, control: Client) -> None:
    """Every increment of every client is in the sums, whole ones and fractions."""

    def work(client: Client, number: int) -> None:
        for i in range(OPERATIONS):
            client.do("HINCRBY", f"h{i % HASHES}", f"n{i % FIELDS}", number)
            client.do("HINCRBYFLOAT", f"h{i % HASHES}", f"x{i % FIELDS}", "0.5")

    in_parallel(connect, work)
    found = [pairs(control, f"h{i}") for i in range(HASHES)]
    whole = sum(int(value) for one in found for field, value in one.items() if field.startswith(b"n"))
    fractions = sum(float(value) for one in found for field, value in one.items() if field.startswith(b"x"))
    assert whole == sum(range(CLIENTS)) * OPERATIONS
    assert fractions == 0.5 * CLIENTS * OPERATIONS


def test_each_field_has_one_winner(connect: Connect, control: Client) -> None:
    """Of all clients that set a field unless it is there, one succeeds, and the value is its own."""

    def work(client: Client, number: int) -> list[int]:
        return [i for i in range(OPERATIONS) if client.do("HSETNX", "h", i, number).value]

    won = in_parallel(connect, work)
    assert sorted(i for fields in won for i in fields) == list(range(OPERATIONS))
    assert pairs(control, "h") == {b"%d" % i: b"%d" % n for n, fields in enumerate(won) for i in fields}


def test_each_field_is_taken_once(connect: Connect, control: Client) -> None:
    """A value that is read and deleted in one command goes to one client, however many ask."""
    for i in range(OPERATIONS):
        control.do("HSET", "h", i, f"v{i}")

    def work(client: Client, number: int) -> list[bytes]:
        taken = [
            client.do("HGETDEL", "h", "FIELDS", 1, (i + number) % OPERATIONS).value[0].value for i in range(OPERATIONS)
        ]
        return [value for value in taken if value is not None]

    taken = Counter(value for values in in_parallel(connect, work) for value in values)
    assert taken == Counter(b"v%d" % i for i in range(OPERATIONS))
    assert control.do("EXISTS", "h").value == 0


def test_fields_of_one_command_are_seen_together(connect: Connect, control: Client) -> None:
    """A reader sees all fields of a writer's command or none, while hashes grow, are deleted and are renamed."""
    names = [f"f{i}" for i in range(FIELDS)]

    def write(client: Client, number: int) -> None:
        for i in range(OPERATIONS):
            client.do("HSET", "h", *(part for name in names for part in (name, f"{number}-{i}")))
            if i % 10 == 0:
                client.do("RENAME", "h", "other")
            elif i % 10 == 5:
                client.do("HDEL", "h", *names)

    def read(client: Client, number: int) -> None:
        for _ in range(OPERATIONS):
            for key in ("h", "other"):
                found = pairs(client, key)
                assert not found or (len(found) == FIELDS and len(set(found.values())) == 1)

    in_parallel(connect, lambda client, number: (read if number % 2 else write)(client, number))


def test_own_fields_are_as_they_were_left(connect: Connect, control: Client) -> None:
    """Among fields that expire all the time, each client's lasting fields have their last values; the others go."""

    def work(client: Client, number: int) -> None:
        for i in range(OPERATIONS):
            key = f"h{i % HASHES}"
            client.do("HSET", key, f"own{number}", i)
            client.do("HSETEX", key, "PX", 1 + i % 20, "FIELDS", 2, f"brief{number}", i, f"shared{i % FIELDS}", i)
            client.do("HPEXPIRE", key, 1 + i % 7, "FIELDS", 1, f"brief{number}")
            if i % 3 == 0:
                client.do("HDEL", key, f"brief{number}", f"shared{i % FIELDS}")

    in_parallel(connect, work)
    kept = {b"own%d" % number for number in range(CLIENTS)}
    for i in range(HASHES):
        wait_until(lambda key=f"h{i}": control.do("HLEN", key).value == CLIENTS)  # type: ignore[misc]
        found = pairs(control, f"h{i}")
        assert found.keys() == kept
        assert set(found.values()) == {b"%d" % (OPERATIONS - HASHES + i)}
    assert b"keys_with_volatile_items=0" in control.do("INFO", "keyspace").value
