"""Who a client is: the one place that decides whether a password lets it in.

There is one user, ``default``, whose password is the setting ``requirepass``; an empty one lets everybody in. A change
of the setting concerns new connections: who is in, stays in.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

DEFAULT_USER = b"default"


def is_user(name: bytes) -> bool:
    """Whether there is a user of that name."""
    return name == DEFAULT_USER


def log_in(client: Any, user: bytes, password: bytes) -> bool:
    """Let a client in if the password is the user's; return whether it was. A refused client stays who it is."""
    required = client.server.config["requirepass"]
    if not is_user(user) or (required and not compare_digest(password, required)):
        return False
    client.user = user
    admit(client, True)
    return True


def begin(client: Any) -> None:
    """A connection begins, or begins anew: it is the default user's, as soon as it has the password."""
    client.user = DEFAULT_USER
    admit(client, not client.server.config["requirepass"])


def admit(client: Any, is_in: bool) -> None:
    """Let a client in, or out; the limits of its requests follow."""
    client.needs_auth = not is_in
    if client.reader is not None:
        client.reader.is_trusted = is_in
    client.review()
