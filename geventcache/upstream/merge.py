"""One reply out of those of several servers, or of several requests, as the tips of the commands say.

All work on frames; each gets the frames in the order of the requests, and returns the first error if there is one.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from geventcache.resp.frames import (
    NULL,
    NULL_ARRAY,
    NULL_BULK,
    array,
    bulk_value,
    error_text,
    first_error,
    is_error,
    items,
)

Merge = Callable[[list[bytes]], bytes]
UNFIT = b"-ERR The replies of the upstream do not fit together\r\n"
NOTHING_RUNS = b"NOTBUSY"
NULLS = (NULL, NULL_BULK, NULL_ARRAY)


def integer(frame: bytes) -> int:
    """The value of an integer."""
    return int(frame[1:-2])


def total(frames: list[bytes]) -> bytes:
    """The sum of numbers."""
    return first_error(frames) or b":%d\r\n" % sum(map(integer, frames))


def agreed(frames: list[bytes]) -> bytes:
    """The reply of all, if none of them is an error."""
    return first_error(frames) or frames[0]


def one_well(frames: list[bytes]) -> bytes:
    """The first reply that is no error; else the error that says most."""
    well = next((frame for frame in frames if not is_error(frame)), None)
    return well or next((one for one in frames if not error_text(one).startswith(NOTHING_RUNS)), frames[0])


def joined(frames: list[bytes]) -> bytes:
    """One array of all elements."""
    return first_error(frames) or array([item for frame in frames for item in items(frame)])


def all_true(frames: list[bytes]) -> bytes:
    """Element by element: 1 where every server says so."""
    wrong = first_error(frames)
    if wrong is not None:
        return wrong
    columns = zip(*(items(frame) for frame in frames), strict=True)
    return array([b":%d\r\n" % min(map(integer, column)) for column in columns])


def any_key(frames: list[bytes]) -> bytes:
    """One of the keys."""
    found = [frame for frame in frames if bulk_value(frame) is not None]
    return first_error(frames) or (random.choice(found) if found else frames[0])


def running(frames: list[bytes]) -> bytes:
    """What FUNCTION STATS says where something runs, else anywhere."""
    return first_error(frames) or next((frame for frame in frames if items(frame)[1] not in NULLS), frames[0])


POLICIES: dict[str, Merge] = {
    "agg_sum": total,
    "all_succeeded": agreed,
    "one_succeeded": one_well,
    "agg_logical_and": all_true,
    "": joined,
}
BY_NAME: dict[str, Merge] = {"RANDOMKEY": any_key, "FUNCTION|STATS": running, "SWAPDB": agreed}


def merge_of(name: str, policy: str) -> Merge:
    """How the replies to a command become one."""
    return BY_NAME.get(name) or POLICIES[policy]


class Gather:
    """Waits for several replies, and gives the merged one.

    Args:
        done: called with it.
    """

    def __init__(self, count: int, merge: Merge, done: Callable[[bytes], None]) -> None:
        self.frames: list[bytes] = [b""] * count
        self.missing = count
        self.merge = merge
        self.done = done

    def part(self, index: int) -> Callable[[list[bytes]], None]:
        """What is to be called with the reply of one of them."""

        def take(frames: list[bytes]) -> None:
            self.frames[index] = frames[-1]
            self.missing -= 1
            if self.missing:
                return
            merged = UNFIT
            try:
                merged = self.merge(self.frames)
            finally:  # whoever waits is not left waiting because replies are not what they should be
                self.done(merged)

        return take
