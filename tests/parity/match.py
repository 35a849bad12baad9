"""What counts as the same reply: matchers that take the reference's reply and the subject's and yield the differences.

A matcher is called as `matcher(reference, subject, path)` and yields one line of text for each difference, nothing
when the replies match. Matchers nest, so that leniency stays where it is needed: `items({1: unordered()})` is exact
but for element 1. Types are compared by every matcher but `ignore`; nothing here knows sockets or commands.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..support.wire import Reply

Matcher = Callable[[Reply, Reply, str], Iterator[str]]
Pairs = list[tuple[Any, Reply]]


def ignore(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Accept anything."""
    return iter(())


def exact(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Accept an equal reply only, and name the innermost parts that differ."""
    if reference != subject:
        yield from _parts(exact, reference, subject, path)


def shape(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    """Accept any reply with the same types and lengths, and any error with the same code."""
    if not (_is_leaf(reference) or _is_leaf(subject)):
        yield from _parts(shape, reference, subject, path)
    elif _leaf_shape(reference) != _leaf_shape(subject):
        yield _difference(reference, subject, path)


def _leaf_shape(reply: Reply) -> tuple[str, bool, bytes]:
    return reply.kind, reply.value is None, reply.value.split(b" ")[0] if reply.is_error else b""


def approx(tolerance: float, relative: float = 0.0) -> Matcher:
    """Return a matcher of numbers (integers, doubles, numeric strings) that may differ a little.

    The difference may be `tolerance`, or the part `relative` of the number; whatever is negative, infinite or no number
    has to be equal.
    """

    def match(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
        if _is_leaf(reference) and _is_leaf(subject):
            if reference != subject and not _is_near(reference, subject, tolerance, relative):
                yield _difference(reference, subject, path)
        else:
            yield from _parts(match, reference, subject, path)

    return match


def unordered(group: int = 1) -> Matcher:
    """Return a matcher of arrays and sets as multisets, at every depth; maps match by key.

    `group` consecutive elements are one item, so that 2 is right for the pairs of a flat array.
    """

    def match(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
        yield from exact(_sorted(reference, group), _sorted(subject, group), path)

    return match


def each(matcher: Matcher) -> Matcher:
    """Return a matcher that applies another one to the elements (of a map: to its values)."""

    def match(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
        yield from _parts(matcher, reference, subject, path)

    return match


def items(matchers: Mapping[int, Matcher], otherwise: Matcher = exact) -> Matcher:
    """Return a matcher of arrays that applies a matcher of its own to the elements at some indexes."""

    def match(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
        if not _is_comparable(reference, subject):
            yield from otherwise(reference, subject, path)
            return
        for index, (one, other) in enumerate(zip(reference.value, subject.value, strict=True)):
            yield from matchers.get(index, otherwise)(one, other, f"{path}[{index}]")

    return match


def mapping(matchers: Mapping[bytes, Matcher] | None = None, otherwise: Matcher = exact) -> Matcher:
    """Return a matcher of maps, and of flat arrays of keys and values, in any order.

    The value of a key is compared by that key's matcher or by `otherwise`; what is no map is compared exactly.
    """

    def match(reference: Reply, subject: Reply, path: str) -> Iterator[str]:
        if reference.kind != subject.kind or not (_is_map(reference) and _is_map(subject)):
            yield from exact(reference, subject, path)
            return
        yield from _fields(dict(_map_pairs(reference)), dict(_map_pairs(subject)), matchers or {}, otherwise, path)

    return match


def _fields(
    reference: dict[bytes, Reply],
    subject: dict[bytes, Reply],
    matchers: Mapping[bytes, Matcher],
    otherwise: Matcher,
    path: str,
) -> Iterator[str]:
    for key in reference.keys() | subject.keys():
        where = f"{path}.{key.decode(errors='replace')}"
        matcher = matchers.get(key, otherwise)
        if key in reference and key in subject:
            yield from matcher(reference[key], subject[key], where)
        elif matcher is not ignore:
            yield f"{where}: only the {'reference' if key in reference else 'subject'} has it"


def _difference(reference: Reply, subject: Reply, path: str) -> str:
    return f"{path}: reference {_shortened(reference)}, subject {_shortened(subject)}"


def _shortened(reply: Reply) -> str:
    text = str(reply)
    return text if len(text) <= 400 else f"{text[:400]}... ({len(text)} characters)"


def _is_leaf(reply: Reply) -> bool:
    return not isinstance(reply.value, tuple)


def _is_comparable(reference: Reply, subject: Reply) -> bool:
    if _is_leaf(reference) or _is_leaf(subject):
        return False
    return reference.kind == subject.kind and len(reference.value) == len(subject.value)


def _parts(matcher: Matcher, reference: Reply, subject: Reply, path: str) -> Iterator[str]:
    if not _is_comparable(reference, subject):
        yield _difference(reference, subject, path)
    elif reference.kind in "%|":
        for (key, value), (other_key, other_value) in zip(reference.value, subject.value, strict=True):
            yield from exact(key, other_key, f"{path}.key")
            yield from matcher(value, other_value, f"{path}.{key}")
    else:
        for index, (one, other) in enumerate(zip(reference.value, subject.value, strict=True)):
            yield from matcher(one, other, f"{path}[{index}]")


def _is_near(reference: Reply, subject: Reply, tolerance: float, relative: float) -> bool:
    if reference.kind != subject.kind or reference.kind not in ":$,+":
        return False
    try:
        one, other = float(reference.value), float(subject.value)
    except (TypeError, ValueError):
        return False
    if min(one, other) < 0 or not (math.isfinite(one) and math.isfinite(other)):
        return False
    return abs(one - other) <= max(tolerance, relative * abs(one))


def _sorted(reply: Reply, group: int) -> Reply:
    if _is_leaf(reply):
        return reply
    if reply.kind in "%|":
        return Reply(reply.kind, tuple(sorted(((key, _sorted(value, group)) for key, value in reply.value), key=repr)))
    parts = [_sorted(part, group) for part in reply.value]
    groups = sorted((parts[start : start + group] for start in range(0, len(parts), group)), key=repr)
    return Reply(reply.kind, tuple(part for part_group in groups for part in part_group))


def _is_map(reply: Reply) -> bool:
    if _is_leaf(reply):
        return False
    return reply.kind == "%" or (reply.kind == "*" and len(reply.value) % 2 == 0 and _are_keys(reply.value[::2]))


def _are_keys(replies: tuple[Reply, ...]) -> bool:
    return all(reply.kind in "$+" and reply.value is not None for reply in replies) and _are_unique(replies)


def _are_unique(replies: tuple[Reply, ...]) -> bool:
    return all(count == 1 for count in Counter(replies).values())


def _map_pairs(reply: Reply) -> Pairs:
    if reply.kind == "%":
        return [(key.value, value) for key, value in reply.value]
    return [(key.value, value) for key, value in zip(reply.value[::2], reply.value[1::2], strict=True)]
