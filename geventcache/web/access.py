"""Who may look: by address, token or user.

The rules:

- Health is told to everybody: it is two words, and those who probe it cannot log in.
- A client on this machine sees reports without a password; one from elsewhere needs the token of `http-token`, or a
  user of access control who may run INFO, with basic authentication. Wrong credentials are refused even from here.
- A browser on this machine can be made to ask for any host. So a client without credentials must have asked for an
  address of this machine by number, or for `localhost`: no foreign page can do that and read the answer.
- Data are another matter: they are read by commands, as the user who has logged in, or as the default user.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, NamedTuple

from geventcache.services.access import auth

REALM = 'Basic realm="geventcache", charset="UTF-8"'
INFO = b"info"


class Visitor(NamedTuple):
    """Who asks.

    Attributes:
        client: a client that is not connected, as the user who has logged in.
        may_look: may see reports.
        may_read: may run commands, those of the client's user; who has the token sees reports alone.
    """

    client: Any
    may_look: bool
    may_read: bool


def visitor_of(state: Any, environ: Mapping[str, Any]) -> Visitor:
    """Who asks, by the environment of WSGI."""
    client = state.new_client()
    client.address = address_of(environ)
    auth.begin(client)
    header = environ.get("HTTP_AUTHORIZATION", "")
    scheme, _, text = header.partition(" ")
    if not header:
        is_here = is_local(environ) and is_local_name(environ.get("HTTP_HOST", ""))
        return Visitor(client, is_here, is_here)
    if scheme.lower() == "bearer":
        return Visitor(client, has_token(state.config["http-token"], text), False)
    is_known = scheme.lower() == "basic" and log_in(client, text)
    return Visitor(client, is_known and may_inform(client), is_known)


def has_token(token: bytes, text: str) -> bool:
    """Is the text the token, if there is one?"""
    return bool(token) and compare_digest(text.strip().encode("latin-1", "replace"), token)


def log_in(client: Any, text: str) -> bool:
    """Log in with a user's name and password, in base64 and with a colon between.

    A user who needs no password proves nothing by it.
    """
    try:
        user, _, password = base64.b64decode(text.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    found = client.server.acl.users.get(user)
    if found is not None and found.is_nopass:
        return False
    return auth.log_in(client, user, password, b"http")


def may_inform(client: Any) -> bool:
    """May the client's user run INFO?"""
    state = client.server
    user = state.acl.users[client.user]
    return user.judge(client.db.index, state.table.find([INFO]), [INFO]) is None


def address_of(environ: Mapping[str, Any]) -> bytes:
    """The client's address as text."""
    return f"{environ.get('REMOTE_ADDR', 'unix')}:{environ.get('REMOTE_PORT', '0')}".encode()


def is_local(environ: Mapping[str, Any]) -> bool:
    """Does a client come from this machine? Through a unix socket it has no address."""
    return is_loopback(environ["REMOTE_ADDR"]) if "REMOTE_ADDR" in environ else True


def is_local_name(host: str) -> bool:
    """Does a header `Host` name this machine, in a way that no name server can change?"""
    name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower() == "localhost" or is_loopback(name)


def is_loopback(text: str) -> bool:
    """Is an address in numbers one of this machine itself?"""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def is_own_page(environ: Mapping[str, Any], token: str) -> bool:
    """Does a request to change something come from this server's page, which alone can know the token?

    A browser tells of which page a request is; it lets no other page read the token, set its header or send JSON.
    """
    host = environ.get("HTTP_HOST", "")
    return (
        environ.get("HTTP_ORIGIN") in (f"http://{host}", f"https://{host}")
        and environ.get("HTTP_SEC_FETCH_SITE", "same-origin") == "same-origin"
        and environ.get("CONTENT_TYPE", "").partition(";")[0].strip() == "application/json"
        and compare_digest(environ.get("HTTP_X_PAGE_TOKEN", "").encode("latin-1", "replace"), token.encode())
    )
