"""SORT: the elements of a list, a set or a sorted set in the order of numbers or texts, their own or other keys'."""

from typing import Any

from geventcache.base import errors
from geventcache.base.errors import CommandError
from geventcache.base.events import event
from geventcache.base.numbers import parse_float
from geventcache.command.declaration import command
from geventcache.command.integers import integer
from geventcache.command.keyspecs import at, unknown
from geventcache.services.clients import Client
from geventcache.services.shards.hashing import hashed_part, slot_of
from geventcache.store.keyspace import Keyspace, as_string
from geventcache.types.container import Container
from geventcache.types.hashes import Hash
from geventcache.types.lists import List
from geventcache.types.scored import SKIPLIST
from geventcache.types.sets import Set
from geventcache.types.sorted_sets import SortedSet

SORTSTORE = event(b"sortstore", "l")
PATTERN_NOTES = (
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content "
    "of the key we sort"
)
STORE_NOTES = (
    "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere "
    "in the argument array"
)


class Pattern:
    """Where BY or GET looks: the key that `text` names with ``*`` replaced, or a field of it (``key->field``)."""

    def __init__(self, text: bytes) -> None:
        self.is_element = text == b"#"
        self.prefix, self.star, rest = text.partition(b"*")
        key_rest, arrow, field = rest.partition(b"->")
        self.suffix, self.field = (key_rest, field) if arrow and field else (rest, b"")

    def stays_in(self, slot: int) -> bool:
        """Does it name keys of that hash slot only? With a star it takes a hash tag before the star to be sure."""
        if self.star and hashed_part(self.prefix) == self.prefix:
            return False
        return slot_of(self.prefix) == slot

    def value(self, db: Keyspace, element: bytes) -> bytes | None:
        """What is found for an element; None if there is nothing, or something of another type."""
        if self.is_element:
            return element
        if not self.star:
            return None
        v = db.read(self.prefix + element + self.suffix)
        if self.field:
            return v.get_live(self.field, db.clock.now_ms) if isinstance(v, Hash) else None
        return None if v is None or isinstance(v, Container) else as_string(v)


class SortOptions:
    """What a request asks for.

    Attributes:
        by: where the weights are, None for the elements themselves.
        is_sorted: False when BY names no pattern: the elements stay in their own order.
        gets: what to return for each element.
        start, count: of LIMIT; a negative count is no limit.
        target: of STORE.
    """

    def __init__(self, words: tuple[bytes, ...], may_store: bool) -> None:
        """Read the words after the key.

        Raises:
            CommandError: a word is unknown, lacks its values or has wrong ones.
        """
        self.by: Pattern | None = None
        self.is_sorted = True
        self.gets: list[Pattern] = []
        self.start = 0
        self.count = -1
        self.is_reversed = False
        self.is_alpha = False
        self.target: bytes | None = None
        self.may_store = may_store
        remaining = list(reversed(words))
        while remaining:
            name = remaining.pop().upper()
            if not self.take_flag(name):
                self.take(name, remaining)

    def take_flag(self, name: bytes) -> bool:
        """Note a word that stands by itself."""
        if name in (b"ASC", b"DESC"):
            self.is_reversed = name == b"DESC"
        elif name == b"ALPHA":
            self.is_alpha = True
        else:
            return False
        return True

    def take(self, name: bytes, remaining: list[bytes]) -> None:
        """Note a word and what follows it."""
        if name == b"LIMIT" and len(remaining) >= 2:
            self.start, self.count = integer(remaining.pop()), integer(remaining.pop())
        elif name == b"GET" and remaining:
            self.gets.append(Pattern(remaining.pop()))
        elif name == b"BY" and remaining:
            self.by = Pattern(remaining.pop())
            self.is_sorted = self.is_sorted and bool(self.by.star)
        elif name == b"STORE" and remaining and self.may_store:
            self.target = remaining.pop()
        else:
            raise CommandError(errors.SYNTAX)

    def window(self, size: int) -> slice:
        """The part of a sequence of `size` elements that LIMIT leaves."""
        start = min(max(self.start, 0), size)
        return slice(start, size if self.count < 0 else min(start + self.count, size))


def elements_of(v: Any) -> list[bytes]:
    """The elements of a value that can be sorted.

    Raises:
        CommandError: it has another type.
    """
    if v is None:
        return []
    if isinstance(v, SortedSet):
        v.become(SKIPLIST)  # the reference sorts no other encoding, and OBJECT ENCODING tells ever after
        return v.members(0, len(v))
    if isinstance(v, Set):
        return v.names()
    if isinstance(v, List):
        return v.to_list()
    raise CommandError(errors.WRONG_TYPE)


def number_of(text: bytes | None) -> float:
    """A weight; 0 for one that is missing.

    Raises:
        CommandError: it is no number.
    """
    number = 0.0 if text is None else parse_float(text)
    if number is None:
        raise CommandError(errors.SORT_NOT_NUMBERS)
    return number


