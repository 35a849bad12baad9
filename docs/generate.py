"""Writes the pages that are made from declarations; with --check, fails if one of them is not up to date.

Run from anywhere: ``python docs/generate.py [--check]``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from command_reference import command_pages
from upstream_reference import upstream_page

from geventcache.services.settings.kinds import Folder
from geventcache.services.settings.setting import Setting
from geventcache.services.settings.table import SETTINGS

FOLDER = Path(__file__).parent
_HEAD = """# Settings

On the command line as `--NAME VALUE`; CONFIG GET shows all of them, CONFIG SET changes those marked as changeable.
Sizes take `k`, `kb`, `m`, `mb`, `g` and `gb`.
"""


def settings_page() -> str:
    """Return the page of all settings."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for section, settings in groupby(SETTINGS, key=lambda setting: setting.section):
        yield f"## {section}\n\n| setting | default | changeable | meaning |\n| --- | --- | --- | --- |"
        yield from map(_row, settings)
        yield ""


def _row(setting: Setting) -> str:
    names = ", ".join(f"`{name}`" for name in (setting.name, *setting.aliases))
    default = "." if isinstance(setting.kind, Folder) else setting.kind.show(setting.default).decode()
    shown = f"`{default}`" if default else "empty"
    return f"| {names} | {shown} | {'yes' if setting.is_mutable else 'no'} | {setting.description} |"


def main(arguments: list[str]) -> int:
    """Write or check all pages; return the exit status."""
    pages = {"settings.md": settings_page(), "upstream.md": upstream_page(FOLDER / "upstream.md"), **command_pages()}
    stale = [name for name, text in pages.items() if _text(FOLDER / name) != text]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/{name} is not up to date: run docs/generate.py", file=sys.stderr)
        return bool(stale)
    for name in stale:
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(pages[name], encoding="utf-8")
    return 0


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
