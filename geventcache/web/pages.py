"""The files of the page. Each is read once: the server may become a user that cannot read it any more."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}


@cache
def read_page(name: str) -> str:
    """A file of the page."""
    return Path(__file__).with_name("page").joinpath(name).read_text("utf-8")


def load_pages() -> None:
    """Read all."""
    for name, _ in FILES.values():
        read_page(name)
