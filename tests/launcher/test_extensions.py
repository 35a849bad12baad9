"""Commands and hooks of the configuration file, in the processes that read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from geventcache.launcher.config_file import ConfigFileError, read_config_file
from geventcache.launcher.settings import Settings, SettingsError

from ..support.client import Client
from ..support.servers import running_shards, running_subject

FILE = '''
from geventcache.extension import ResponseError, command, with_values


@command("CART.TOTAL", keys=1, readonly=True)
def total(ctx, key):
    """Sums the prices in a cart."""
    return sum(map(float, ctx.call("HVALS", key)))


@command("CART.ADD", keys=1)
def add(ctx, key, item, price):
    """Puts an item into a cart."""
    return ctx.call("HSET", key, item, price)


@command("CART.ASK", keys=1)
def ask(ctx, key, other):
    """Asks for a key that it did not say."""
    return ctx.call("GET", other)


def on_key_event(event, key, db):
    if key.startswith(b"{cart}:") and event == "hset":
        db.call("INCR", "{cart}changes")


@with_values
def on_expired(keys):
    for key in keys:
        key.db.call("RPUSH", b"{%b}ends" % key, key.value)
'''


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration file."""
    found = tmp_path / "geventcache.conf.py"
    found.write_text(FILE, encoding="utf-8")
    return found


def test_one_process(path: Path) -> None:
    """The file's commands are the server's; its hooks hear of keys, with values."""
    with running_subject("-c", str(path)) as address:
        client = Client(address)
        assert client.do("CART.ADD", "{cart}:1", "fig", "2.5").value == 1
        assert client.do("CART.TOTAL", "{cart}:1").value == b"2.5"
        assert client.do("GET", "{cart}changes").value == b"1"
        client.do("SET", "k", "last words", "PX", 1)
        while client.do("EXISTS", "{k}ends").value == 0:
            pass
        assert client.do("LRANGE", "{k}ends", 0, -1).value[0].value == b"last words"
        assert client.do("COMMAND", "GETKEYS", "CART.TOTAL", "x").value[0].value == b"x"
        client.close()


def test_two_workers(path: Path) -> None:
    """Each worker has them, for the keys of its own slots; those of others are redirected."""
    with running_shards(2, "-c", str(path)) as addresses:
        clients = [Client(address) for address in addresses]
        replies = [client.do("CART.ADD", "{cart}:1", "fig", 2) for client in clients]
        (moved,) = [reply.value for reply in replies if reply.is_error]
        assert moved.startswith(b"MOVED ")
        own = clients[0 if not replies[0].is_error else 1]
        assert own.do("CART.TOTAL", "{cart}:1").value == b"2"
        own.do("MULTI")
        own.do("CART.TOTAL", "{cart}:1")
        assert own.do("EXEC").value[0].value == b"2"
        assert own.do("EVAL", "return redis.call('CART.TOTAL', KEYS[1])", 1, "{cart}:1").value == b"2"
        assert own.do("GET", "{cart}changes").value == b"1"
        number = next(n for n in range(9) if own.do("GET", n).is_error)
        assert own.do("CART.ASK", "{cart}:1", number).value == b"ERR a key of another shard"
        for client in clients:
            client.close()


def test_not_at_a_near_side(path: Path) -> None:
    """Commands read data, and a near side has only copies."""
    with pytest.raises(SettingsError, match="near side"):
        Settings(["-c", str(path), "--upstream", "redis://127.0.0.1:1"])


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ('@command("GET")\ndef f(ctx): ...', "there is a command GET already"),
        ('@command("A.B")\ndef f(ctx): ...\n@command("A.B")\ndef g(ctx): ...', "there is a command A.B already"),
        ('@command("a.b")\ndef f(ctx): ...', "no name of a command"),
        ("on_key_event = 1", "must be a function"),
    ],
)
def test_what_is_refused(path: Path, source: str, error: str) -> None:
    """A file with a wrong declaration is refused as a whole, with a line that says why."""
    path.write_text("from geventcache.extension import command\n" + source, encoding="utf-8")
    with pytest.raises(ConfigFileError, match=error):
        read_config_file(path)
