"""Who a client is: logging in, and what a connection is in the beginning.

A connection begins as the user ``default``, and is let in at once if that user needs no password. What a user may do is
the business of `Acl`.
"""

from __future__ import annotations

from typing import Any

from geventcache.services.access.acl import DEFAULT_USER, admit

AUTH = b"auth"


def log_in(client: Any, user: bytes, password: bytes, command: bytes) -> bool:
    """Let a client in if the password is the user's; return whether it was. A refused client stays who it is.

    Args:
        command: the name of the command that asks, for the log of refusals.
    """
    acl = client.server.acl
    found = acl.users.get(user)
    if found is None or not found.accepts(password):
        acl.log.note(client, AUTH, command, user)
        return False
    become(client, user)
    admit(client, True)
    return True


def begin(client: Any) -> None:
    """A connection begins, or begins anew."""
    become(client, DEFAULT_USER)
    admit(client, client.server.acl.default.is_open)


def become(client: Any, user: bytes) -> None:
    """A client is a user from now on."""
    client.user = user
    client.access = client.server.acl.access_of(user)
