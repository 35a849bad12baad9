"""Keys, values and changes over HTTP: who may, which pages, what is cut."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.client import Client
from ..support.ports import free_port
from ..support.servers import running_subject
from .conftest import Pair

JSON = "application/json"


@pytest.fixture(scope="module")
def open_pair() -> Iterator[Pair]:
    """A server whose page may change keys."""
    port = free_port()
    with running_subject(
        "--http", f"127.0.0.1:{port}", "--http-writable", "yes", "--http-token", "let-me-see", "--databases", "4"
    ) as resp:
        yield Pair(resp, ("127.0.0.1", port))


@pytest.fixture
def client(open_pair: Pair) -> Iterator[Client]:
    """A client of that server, which is empty."""
    made = open_pair.connect()
    made.do("FLUSHALL")
    yield made
    made.close()


def load(pair: Pair, path: str, **headers: str) -> Any:
    """What is answered, as Python values."""
    reply = pair.get(path, **headers)
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


def value_of(pair: Pair, key: str, start: str = "0") -> Any:
    """A page of a value."""
    return load(pair, f"/value.json?key={key.encode().hex()}&from={start}")


def texts(told: Any) -> list[list[str]]:
    """The rows of a value."""
    return [[item["text"] for item in row] for row in told["rows"]]


def test_all_keys_come_once(open_pair: Pair, client: Client) -> None:
    """Pages follow each other until the cursor is zero, and have every key."""
    for i in range(2000):
        client.send("SET", f"key:{i}", "1")
    for _ in range(2000):
        client.receive()
    client.do("SET", "other", "1")
    names: list[str] = []
    cursor = ""
    while cursor != "0":
        told = load(open_pair, f"/keys.json?match=key:*&cursor={cursor or 0}")
        names += [key["name"]["text"] for key in told["keys"]]
        cursor = told["cursor"]
    assert sorted(names) == sorted(f"key:{i}" for i in range(2000))


def test_what_is_told_of_keys(open_pair: Pair, client: Client) -> None:
    """Type, size and deadline; of one type alone if that is asked for; of another database."""
    client.do("RPUSH", "list", "a", "b")
    client.do("SET", "string", "abc", "EX", "1000")
    (key,) = load(open_pair, "/keys.json?type=list")["keys"]
    assert (key["type"], key["size"], key["ttl_ms"]) == ("list", 2, -1)
    (key,) = load(open_pair, "/keys.json?type=string")["keys"]
    assert (key["size"], 0 < key["ttl_ms"] <= 1_000_000) == (3, True)
    assert load(open_pair, "/keys.json?db=3")["keys"] == []
    assert open_pair.get("/keys.json?db=4").status == 403
    assert open_pair.get("/keys.json?cursor=x").status == 403
    assert open_pair.get("/value.json?key=zz").status == 400
    assert open_pair.get(f"/value.json?key={b'list'.hex()}&from=-1").status == 400
    assert value_of(open_pair, "none")["type"] == "none"


def test_pages_of_values(open_pair: Pair, client: Client) -> None:
    """Every type has its rows, and the next page begins where this one ends."""
    client.do("RPUSH", "list", *(str(i) for i in range(120)))
    client.do("ZADD", "zset", *(word for i in range(120) for word in (str(i), f"m{i}")))
    client.do("SADD", "set", *(f"m{i}" for i in range(1000)))
    client.do("HSET", "hash", *(word for i in range(1000) for word in (f"f{i}", str(i))))
    for i in range(120):
        client.do("XADD", "stream", f"{i + 1}-0", "field", str(i))
    client.do("SET", "string", "x" * 10000)
    expected = {
        "list": [[str(i)] for i in range(120)],
        "zset": [[f"m{i}", str(i)] for i in range(120)],
        "set": sorted([f"m{i}"] for i in range(1000)),
        "hash": sorted([f"f{i}", str(i)] for i in range(1000)),
        "stream": [[f"{i + 1}-0", "field", str(i)] for i in range(120)],
        "string": [["x" * 4096], ["x" * 4096], ["x" * 1808]],
    }
    for name, rows in expected.items():
        found: list[list[str]] = []
        start, pages = "0", 0
        while start is not None:
            told = value_of(open_pair, name, start)
            found += texts(told)
            start = told["next"]
            pages += 1
        assert (sorted(found) if name in ("set", "hash") else found) == rows, name
        assert pages > 2, name


def test_long_items_are_cut(open_pair: Pair, client: Client) -> None:
    """What is long is shown in part, with its length; a long name cannot be opened."""
    client.do("RPUSH", "list", "\u20ac" * 10000, b"\xff" * 10000)
    first, second = (row[0] for row in value_of(open_pair, "list")["rows"])
    assert (first["text"], first["size"]) == ("\u20ac" * 170, 30000)
    assert second["text"] == "\\xff" * 512
    client.do("DEL", "list")
    client.do("SET", "k" * 5000, "1")
    (key,) = load(open_pair, "/keys.json")["keys"]
    assert (key["id"], key["name"]["size"]) == (None, 5000)


def test_looking_is_no_use(open_pair: Pair, client: Client) -> None:
    """A key that is looked at is as idle as before."""
    client.do("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    client.do("CONFIG", "SET", "lfu-log-factor", "0")
    client.do("SET", "a", "1")
    before = client.do("OBJECT", "FREQ", "a").value
    for _ in range(5):
        value_of(open_pair, "a")
    assert client.do("OBJECT", "FREQ", "a").value == before
    client.do("CONFIG", "SET", "maxmemory-policy", "noeviction")


@pytest.mark.parametrize("path", ["/keys.json", "/value.json?key=61", "/clients.json", "/slow.json"])
def test_the_token_shows_no_data(open_pair: Pair, path: str) -> None:
    """Whoever has the token sees figures, and no keys, values or requests."""
    headers = {"Host": "cache.example", "Authorization": "Bearer let-me-see"}
    assert open_pair.get("/live.json", **headers).status == 200
    assert open_pair.get(path, **headers).status == 401
    assert open_pair.get(path, Host="cache.example").status == 401


def test_data_need_the_rights_of_their_commands(open_pair: Pair, client: Client) -> None:
    """A user sees what its commands could read; without a password nobody sees data of a server that has one."""
    client.do("SET", "mine", "1")
    client.do("SET", "yours", "1")
    client.do("ACL", "SETUSER", "watcher", "on", ">secret", "+@read", "+select", "+info", "~mine")
    headers = {"Authorization": "Basic " + base64.b64encode(b"watcher:secret").decode()}
    assert texts(load(open_pair, f"/value.json?key={b'mine'.hex()}", **headers)) == [["1"]]
    assert open_pair.get(f"/value.json?key={b'yours'.hex()}", **headers).status == 403
    assert open_pair.get("/clients.json", **headers).status == 403
    client.do("CONFIG", "SET", "requirepass", "secret")
    try:
        assert open_pair.get("/keys.json").status == 401
        assert open_pair.get("/live.json").status == 200
    finally:
        client.do("CONFIG", "SET", "requirepass", "")


def change(pair: Pair, wanted: Any, **headers: str) -> int:
    """Ask for a change as the page would, but for these headers; return the status."""
    origin = "http://{}:{}".format(*pair.http)
    token = load(pair, "/live.json")["token"]
    own = {"Origin": origin, "X_Page_Token": token, "Content_Type": JSON}
    body = wanted if isinstance(wanted, str) else json.dumps(wanted)
    return pair.get("/change", "POST", body, **{**own, **headers}).status


def test_changes(open_pair: Pair, client: Client) -> None:
    """Keys are deleted, replaced, given deadlines; what is no change is refused."""
    client.do("SET", "a", "1", "EX", "1000")
    key = b"a".hex()
    assert change(open_pair, {"key": key, "action": "set", "value": b"\xff".hex()}) == 200
    assert (client.do("GET", "a").value, client.do("TTL", "a").value > 900) == (b"\xff", True)
    assert change(open_pair, {"key": key, "action": "persist"}) == 200
    assert client.do("TTL", "a").value == -1
    assert change(open_pair, {"key": key, "action": "expire", "ttl_ms": 100_000}) == 200
    assert client.do("TTL", "a").value > 90
    for wrong in ({"key": key, "action": "flushall"}, {"key": key}, [], "nonsense", {"key": "zz", "action": "delete"}):
        assert change(open_pair, wrong) == 400
    assert change(open_pair, {"key": key, "action": "delete"}) == 200
    assert client.do("EXISTS", "a").value == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"X_Page_Token": "guessed"},
        {"X_Page_Token": ""},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_no_other_page_changes_anything(open_pair: Pair, client: Client, headers: dict[str, str]) -> None:
    """A request that another page could make is refused."""
    client.do("SET", "a", "1")
    assert change(open_pair, {"key": b"a".hex(), "action": "delete"}, **headers) in (401, 403)
    assert client.do("EXISTS", "a").value == 1


def test_read_only_by_default(pair: Pair) -> None:
    """Without http-writable nothing is changed, whoever asks."""
    assert change(pair, {"key": b"a".hex(), "action": "delete"}) == 403


def test_the_page_may_load_nothing_from_elsewhere(open_pair: Pair) -> None:
    """Its policy says so, its parts are there, and none of them names another host."""
    for path in ("/", "/page.css", "/page.js"):
        reply = open_pair.get(path)
        assert reply.status == 200
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert reply.body.replace("http://www.w3.org/2000/svg", "").count("://") == 0
