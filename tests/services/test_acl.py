"""Rules of access control: how they are read, what they allow, and what costs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from geventcache.services.access.acl_log import GROUPED_MS
from geventcache.services.settings.config import Config

from ..support.inprocess import InProcessServer, Session

KEY_ERROR = b"-NOPERM No permissions to access a key\r\n"
ALICE_HASH = b"2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90"


@pytest.fixture
def server() -> InProcessServer:
    """A server with one client."""
    return InProcessServer()


def user_of(server: InProcessServer, rules: str) -> Session:
    """A client that is logged in as a user with these rules."""
    admin, session = server.session(), server.session()
    assert admin.do("ACL", "SETUSER", "u", "reset", "on", "nopass", *rules.split()) == b"+OK\r\n"
    assert session.do("AUTH", "u", "any") == b"+OK\r\n"
    return session


def is_allowed(session: Session, request: str) -> bool:
    """Does a request pass access control?"""
    return not session.do(*request.split()).startswith(b"-NOPERM")


@pytest.mark.parametrize(
    ("rules", "allowed", "refused"),
    [
        ("~* +@all", "GET a", "PUBLISH c m"),
        ("~* +get", "GET a", "SET a 1"),
        ("~* +@all -get", "SET a 1", "GET a"),
        ("~* +@read", "GET a", "SET a 1"),
        ("~* +@all -@write +set", "SET a 1", "LPUSH a 1"),
        ("+client|id", "CLIENT ID", "CLIENT LIST"),
        ("+client -client|list", "CLIENT ID", "CLIENT LIST"),
        ("+select|0", "SELECT 0", "SELECT 1"),
        ("~a* +@all", "GET ab", "GET b"),
        ("%R~a +@all", "GET a", "SET a 1"),
        ("%W~a +@all", "SET a 1", "GET a"),
        ("%R~a %W~a +@all", "GETSET a 1", "GETSET b 1"),
        ("~a +@all", "COPY a a", "COPY a b"),
        ("&c* +@all", "PUBLISH c1 m", "PUBLISH d m"),
        ("&c* +@all", "PSUBSCRIBE c*", "PSUBSCRIBE c?"),
        ("~* +@all db=0", "GET a", "SELECT 1"),
        ("~* +@all db=0", "DBSIZE", "FLUSHALL"),
        ("~* +@all db=0", "SELECT 99", "MOVE a 1"),
        ("~a +get (~b +set)", "SET b 1", "SET a 1"),
        ("", "AUTH u x", "PING"),
    ],
)
def test_rules_allow_and_refuse(server: InProcessServer, rules: str, allowed: str, refused: str) -> None:
    """Rules let one request pass and refuse another."""
    assert is_allowed(user_of(server, rules), allowed)
    assert not is_allowed(user_of(server, rules), refused)


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ("", b"user u on nopass resetchannels -@all"),
        ("~* &* +@all", b"user u on nopass ~* &* +@all"),
        ("+get -get +get", b"user u on nopass resetchannels -@all +get"),
        ("+client|id +client", b"user u on nopass resetchannels -@all +client"),
        ("%R~a %W~a ~b", b"user u on nopass ~a ~b resetchannels -@all"),
        ("&a &a &b", b"user u on nopass resetchannels &a &b -@all"),
        ("db=3,1", b"user u on nopass resetchannels db=1,3 -@all"),
        ("resetdbs", b"user u on nopass resetchannels resetdbs -@all"),
        (
            "(+get ~a) (+set)",
            b"user u on nopass resetchannels -@all (~a resetchannels -@all +get) (resetchannels -@all +set)",
        ),
        ("nopass >alice", b"user u on #" + ALICE_HASH + b" resetchannels -@all"),
    ],
)
def test_rules_are_shown_in_their_shortest_form(server: InProcessServer, rules: str, text: bytes) -> None:
    """ACL LIST shows rules that make the same user again."""
    user_of(server, "")
    server.session().do("ACL", "SETUSER", "u", *rules.split())
    assert server.state.acl.users[b"u"].text() == text
    server.session().do("ACL", "SETUSER", "v", *(word.decode() for word in text.split()[2:]))
    assert server.state.acl.users[b"v"].text() == text.replace(b"user u", b"user v")


def test_a_wrong_rule_changes_nothing(server: InProcessServer) -> None:
    """The rules of one ACL SETUSER take effect together or not at all."""
    user_of(server, "+get ~a")
    before = server.state.acl.users[b"u"].text()
    assert server.session().do("ACL", "SETUSER", "u", "+set", "nonsense").startswith(b"-ERR Error in ACL SETUSER")
    assert server.state.acl.users[b"u"].text() == before
    assert server.session().do("ACL", "SETUSER", "new", "nonsense").startswith(b"-ERR")
    assert b"new" not in server.state.acl.users


def test_an_unrestricted_user_is_not_asked(server: InProcessServer) -> None:
    """A client whose user may do everything is not special; it becomes so when the user is limited, and back."""
    session = user_of(server, "~* &* +@all")
    assert session.client.access is None
    assert not session.client.is_special
    server.session().do("ACL", "SETUSER", "u", "-get")
    assert session.do("GET", "a").startswith(b"-NOPERM")
    server.session().do("ACL", "SETUSER", "u", "+@all")
    assert not session.client.is_special


def test_a_transaction_is_judged_again(server: InProcessServer) -> None:
    """A queued request is refused at EXEC when the user has lost the right to it since."""
    session = user_of(server, "~* +@all")
    for request in ("MULTI", "GET a"):
        session.do(*request.split())
    server.session().do("ACL", "SETUSER", "u", "resetkeys")
    assert b"-NOPERM ACLs rules changed" in session.do("EXEC")


def test_a_script_has_its_callers_rights(server: InProcessServer) -> None:
    """A script may call what its caller may."""
    session = user_of(server, "~a +@all")
    assert session.do("EVAL", "return redis.call('set','a','1')", "0") == b"+OK\r\n"
    assert b"ACL failure in script" in session.do("EVAL", "return redis.call('get','b')", "0")


def test_deleted_users_lose_their_clients(server: InProcessServer) -> None:
    """ACL DELUSER ends the connections of the deleted user."""
    session = user_of(server, "~* +@all")
    assert server.session().do("ACL", "DELUSER", "u", "nobody") == b":1\r\n"
    assert session.client.is_closing


def test_subscribers_leave_with_their_right(server: InProcessServer) -> None:
    """Who has subscribed to what its user may not hear any more is disconnected, and nobody else."""
    one, other = user_of(server, "&a &b +@all"), user_of(server, "&a &b +@all")
    one.do("SUBSCRIBE", "a")
    other.do("SUBSCRIBE", "b")
    server.session().do("ACL", "SETUSER", "u", "resetchannels", "&a")
    assert (one.client.is_closing, other.client.is_closing) == (False, True)


def test_requirepass_is_the_default_users_password(server: InProcessServer) -> None:
    """Setting requirepass replaces the passwords of the default user; an empty one lets everybody in."""
    server.config.set(b"requirepass", b"alice")
    assert server.state.acl.default.passwords == [ALICE_HASH]
    assert server.session().do("AUTH", "bob").startswith(b"-WRONGPASS")
    assert server.session().do("AUTH", "alice") == b"+OK\r\n"
    server.config.set(b"requirepass", b"")
    assert server.state.acl.default.is_open


def test_log_counts_equal_refusals_for_a_minute(server: InProcessServer) -> None:
    """The same refusal again within a minute is the same entry; later it is another one."""
    session = user_of(server, "+@all")
    assert session.do("GET", "a") == session.do("GET", "a") == KEY_ERROR
    assert [entry.count for entry in server.state.acl.log.entries] == [2]
    server.clock.advance(GROUPED_MS + 1)
    session.do("GET", "a")
    assert [entry.count for entry in server.state.acl.log.entries] == [1, 2]
    server.config.set(b"acllog-max-len", b"1")
    assert [entry.number for entry in server.state.acl.log.entries] == [1]


def test_the_file_keeps_all_users(server: InProcessServer, tmp_path: Path) -> None:
    """ACL SAVE writes what ACL LOAD reads back; users made since are gone."""
    path = tmp_path / "users.acl"
    server.config.load("aclfile", str(path).encode())
    user_of(server, "~a +get (~b +set) db=1")
    before = server.state.acl.lines()
    assert server.session().do("ACL", "SAVE") == b"+OK\r\n"
    server.session().do("ACL", "SETUSER", "new", "on")
    assert server.session().do("ACL", "LOAD") == b"+OK\r\n"
    assert server.state.acl.lines() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_wrong_file_changes_nothing(server: InProcessServer, tmp_path: Path) -> None:
    """ACL LOAD of a file with mistakes names their lines and leaves all users as they were."""
    path = tmp_path / "users.acl"
    path.write_text("# users\nuser a on\nuser a off\nusr b\nuser c +nosuch\nuser d (+get\n")
    server.config.load("aclfile", str(path).encode())
    before = server.state.acl.lines()
    reply = server.session().do("ACL", "LOAD")
    assert [b"acl:%d:" % line in reply for line in range(1, 7)] == [False, False, True, True, True, True]
    assert server.state.acl.lines() == before
    path.unlink()
    assert server.session().do("ACL", "LOAD").startswith(b"-ERR Error loading ACLs")


def test_new_users_and_channels() -> None:
    """The setting acl-pubsub-default decides whether a new user may use all channels."""
    server = InProcessServer()
    server.config.set(b"acl-pubsub-default", b"allchannels")
    assert is_allowed(user_of(server, "+@all"), "PUBLISH c m")
    assert Config()["acl-pubsub-default"] == b"resetchannels"
