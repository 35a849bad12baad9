"""Who may look, and who may not."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest

from geventcache.web.access import is_local_name, visitor_of
from geventcache.web.site import Site

from ..support.inprocess import InProcessServer
from .conftest import Pair

HERE, THERE = "127.0.0.1", "192.0.2.7"


def basic(user: str, password: str) -> str:
    """The header of basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def server() -> InProcessServer:
    """A server with a token and three users."""
    made = InProcessServer()
    made.config.load("http-token", b"let-me-see")
    acl = made.state.acl
    acl.set_user(b"watcher", [b"on", b">secret", b"+info"])
    acl.set_user(b"reader", [b"on", b">secret", b"+@read", b"~*"])
    acl.set_user(b"gone", [b"off", b">secret", b"+@all"])
    return made


@pytest.mark.parametrize(
    ("address", "host", "header", "expected"),
    [
        (HERE, "localhost:9121", "", True),
        (HERE, "127.0.0.1", "", True),
        ("::1", "[::1]:9121", "", True),
        ("::ffff:127.0.0.1", "localhost", "", True),
        (HERE, "evil.example:9121", "", False),
        (HERE, "", "", False),
        (HERE, "127.0.0.1.evil.example", "", False),
        (THERE, "localhost", "", False),
        (THERE, "cache.example", "Bearer let-me-see", True),
        (THERE, "cache.example", "bearer let-me-see", True),
        (THERE, "cache.example", "Bearer let-me-se", False),
        (THERE, "cache.example", "Bearer ", False),
        (THERE, "cache.example", "Digest let-me-see", False),
        (HERE, "localhost", "Bearer wrong", False),
        (THERE, "cache.example", basic("watcher", "secret"), True),
        (THERE, "cache.example", basic("watcher", "wrong"), False),
        (THERE, "cache.example", basic("reader", "secret"), False),
        (THERE, "cache.example", basic("gone", "secret"), False),
        (THERE, "cache.example", basic("nobody", "secret"), False),
        (THERE, "cache.example", "Basic \u20ac", False),
        (THERE, "cache.example", "Basic", False),
        (THERE, "cache.example", basic("default", ""), False),
        (THERE, "cache.example", basic("default", "anything"), False),
    ],
)
def test_who_may_look(server: InProcessServer, address: str, host: str, header: str, expected: bool) -> None:
    """Reports are for this machine, for the token, and for users that may run INFO."""
    environ = {"REMOTE_ADDR": address, "REMOTE_PORT": "7", "HTTP_HOST": host}
    if header:
        environ["HTTP_AUTHORIZATION"] = header
    assert visitor_of(server.state, environ).may_look is expected


def test_an_empty_token_lets_nobody_in() -> None:
    """Without a token there is none that could be right."""
    environ = {"REMOTE_ADDR": THERE, "HTTP_AUTHORIZATION": "Bearer "}
    assert not visitor_of(InProcessServer().state, environ).may_look


def test_password_of_the_default_user() -> None:
    """What is right for AUTH is right here."""
    server = InProcessServer()
    server.config.set(b"requirepass", b"secret")
    environ: dict[str, Any] = {"REMOTE_ADDR": THERE, "HTTP_AUTHORIZATION": basic("default", "secret")}
    assert visitor_of(server.state, environ).may_look
    environ["HTTP_AUTHORIZATION"] = basic("default", "")
    assert not visitor_of(server.state, environ).may_look


def test_failures_are_in_the_acl_log(server: InProcessServer) -> None:
    """A wrong password over HTTP is seen where others are."""
    visitor_of(server.state, {"REMOTE_ADDR": THERE, "HTTP_AUTHORIZATION": basic("watcher", "wrong")})
    assert server.state.acl.log.denied[b"auth"] == 1


@pytest.mark.parametrize("name", ["localhost.evil.example", "127.1.evil.example", "", ":80", "[::1", "0.0.0.0"])
def test_names_that_are_not_local(name: str) -> None:
    """Only numbers of the loopback and one name are ours."""
    assert not is_local_name(name)


def test_requests(pair: Pair) -> None:
    """What is asked for in a wrong way is refused, with a reason."""
    assert pair.get("/nothing").status == 404
    assert pair.get("/metrics", "POST", "x").status == 405
    assert pair.get("/metrics", Host="evil.example").status == 401
    assert pair.get("/nothing", Host="evil.example").status == 401
    assert pair.get("/metrics", Host="evil.example", Authorization="Bearer let-me-see").status == 200
    assert pair.get("/health/live", Host="evil.example").body == "live\n"
    assert pair.get("/health/ready", Host="evil.example").body == "ready\n"


WITHOUT_DATA = SimpleNamespace(has_data=False)
WITH_DATA = SimpleNamespace(has_data=True)


@pytest.mark.parametrize(
    ("is_stopping", "is_told_to_stop", "is_loading", "primary", "expected"),
    [
        (False, False, False, None, ""),
        (True, True, False, None, "stopping"),
        (False, True, False, None, "stopping"),
        (False, False, True, None, "loading"),
        (False, False, True, WITHOUT_DATA, "loading"),
        (False, False, False, WITHOUT_DATA, "a replica without the data of its primary"),
        (False, False, False, WITH_DATA, ""),
    ],
)
def test_readiness(
    is_stopping: bool, is_told_to_stop: bool, is_loading: bool, primary: SimpleNamespace | None, expected: str
) -> None:
    """Not ready is who loads or stops, or follows another and has not got its data."""
    server = SimpleNamespace(
        config={"http": ()},
        log=None,
        is_stopping=is_stopping,
        stopping=SimpleNamespace(is_set=lambda: is_told_to_stop),
        state=SimpleNamespace(
            snapshots=SimpleNamespace(is_loading=is_loading), replication=SimpleNamespace(primary=primary)
        ),
    )
    site = Site(server)
    assert site.obstacle() == expected
    assert site.readiness().status.startswith("503" if expected else "200")
