"""CONFIG GET and SET behave as the reference's; texts and values are its answers."""

from __future__ import annotations

from contextlib import suppress

import pytest

from geventcache.base.errors import CommandError
from geventcache.services.settings.addresses import Address, parse_address
from geventcache.services.settings.binding import listen_addresses
from geventcache.services.settings.config import Config
from geventcache.services.settings.kinds import InvalidSettingError
from geventcache.services.settings.setting import Setting
from geventcache.services.settings.table import SETTINGS


def _error(config: Config, *pairs: tuple[bytes, bytes]) -> bytes:
    with pytest.raises(CommandError) as caught:
        config.set_many(pairs)
    return caught.value.text


def _failed(name: bytes, reason: bytes) -> bytes:
    return b"ERR CONFIG SET failed (possibly related to argument '%b') - %b" % (name, reason)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_shown_value_reads_back(setting: Setting) -> None:
    """The text of CONFIG GET is read back to the same value."""
    config = Config()
    before = config[setting.name]
    for text in config.get(setting.name.encode()).values():
        config.load(setting.name, text)
    assert config[setting.name] == before


def test_names_are_unique() -> None:
    """No name or alias stands for two settings."""
    names = [name for setting in SETTINGS for name in (setting.name, *setting.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        (b"maxmemory", b"100mb", b"104857600"),
        (b"maxmemory", b"18446744073709551615", b"18446744073709551615"),
        (b"maxmemory-policy", b"allkeys-LRU", b"allkeys-lru"),
        (b"protected-mode", b"No", b"no"),
        (b"hz", b"0", b"1"),
        (b"hz", b"501", b"500"),
        (b"notify-keyspace-events", b"KEA", b"AKE"),
        (b"notify-keyspace-events", b"g$lshzxetd", b"A"),
        (b"notify-keyspace-events", b"KEg$lshzxetdmn", b"AKEm"),
        (b"notify-keyspace-events", b"eKx$", b"$xeK"),
        (b"notify-keyspace-events", b"Knm", b"nKm"),
        (b"client-output-buffer-limit", b"", b"normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
        (b"client-output-buffer-limit", b"REPLICA 1kb 2 3", b"normal 0 0 0 slave 1024 2 3 pubsub 33554432 8388608 60"),
        (b"requirepass", b"\xff\0a", b"\xff\0a"),
        (b"appendonly", b"no", b"no"),
        (b"save", b"", b""),
    ],
)
def test_set(name: bytes, text: bytes, shown: bytes) -> None:
    """A value is taken, and shown in the reference's form."""
    config = Config()
    config.set(name, text)
    assert config.get(name) == {name: shown}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (b"maxmemory", b"abc", b"argument must be a memory value"),
        (b"proto-max-bulk-len", b"1k", b"argument must be between 1048576 and 9223372036854775807 inclusive"),
        (b"hz", b"1.5", b"argument couldn't be parsed into an integer"),
        (b"hz", b"-1", b"argument must be between 0 and 2147483647 inclusive"),
        (b"maxclients", b"0", b"argument must be between 1 and 4294967295 inclusive"),
        (b"protected-mode", b"1", b"argument must be 'yes' or 'no'"),
        (
            b"loglevel",
            b"x",
            b"argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
        ),
        (b"notify-keyspace-events", b"Q", b"Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        (b"client-output-buffer-limit", b"normal 1", b"Wrong number of arguments in buffer limit configuration."),
        (b"client-output-buffer-limit", b"foo 1 2 3", b"Invalid client class specified in buffer limit configuration."),
        (
            b"client-output-buffer-limit",
            b"normal 0 0 -1",
            b"Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        (b"logfile", b"x", b"can't set immutable config"),
        (b"hash-max-ziplist-entries", b"x", b"argument couldn't be parsed into an integer"),
    ],
)
def test_refused(name: bytes, text: bytes, reason: bytes) -> None:
    """A wrong value is refused with the reference's text, and nothing changes."""
    config = Config()
    before = config.get(name)
    assert _error(config, (name, text)) == _failed(name, reason)
    assert config.get(name) == before


ODD = (
    b" ",
    b"\x00",
    b"\xff",
    "²".encode(),
    b"[",
    b"a b c",
    b"1" * 5000,
    b"-1",
    b"1" * 5000 + b"%",
    b"900 " + b"1" * 5000,
    b"valkey://[",
    b"valkey://h:" + b"1" * 5000,
    b"valkey://h/" + "²".encode(),
)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_any_text_is_taken_or_refused(setting: Setting) -> None:
    """Whatever is wrong with it is told by the one error for that."""
    for text in ODD:
        with suppress(InvalidSettingError):
            Config().load(setting.name, text)


def test_unknown_name() -> None:
    """An unknown name is refused as it was written, on one line."""
    expected = b"ERR Unknown option or number of arguments for CONFIG SET - 'No  Such'"
    assert _error(Config(), (b"No\r\nSuch", b"1")) == expected


def test_duplicates() -> None:
    """A name twice is refused as it was written; an alias beside its name is not."""
    config = Config()
    assert _error(config, (b"hz", b"1"), (b"HZ", b"2")) == _failed(b"HZ", b"duplicate parameter")
    config.set_many([(b"hash-max-listpack-entries", b"7"), (b"hash-max-ziplist-entries", b"8")])
    assert config["hash-max-listpack-entries"] == 8


def test_all_or_nothing() -> None:
    """One wrong value keeps the others from being set."""
    config = Config()
    assert _error(config, (b"maxmemory", b"7"), (b"hz", b"x")).startswith(b"ERR CONFIG SET failed")
    assert config["maxmemory"] == 0


def test_get_patterns() -> None:
    """A pattern matches in any case, a plain name is shown as it was asked for, and each setting comes once."""
    config = Config()
    assert config.get(b"MAXMEMORY", b"max[m]emory") == {b"MAXMEMORY": b"0"}
    assert config.get(b"HASH-max-z*") == {b"hash-max-ziplist-entries": b"512", b"hash-max-ziplist-value": b"64"}
    assert config.get(b"nosuch") == {}


def test_listener() -> None:
    """A listener hears changes only, with the value and by any of the setting's names."""
    config, heard = Config(), []
    config.on_change("lua-time-limit", heard.append)
    config.set(b"busy-reply-threshold", b"5000")
    config.set(b"busy-reply-threshold", b"7")
    config.set(b"lua-time-limit", b"8")
    assert heard == [7, 8]


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        (b"127.0.0.1", Address("127.0.0.1"), "127.0.0.1"),
        (b"localhost:0", Address("localhost", 0), "localhost:0"),
        (b"::1", Address("::1"), "[::1]"),
        (b"[::1]:7000", Address("::1", 7000), "[::1]:7000"),
        (b"-::1", Address("::1", is_optional=True), "[::1]"),
        (b"*:7", Address("0.0.0.0", 7), "0.0.0.0:7"),
        (b"unix:/a:b", Address(path="/a:b"), "unix:/a:b"),
    ],
)
def test_address(text: bytes, address: Address, shown: str) -> None:
    """Every form of an address is read and shown."""
    assert parse_address(text) == address
    assert str(address) == shown


