"""What is known of a setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geventcache.services.settings.kinds import Kind


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: as in CONFIG GET; ``--name`` on the command line.
        kind: how its value is read and shown.
        default: the value when nobody sets it, as `kind` returns it.
        section: the heading it stands under in --help and in the reference page.
        description: one line.
        is_mutable: whether CONFIG SET may change it.
        takes_itself: though it is not mutable, CONFIG SET accepts the value that it has: with the reference it is.
        is_protected: it is not mutable because whoever could change it would write files where he likes.
        aliases: further names, equal in every way.
        short_flag: a one-letter flag on the command line.
        is_secret: nothing but CONFIG GET shows its value.
    """

    name: str
    kind: Kind
    default: Any
    section: str
    description: str
    is_mutable: bool = True
    takes_itself: bool = False
    is_protected: bool = False
    aliases: tuple[str, ...] = ()
    short_flag: str = ""
    is_secret: bool = False
