"""The table of docs/upstream.md: what happens to each command, made from the declarations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geventcache.commands import load_commands
from geventcache.upstream.plan import REFUSE, Plan, all_declarations, plan_of

MARK = "<!-- generated -->\n"
WORDS = {"local": "here", "last": "here", "scan": "all, one after the other", "select": "here, if the upstream has it"}
SHOWN = {
    "subscribe": "subscribed to at the upstream once for all clients",
    "transaction": "here and at the node of the keys",
}


def upstream_page(path: Path) -> str:
    """Return the page: what stands before the mark, and the table."""
    load_commands()
    head = path.read_text(encoding="utf-8").partition(MARK)[0]
    return head + MARK + "\n".join(["| command | what happens | kept near |", "| --- | --- | --- |", *_rows(), ""])


def _rows() -> Iterator[str]:
    for declaration in sorted(all_declarations(), key=lambda one: one.name):
        plan = plan_of(declaration)
        yield f"| {declaration.name.replace('|', ' ')} | {_treatment(plan)} | {'yes' if plan.is_cacheable else ''} |"


def _treatment(plan: Plan) -> str:
    if plan.way == REFUSE:
        return f"refused: {plan.reason}"
    return SHOWN.get(plan.way) or WORDS.get(plan.way, plan.way)