def in_order(db: Keyspace, elements: list[bytes], options: SortOptions) -> list[bytes]:
    """Sort elements; equal numbers are in the order of the elements' texts, a missing text comes before all others."""
    by = options.by
    weights = elements if by is None else [by.value(db, element) for element in elements]
    if options.is_alpha:
        places: list[Any] = [(weight is not None, weight or b"") for weight in weights]
    else:
        places = list(zip(map(number_of, weights), elements, strict=True))
    order = sorted(range(len(elements)), key=places.__getitem__, reverse=options.is_reversed)
    return [elements[i] for i in order]


def arranged(db: Keyspace, v: Any, options: SortOptions, is_script: bool) -> list[bytes]:
    """The elements in the order in which they are returned.

    What BY forbids to sort stays as it is, but that a set has no order which a script or a stored list could rely on.
    """
    elements = elements_of(v)
    if options.is_sorted:
        return in_order(db, elements, options)
    if isinstance(v, Set):
        has_order = options.target is not None or is_script
        return sorted(elements, reverse=options.is_reversed) if has_order else elements
    return elements[::-1] if options.is_reversed else elements


def check_rights(ctx: Client, options: SortOptions) -> None:
    """Patterns can name any key: refuse them to a client that may not read all.

    Raises:
        CommandError: there are some.
    """
    if ctx.access is None or ctx.access.may_read_everywhere():
        return
    if options.by is not None and options.by.star:
        raise CommandError(errors.SORT_BY_DENIED)
    if options.gets:
        raise CommandError(errors.SORT_GET_DENIED)


def check_slots(key: bytes, options: SortOptions) -> None:
    """Patterns can name any key: refuse those that may name keys of another hash slot than the sorted one's.

    Raises:
        CommandError: there are some.
    """
    slot = slot_of(key)
    if options.by is not None and options.by.star and not options.by.stays_in(slot):
        raise CommandError(errors.SORT_SLOTS % b"BY")
    if not all(pattern.is_element or pattern.stays_in(slot) for pattern in options.gets):
        raise CommandError(errors.SORT_SLOTS % b"GET")


def sort_elements(ctx: Client, key: bytes, options: SortOptions) -> list[bytes | None]:
    """What SORT finds."""
    check_rights(ctx, options)
    if ctx.server.cluster is not None:
        check_slots(key, options)
    db = ctx.db
    value = db.read(key)
    if isinstance(value, SortedSet):
        value = db.edit(key, SortedSet, None, False)  # its encoding gets another name
    elements = arranged(db, value, options, ctx.is_script)
    elements = elements[options.window(len(elements))]
    if not options.gets:
        return list(elements)
    return [pattern.value(db, element) for element in elements for pattern in options.gets]


def store_list(db: Keyspace, key: bytes, elements: list[bytes | None]) -> int:
    """Put a list in the place of what is at a key; return its length. An empty one leaves nothing there."""
    if not elements:
        db.delete(key)
        return 0
    target = List(db.limits)
    target.replace([element or b"" for element in elements])
    db.put(key, target, SORTSTORE)
    return len(elements)


def sort_keys(args: list[bytes]) -> list[int]:
    """Where SORT's keys are: the first argument, and what follows the last STORE."""
    stores = [i for i in range(2, len(args) - 1) if args[i].upper() == b"STORE"]
    return [1, stores[-1] + 1] if stores else [1]


@command(
    "SORT",
    "generic",
    arity=-2,
    flags="write denyoom",
    acl="dangerous list set sortedset",
    keys=[
        at(1, "RO access"),
        unknown(
            "RO access",
            notes=PATTERN_NOTES,
        ),
        unknown(
            "OW update",
            notes=STORE_NOTES,
        ),
    ],
    since="1.0.0",
    complexity=(
        "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned "
        "elements. When the elements are not sorted, complexity is O(N)."
    ),
    args=(
        "key#0 BY=by-pattern:pattern#1'pattern'? LIMIT=limit{offset:integer count:integer}? "
        "GET=get-pattern:pattern#1'pattern'?*+ order(ASC | DESC)? ALPHA=sorting:token? STORE=destination#2?"
    ),
    find_keys=sort_keys,
)
def sort(ctx: Client, key: bytes, *words: bytes) -> Any:
    """Sorts the elements in a list, a set, or a sorted set, optionally storing the result."""
    options = SortOptions(words, may_store=True)
    found = sort_elements(ctx, key, options)
    return found if options.target is None else store_list(ctx.db, options.target, found)


@command(
    "SORT_RO",
    "generic",
    arity=-2,
    flags="readonly",
    acl="dangerous list set sortedset",
    keys=[
        at(1, "RO access"),
        unknown(
            "RO access",
            notes=PATTERN_NOTES,
        ),
    ],
    since="7.0.0",
    complexity=(
        "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned "
        "elements. When the elements are not sorted, complexity is O(N)."
    ),
    args=(
        "key#0 BY=by-pattern:pattern#1'pattern'? LIMIT=limit{offset:integer count:integer}? "
        "GET=get-pattern:pattern#1'pattern'?*+ order(ASC | DESC)? ALPHA=sorting:token?"
    ),
    find_keys=sort_keys,
)
def sort_ro(ctx: Client, key: bytes, *words: bytes) -> Any:
    """Returns the sorted elements of a list, a set, or a sorted set."""
    return sort_elements(ctx, key, SortOptions(words, may_store=False))
