"""What COMMAND tells, derived from the declarations."""

from __future__ import annotations

from typing import Any

from geventcache.command.arguments import parse_arguments
from geventcache.command.declaration import CATEGORIES, FLAGS, Declaration
from geventcache.command.keyspecs import KeySpec
from geventcache.resp.values import Distinct, Simple

# Flags of specifications that say nothing of the keys.
OF_SPECS = ("variable_flags", "incomplete")


def legacy_range(declaration: Declaration) -> tuple[int, int, int]:
    """First key, last key and step, as older clients read them; zeros when the keys do not stand in one range."""
    first, last, step, previous = 0, 0, 0, 0
    for spec in declaration.keys:
        if spec.begin[0] != "index" or spec.find[0] != "range":
            continue
        _, spec_last, spec_step, _ = spec.find
        index = spec.begin[1]
        if first and (spec_step != step or previous != index - 1):
            continue
        end = index + spec_last if spec_last >= 0 else spec_last
        first = min(first, index) if first else index
        last = end
        step = spec_step
        previous = end
    return first, last, step


def key_range(declaration: Declaration) -> tuple[int, int, int]:
    """First key, last key (if negative, from the end) and step; a step of 0 without keys, -1 if only arguments tell.

    The last key is 0 if the argument before the first one is the number of keys.
    """
    if declaration.find_keys is None and not has_movable_keys(declaration):
        return legacy_range(declaration)
    if len(declaration.keys) == 1:
        begin, find = declaration.keys[0].begin, declaration.keys[0].find
        if begin[0] == "index" and find[:3] == ("keynum", 0, 1):
            return begin[1] + 1, 0, find[3]
    return 0, 0, -1


def has_movable_keys(declaration: Declaration) -> bool:
    """Whether the keys can only be found by reading the arguments."""
    specs = [spec for spec in declaration.keys if "not_key" not in spec.flags]
    return any(spec.begin[0] != "index" or spec.find[0] != "range" or "incomplete" in spec.flags for spec in specs)


def flags_of(declaration: Declaration) -> Distinct:
    """The flags of COMMAND INFO."""
    words = [word for word in FLAGS if word in declaration.flags]
    if has_movable_keys(declaration):
        words.append("movablekeys")
    return Distinct(Simple(word.encode()) for word in words)


def categories_of(declaration: Declaration) -> Distinct:
    """The categories of COMMAND INFO."""
    return Distinct(Simple(b"@" + word.encode()) for word in CATEGORIES if word in declaration.categories)


def info(declaration: Declaration) -> list[Any]:
    """One entry of COMMAND INFO."""
    first, last, step = legacy_range(declaration)
    return [
        declaration.wire_name,
        declaration.arity,
        flags_of(declaration),
        first,
        last,
        step,
        categories_of(declaration),
        Distinct(tip.encode() for tip in declaration.tips),
        Distinct(key_spec(spec) for spec in declaration.keys),
        [info(sub) for sub in declaration.subcommands.values()],
    ]


def key_spec(spec: KeySpec) -> dict[bytes, Any]:
    """One key specification of COMMAND INFO."""
    shown: dict[bytes, Any] = {}
    if spec.notes:
        shown[b"notes"] = spec.notes.encode()
    shown[b"flags"] = Distinct(Simple(flag.encode()) for flag in spec.flags)
    begin: dict[bytes, Any] = {}
    if spec.begin[0] == "index":
        begin = {b"index": spec.begin[1]}
    elif spec.begin[0] == "keyword":
        begin = {b"keyword": spec.begin[1].encode(), b"startfrom": spec.begin[2]}
    names = {
        "range": (b"lastkey", b"keystep", b"limit"),
        "keynum": (b"keynumidx", b"firstkey", b"keystep"),
        "unknown": (),
    }
    shown[b"begin_search"] = {b"type": spec.begin[0].encode(), b"spec": begin}
    find = dict(zip(names[spec.find[0]], spec.find[1:], strict=False))
    shown[b"find_keys"] = {b"type": spec.find[0].encode(), b"spec": find}
    return shown


def docs(declaration: Declaration) -> dict[bytes, Any]:
    """One entry of COMMAND DOCS."""
    shown: dict[bytes, Any] = {
        b"summary": declaration.summary.encode(),
        b"since": declaration.since.encode(),
        b"group": declaration.group.encode(),
    }
    if declaration.complexity:
        shown[b"complexity"] = declaration.complexity.encode()
    if declaration.doc_flags:
        shown[b"doc_flags"] = {Simple(flag.encode()) for flag in declaration.doc_flags}
    if declaration.deprecated:
        shown[b"deprecated_since"] = declaration.deprecated[0].encode()
        shown[b"replaced_by"] = declaration.deprecated[1].encode()
    if declaration.history:
        shown[b"history"] = Distinct([version.encode(), text.encode()] for version, text in declaration.history)
    if declaration.args:
        shown[b"arguments"] = [encode(argument) for argument in parse_arguments(declaration.args)]
    if declaration.subcommands:
        shown[b"subcommands"] = {sub.wire_name: docs(sub) for sub in declaration.subcommands.values()}
    return shown


def encode(argument: dict[str, Any]) -> dict[bytes, Any]:
    """An argument with wire strings."""
    shown: dict[bytes, Any] = {}
    for name, fact in argument.items():
        if name == "flags":
            shown[name.encode()] = Distinct(Simple(flag.encode()) for flag in fact)
        elif name == "arguments":
            shown[name.encode()] = [encode(inner) for inner in fact]
        else:
            shown[name.encode()] = fact if isinstance(fact, int) else fact.encode()
    return shown


def key_positions(declaration: Declaration, args: list[bytes]) -> list[int]:
    """Indexes of the keys in a request: those that are there, where some are optional.

    Raises:
        ValueError: the arguments do not fit.
    """
    if declaration.find_keys is not None:
        return declaration.find_keys(args)
    specs = [spec for spec in declaration.keys if "not_key" not in spec.flags and not spec.is_absent(args)]
    return [i for spec in specs for i in spec.positions(args)]


def keys_read(declaration: Declaration, args: list[bytes]) -> list[bytes]:
    """The keys of a request; none if its arguments do not fit."""
    if not declaration.keys:
        return []
    try:
        return [args[i] for i in key_positions(declaration, args)]
    except ValueError:
        return []


def keys_and_flags(declaration: Declaration, args: list[bytes]) -> list[tuple[bytes, tuple[str, ...]]]:
    """The keys of a request with what the command does to each, as COMMAND tells it: optional ones must be there.

    Raises:
        ValueError: the arguments do not fit.
    """
    if declaration.find_keys is not None:
        positions = declaration.find_keys(args)
        flags = [tuple(flag for flag in spec.flags if flag not in OF_SPECS) for spec in declaration.keys]
        # Where only the command itself can tell, the further keys are those that it stores at: the last specification.
        return [(args[i], flags[-1 if n else 0]) for n, i in enumerate(positions)]
    found = []
    for spec in declaration.keys:
        if "not_key" in spec.flags:
            continue
        flags_here = spec.flags if declaration.key_flags is None else declaration.key_flags(args)
        found += [(args[i], flags_here) for i in spec.positions(args)]
    return found