@pytest.mark.parametrize("text", [b"", b":1", b"h:", b"h:x", b"h:65536", b"h:-1", b"[::1]x", b"[]:1", b"unix:"])
def test_no_address(text: bytes) -> None:
    """What is no address is refused."""
    with pytest.raises(ValueError, match="address"):
        parse_address(text)


def test_listen_addresses() -> None:
    """Addresses without a port get the setting's, and the unix socket is one more."""
    config = Config()
    config.load("bind", b"::1 127.0.0.1:0")
    config.load("port", b"7")
    config.load("unixsocket", b"/x")
    assert [str(address) for address in listen_addresses(config)] == ["[::1]:7", "127.0.0.1:0", "unix:/x"]


@pytest.mark.parametrize(
    ("port", "tls_port", "found"),
    [
        (b"6379", b"0", ["h:6379", "h:1", "tls:h:0", "tls:h:2"]),
        (b"6379", b"7000", ["h:6379", "tls:h:7000", "h:1", "tls:h:7000", "tls:h:2"]),
        (b"0", b"7000", ["tls:h:7000", "h:1", "tls:h:7000", "tls:h:2"]),
        (b"0", b"0", ["h:0", "h:1", "tls:h:0", "tls:h:2"]),
    ],
)
def test_addresses_with_tls(port: bytes, tls_port: bytes, found: list[str]) -> None:
    """Hosts without a port take both; with tls-port, port 0 is none."""
    config = Config()
    for name, text in (("bind", b"h h:1 tls:h tls:h:2"), ("port", port), ("tls-port", tls_port)):
        config.load(name, text)
    assert [str(address) for address in listen_addresses(config)] == found


def test_a_refused_change_is_taken_back() -> None:
    """If a listener refuses its setting, none of the set is changed, and those who were told hear the old values."""
    config = Config()
    heard: list[int] = []

    def refuse(value: int) -> None:
        if value == 77:
            raise InvalidSettingError("not that")

    config.on_change("timeout", heard.append)
    config.on_change("maxclients", refuse)
    error = _error(config, (b"timeout", b"5"), (b"maxclients", b"77"))
    assert error == _failed(b"maxclients", b"not that")
    assert (config["timeout"], config["maxclients"]) == (0, 10000)
    assert heard == [5, 0]
