"""A password that is sent to the server stands in none of the places that show requests."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from geventcache.command.declaration import DECLARATIONS, Declaration
from geventcache.command.secrets import REDACTED, redact
from geventcache.commands import load_commands
from geventcache.launcher.logging import Logs
from geventcache.services.settings.table import PUBLIC_NAMES, SETTINGS

from ..support.client import Client
from ..support.inprocess import InProcessServer
from ..support.servers import parse_address
from ..support.subject import command, environment
from ..support.wire import Reply

SECRET = "s3cr3t-W0rd"
REQUESTS = (
    "ACL SETUSER bob on >{} <{} #{} !{} +@all ~*",
    "acl setuser bob nosuch >{}",
    "ACL SETUSER bob (>{}",
    "ACL SETUSER default -@all >{} nosuch",
    "ACL GETUSER {}",
    "ACL DELUSER {}",
    "ACL DRYRUN default AUTH {}",
    "ACL DRYRUN default ACL SETUSER bob >{}",
    "ACL DRYRUN default CONFIG SET requirepass {}",
    "COMMAND GETKEYS AUTH {}",
    "COMMAND GETKEYSANDFLAGS auth default {}",
    "AUTH {}",
    "auth default {}",
    "AUTH default my {}",
    "HELLO 3 AUTH bob {}",
    "HELLO 2 SETNAME auth AUTH bob {}",
    "HELLO 9 AUTH bob {}",
    "HELLO AUTH bob {}",
    "HELLO 2 NOSUCH auth bob {}",
    "HELLO 2 AUTH bob {} NOSUCH",
    "CONFIG SET tls-key-file-pass {}",
    "CONFIG SET maxclients 100 TLS-Key-File-Pass {} hz 10",
    "CONFIG SET requirepass {} requirepass {}",
    "CONFIG SET port 1 requirepass {}",
    "CONFIG SET requirepass my {}",
    "CONFIG SET masterauth {}",
    "CONFIG SET requirepas {}",
)
IN_TRANSACTION = tuple(line for line in REQUESTS if "requirepass {}" not in line and "DELUSER" not in line)


def words(line: str) -> list[str]:
    """A request with the secret in it."""
    return line.format(*[SECRET] * 9).split()


def flattened(reply: Reply) -> str:
    """All text of a reply."""
    return repr(reply)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The file that the server logs to."""
    return tmp_path / "log"


@pytest.fixture
def client(tmp_path: Path, log: Path):
    """A connection to a server that logs all there is to log."""
    path = tmp_path / "socket"
    options = ["--bind", "127.0.0.1:0", f"unix:{path}", "--logfile", str(log), "--loglevel", "debug"]
    for name in ("slowlog-log-slower-than", "commandlog-request-larger-than", "commandlog-reply-larger-than"):
        options += [f"--{name}", "0"]
    with subprocess.Popen(command(*options, "--latency-monitor-threshold", "1"), env=environment()) as process:
        try:
            while not (log.exists() and '"ready"' in log.read_text()):
                assert process.poll() is None
            address = log.read_text().partition('"address": "')[2].partition('"')[0]
            connection = Client(parse_address(address))
            yield connection
            connection.close()
        finally:
            process.terminate()


def shown_by_server(client: Client, log: Path) -> str:
    """Everything that shows what clients sent."""
    requests = ["ACL LOG", "CLIENT LIST", "INFO everything", "LATENCY LATEST", "LATENCY HISTOGRAM", "FUNCTION STATS"]
    requests += ["SLOWLOG GET -1", *(f"COMMANDLOG GET -1 {kind}" for kind in ("slow", "large-request", "large-reply"))]
    replies = [client.do(*request.split()) for request in requests]
    assert [reply for reply in replies if reply.is_error] == []
    return log.read_text() + "".join(map(flattened, replies))


def test_no_place_shows_a_secret(client: Client, log: Path) -> None:
    """Each request with a password runs by itself and in a transaction; then all places are looked at."""
    monitor = Client(client.socket.getpeername())
    monitor.do("MONITOR")
    for line in REQUESTS:
        client.do(*words(line))
        if "requirepass" in line:
            client.do("CONFIG", "SET", "requirepass", "")
    client.do("MULTI")
    for line in IN_TRANSACTION:
        client.do(*words(line))
    client.do("EXEC")
    client.do("RESET")
    shown = shown_by_server(client, log) + "".join(map(flattened, monitor.drain()))
    monitor.close()
    assert SECRET not in shown
    assert shown.count("(redacted)") > len(REQUESTS)


