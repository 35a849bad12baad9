# cython: boundscheck=False, wraparound=False
"""Hash slots: which one a key belongs to, and whether a request is for this node.

Every command of a shard passes `Slots.refusal`, so the common case, one key at a fixed place, is a straight line.

Specification: https://valkey.io/topics/cluster-spec/ (keys distribution model, hash tags)
"""

import cython

from geventcache.base import errors
from geventcache.command.introspection import keys_read
from geventcache.services.shards.hashing import SLOTS, slot_of

NO_SLOT = -1
NONE = NO_SLOT
SEVERAL = -2
MAX_DIGITS = 9


class Slots:
    """The slots of one node.

    Attributes:
        first, last: the slots that are its own, both included.
        redirect: tells where another slot is served: (slot, client) -> error text.
    """

    def __init__(self, first, last, redirect) -> None:
        self.first = first
        self.last = last
        self.redirect = redirect

    def owns(self, slot):
        """Is a slot one of these?"""
        return self.first <= slot <= self.last

    def slot_of_request(self, command, args):
        """The slot of a request's keys; NONE without keys, SEVERAL if they do not share one.

        A request whose keys cannot be told has none: the command itself finds what is wrong.
        """
        n: cython.Py_ssize_t = len(args)
        i: cython.Py_ssize_t = command.first_key
        last: cython.Py_ssize_t = command.last_key
        if command.key_step == 0:
            return NONE
        if command.key_step < 0:
            return slot_of_keys(keys_read(command.declaration, args))
        if command.is_counted:
            last = i + (count_of(args[i - 1]) - 1) * command.key_step
            if last >= n:
                return NONE
        elif last < 0:
            last += n
        if i > last or i >= n:
            return NONE
        slot: cython.int = slot_of(args[i])
        i += command.key_step
        while i <= last and i < n:
            if slot_of(args[i]) != slot:
                return SEVERAL
            i += command.key_step
        return slot

    def refusal(self, client, command, args):
        """The error text for a request that is not for this node, or None."""
        if command.key_step == 0:
            return None
        return self.verdict(client, self.slot_of_request(command, args))

    def queue_refusal(self, client, queue):
        """The error text for a transaction whose keys are not in one slot, or None."""
        slot: cython.int = NONE
        found: cython.int
        for command, args in queue:
            found = self.slot_of_request(command, args)
            if found != NONE:
                if slot not in (NONE, found):
                    found = SEVERAL
                slot = found
            if slot == SEVERAL:
                break
        return self.verdict(client, slot)

    def verdict(self, client, slot):
        """The error text for the slot of a request, None if it is served here."""
        if slot == NONE or self.owns(slot):
            return None
        return errors.CROSS_SLOT if slot == SEVERAL else self.redirect(slot, client)


def count_of(text):
    """How many keys an argument announces; 0 if it is no number."""
    return int(text) if len(text) <= MAX_DIGITS and text.isdigit() else 0


def slot_of_keys(keys):
    """The slot that all keys share, SEVERAL if they do not, NONE if there are none."""
    slot: cython.int = NONE
    for key in keys:
        if slot == NONE:
            slot = slot_of(key)
        elif slot_of(key) != slot:
            return SEVERAL
    return slot


def count_by_slot(keys):
    """How many of the keys each slot has."""
    counts: list = [0] * SLOTS
    slot: cython.int
    for key in keys:
        slot = slot_of(key)
        counts[slot] += 1
    return counts


def keys_in_slot(keys, slot):
    """Those of the keys that belong to a slot."""
    return [key for key in keys if slot_of(key) == slot]
