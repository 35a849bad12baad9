"""The pages of the command reference, one a group of COMMAND DOCS, made from the commands' declarations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from geventcache.command.arguments import parse_arguments
from geventcache.command.declaration import DECLARATIONS, Declaration
from geventcache.commands import load_commands

TITLES = {
    "bitmap": "Bitmaps",
    "cluster": "Cluster",
    "connection": "Connection",
    "generic": "Keys",
    "geo": "Geospatial indexes",
    "hash": "Hashes",
    "hyperloglog": "HyperLogLogs",
    "list": "Lists",
    "pubsub": "Publish and subscribe",
    "scripting": "Scripts and functions",
    "server": "Server",
    "set": "Sets",
    "sorted-set": "Sorted sets",
    "stream": "Streams",
    "string": "Strings",
    "transactions": "Transactions",
}

_INDEX = """# Commands

All commands, made from the declarations in `geventcache/commands`; COMMAND DOCS and COMMAND INFO tell a
client the same. They answer as Valkey 9.1 does; what differs on purpose stands in [the differences](../differences.md).

| group | commands |
| --- | --- |
{rows}

```{{toctree}}
:hidden:

{pages}
```
"""


def command_pages() -> dict[str, str]:
    """Return the text of each page, by its path below docs/."""
    load_commands()
    declared = sorted(DECLARATIONS.values(), key=lambda declaration: (declaration.group, declaration.name))
    groups = {group: list(members) for group, members in groupby(declared, key=lambda one: one.group)}
    by_title = sorted(groups, key=TITLES.__getitem__)
    pages = {f"commands/{group}.md": _page(group, groups[group]) for group in by_title}
    pages["commands/index.md"] = _INDEX.format(
        rows="\n".join(f"| [{TITLES[group]}]({group}.md) | {_links(group, groups[group])} |" for group in by_title),
        pages="\n".join(by_title),
    )
    return pages


def _links(group: str, declarations: list[Declaration]) -> str:
    return " ".join(f"[{one.name}]({group}.md#{_anchor(one.name)})" for one in declarations)


def _anchor(name: str) -> str:
    return name.lower().replace("|", "-").replace(" ", "-")


def _page(group: str, declarations: list[Declaration]) -> str:
    return "\n".join([f"# {TITLES[group]}\n", *(_entry(one) for top in declarations for one in _with_subcommands(top))])


def _with_subcommands(declaration: Declaration) -> Iterator[Declaration]:
    yield declaration
    for name in sorted(declaration.subcommands):
        yield declaration.subcommands[name]


def _entry(declaration: Declaration) -> str:
    name = declaration.name.replace("|", " ")
    lines = [f"({_anchor(declaration.name)})=", f"## {name}", ""]
    if declaration.handler is not None:
        lines += ["```text", " ".join([name, *map(syntax, parse_arguments(declaration.args))]), "```", ""]
    lines.append(declaration.summary)
    lines += ["", *_facts(declaration), ""]
    return "\n".join(lines)


def _facts(declaration: Declaration) -> Iterator[str]:
    if declaration.deprecated:
        since, instead = declaration.deprecated
        yield f"- deprecated since {since}: use {instead}"
    if declaration.complexity:
        yield f"- complexity: {' '.join(declaration.complexity.split())}"
    yield f"- since {declaration.since}" + "".join(f"; {version}: {text}" for version, text in declaration.history)
    yield "- access categories: " + " ".join(f"`@{category}`" for category in sorted(declaration.categories))


def syntax(argument: dict[str, Any]) -> str:
    """Return an argument of COMMAND DOCS as manuals write it: ``[NX | XX]``, ``key [key ...]``."""
    flags = argument.get("flags", ())
    parts = [syntax(inner) for inner in argument.get("arguments", ())]
    if argument["type"] == "oneof":
        text = " | ".join(parts)
        if "optional" not in flags or "token" in argument:
            text = f"<{text}>"
    elif argument["type"] == "block":
        text = " ".join(parts)
    elif argument["type"] == "pure-token":
        return _optional(argument["token"], flags)
    else:
        text = argument["display_text"]
    token = argument.get("token")
    if token is not None:
        token = token or '""'
    if "multiple_token" in flags:
        text = f"{token} {text} [{token} {text} ...]"
    elif "multiple" in flags:
        text = f"{text} [{text} ...]"
    if token is not None and "multiple_token" not in flags:
        text = f"{token} {text}"
    return _optional(text, flags)


def _optional(text: str, flags: Any) -> str:
    return f"[{text}]" if "optional" in flags else text