def test_errors_that_are_counted_tell_no_secret(client: Client) -> None:
    """INFO errorstats knows errors by their first word, which no request chooses."""
    client.do(SECRET)
    client.do("GET", SECRET, SECRET)
    assert SECRET not in flattened(client.do("INFO", "errorstats"))


def all_declarations() -> list[Declaration]:
    """Of commands and subcommands."""
    load_commands()
    return [one for parent in DECLARATIONS.values() for one in (parent, *parent.subcommands.values())]


def test_commands_that_take_passwords_declare_secrets() -> None:
    """Whatever has an argument of that name says where its secrets are."""
    takers = [one for one in all_declarations() if "password" in one.args or "AUTH" in one.args]
    assert len(takers) >= 2
    assert [one.name for one in takers if one.secrets is None] == []


def test_settings_with_passwords_are_secret() -> None:
    """A setting with such a name, or whose description begins so, is one whose value nobody is shown."""
    named = {
        one.name
        for one in SETTINGS
        if one.description.startswith("Password")
        or one.name.endswith(("-pass", "requirepass", "-token", "masterauth", "masteruser"))
        or "URL" in type(one.kind).__name__.upper()  # which may have a password in it
    }
    assert named == {one.name for one in SETTINGS if one.is_secret}
    assert not any(name.encode() in PUBLIC_NAMES for name in named)


@pytest.mark.parametrize("one", all_declarations(), ids=lambda one: one.name)
def test_redaction_takes_any_request(one: Declaration) -> None:
    """What is asked about requests that are too short, or nonsense, answers."""
    names = one.name.encode().split(b"|")
    for count in range(6):
        args = (names + [b"AUTH"] * 6)[: len(names) + count]
        assert len(redact(one, args)) == len(args)
        assert redact(one, args)[: len(names)] == names


def test_redaction_leaves_the_request_as_it_is() -> None:
    """The shown request is a copy."""
    load_commands()
    args = [b"AUTH", b"x"]
    assert redact(DECLARATIONS["AUTH"], args) == [b"AUTH", REDACTED]
    assert args == [b"AUTH", b"x"]


@pytest.mark.parametrize("name", [b"auth", b"config|set", b"acl|setuser", b"get"])
def test_a_defect_is_logged_without_the_secrets_of_its_request(name: bytes) -> None:
    """The words of an exception may be those of the request."""
    lines: list[bytes] = []
    logs = Logs(lines.append, False, b"notice")
    server = InProcessServer()
    server.state.log = logs.log

    def fail(*args: Any) -> None:
        raise ValueError(f"{args} is wrong")

    with pytest.raises(ValueError, match="is wrong") as caught:
        fail(SECRET)
    assert server.state.on_defect(caught.value, name) == b"ERR internal error in '%b': ValueError" % name
    assert logs.close()
    text = b"".join(lines).decode()
    assert (SECRET in text) == (name == b"get")
    assert "command_failed" in text
    assert "in fail" in text


def run(*options: str, **variables: str) -> str:
    """What a command says."""
    env = {**environment(), **variables}
    return subprocess.run(command(*options), env=env, capture_output=True, text=True, check=True).stdout


def test_printed_settings_have_no_secrets(tmp_path: Path) -> None:
    """--print-config tells that a secret is set; --help shows defaults only."""
    file = tmp_path / "geventcache.conf.py"
    file.write_text(f"requirepass = {SECRET!r}\n")
    text = run("-c", str(file), "--print-config", GEVENTCACHE_SET_TLS_KEY_FILE_PASS=SECRET)
    assert SECRET not in text
    assert "requirepass = (redacted)\n" in text
    assert "tls-key-file-pass = (redacted)\n" in text
    assert "maxclients = 10000\n" in text
    assert "requirepass = \n" in run("--print-config")
    assert SECRET not in run("-c", str(file), "--help")
