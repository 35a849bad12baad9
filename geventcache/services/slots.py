# cython: boundscheck=False, wraparound=False
"""Hash slots: which one a key belongs to, and whether a request is for this node.

Every command of a shard passes `Slots.refusal`, so the common case, one key at a fixed place, is a straight line.

Specification: https://valkey.io/topics/cluster-spec/ (keys distribution model, hash tags)
"""

from binascii import crc_hqx

import cython

from geventcache.base import errors
from geventcache.command.introspection import key_positions

SLOTS = 16384
NO_SLOT = -1
SEVERAL_SLOTS = -2
OPENING = 123


def slot_of(key):
    """The slot of a key: a checksum of the key, or of its hash tag (what stands between its first braces)."""
    if OPENING in key:
        key = hashed_part(key)
    return crc_hqx(key, 0) & (SLOTS - 1)


def hashed_part(key):
    """The hash tag of a key, the whole key if it has none."""
    tag, brace, _ = key.partition(b"{")[2].partition(b"}")
    return tag if tag and brace else key


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

    def slot_of_request(self, command, args):
        """The slot of a request's keys; NO_SLOT without keys, SEVERAL_SLOTS if they do not share one.

        A request whose keys cannot be told has none: the command itself finds what is wrong.
        """
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = len(args)
        if command.key_step < 0:
            try:
                keys = [args[i] for i in key_positions(command.declaration, args)]
            except ValueError:
                return NO_SLOT
            return slot_of_keys(keys)
        if command.key_step == 0 or command.first_key >= n:
            return NO_SLOT
        last: cython.Py_ssize_t = command.last_key if command.last_key > 0 else n + command.last_key
        slot: cython.int = slot_of(args[command.first_key])
        i = command.first_key + command.key_step
        while i <= last and i < n:
            if slot_of(args[i]) != slot:
                return SEVERAL_SLOTS
            i += command.key_step
        return slot

    def refusal(self, client, command, args):
        """The error text for a request that is not for this node, or None."""
        if command.key_step == 0:
            return None
        return self.verdict(client, self.slot_of_request(command, args))

    def queue_refusal(self, client, queue):
        """The error text for a transaction whose keys are not in one slot, or None."""
        slot: cython.int = NO_SLOT
        found: cython.int
        for command, args in queue:
            found = self.slot_of_request(command, args)
            if found != NO_SLOT:
                if slot not in (NO_SLOT, found):
                    found = SEVERAL_SLOTS
                slot = found
            if slot == SEVERAL_SLOTS:
                break
        return self.verdict(client, slot)

    def verdict(self, client, slot):
        """The error text for the slot of a request, None if it is served here."""
        if slot == NO_SLOT or self.first <= slot <= self.last:
            return None
        return errors.CROSS_SLOT if slot == SEVERAL_SLOTS else self.redirect(slot, client)


def slot_of_keys(keys):
    """The slot that all keys share, SEVERAL_SLOTS if they do not, NO_SLOT if there are none."""
    slot: cython.int = NO_SLOT
    for key in keys:
        if slot == NO_SLOT:
            slot = slot_of(key)
        elif slot_of(key) != slot:
            return SEVERAL_SLOTS
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
