"""Ways to an upstream: sentinels, TLS, replicas; and what makes a request wait or go elsewhere."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..support.client import Client
from ..support.cluster import ReferenceCluster
from ..support.ports import free_port
from ..support.process import eventually, information, running, serving
from ..support.servers import reference_binary, running_reference

CLOSE, SILENCE = b"close", b"silence"
Answer = Callable[[list[bytes]], bytes]


class Pretender:
    """A server that answers as the test says; HELLO as a primary by itself, unless the test has something else."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[list[bytes]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """Serve whoever connects."""
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock: socket.socket) -> None:
        """Answer until the end, or until the test says nothing."""
        with contextlib.suppress(OSError, ValueError), sock, sock.makefile("rb") as file:
            while line := file.readline():
                words = [file.read(int(file.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))]
                self.asked.append(words)
                reply = self.answer(words) or self.usual(words)
                if reply == CLOSE:
                    return
                if reply == SILENCE:
                    file.read()
                    return
                sock.sendall(reply)

    def usual(self, words: list[bytes]) -> bytes:
        """What a lone primary says."""
        if words[0] == b"HELLO":
            return b"%1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n" if words[1] == b"3" else b"*0\r\n"
        if words[0] == b"CLUSTER":
            return b"-ERR This instance has cluster support disabled\r\n"
        if words[0] == b"SUBSCRIBE":
            return b">3\r\n$9\r\nsubscribe\r\n$%d\r\n%b\r\n:1\r\n" % (len(words[1]), words[1])
        if words[0] == b"PTTL":
            return b":-1\r\n"
        return b"+PONG\r\n" if words[0] == b"PING" else b"+OK\r\n"

    def count(self, *words: bytes) -> int:
        """How often a request was sent."""
        return self.asked.count(list(words))

    def count_of(self, word: bytes) -> int:
        """How many requests of a command were sent."""
        return sum(words[0] == word for words in self.asked)

    def close(self) -> None:
        """End."""
        self.listener.close()


@contextlib.contextmanager
def pretending(answer: Answer, *options: str) -> Iterator[tuple[Pretender, Client]]:
    """A server that answers so, and a client of a near side that knows it."""
    pretender = Pretender(answer)
    try:
        with serving("--upstream", f"valkey://127.0.0.1:{pretender.port}", *options) as process:
            client = process.connect()
            assert eventually(lambda: information(client, "upstream")["upstream_mode"] == "primary")
            yield pretender, client
            client.close()
    finally:
        pretender.close()


@pytest.mark.parametrize("word", [b"TRYAGAIN", b"CLUSTERDOWN", b"LOADING", b"MASTERDOWN"])
def test_what_passes_is_waited_for(word: bytes) -> None:
    """A request that cannot be carried out now is sent again, until it is."""
    left = [2]

    def answer(words: list[bytes]) -> bytes:
        if words[0] == b"SET" and left[0]:
            left[0] -= 1
            return b"-%b not now\r\n" % word
        return b""

    with pretending(answer) as (pretender, client):
        assert client.do("SET", "k", 1).value == b"OK"
        assert pretender.count(b"SET", b"k", b"1") == 3


def test_what_does_not_pass_is_told() -> None:
    """When the time is over, the upstream's own word."""
    answer = lambda words: b"-LOADING for ever\r\n" if words[0] == b"SET" else b""  # noqa: E731
    with pretending(answer, "--upstream-retry-time", "100") as (_, client):
        assert client.do("SET", "k", 1).value == b"LOADING for ever"
        assert client.do("PING").value == b"PONG"


def test_write_is_sent_once() -> None:
    """A connection that ends before the reply leaves a write in doubt, which is told; a read is asked again."""
    closing = [True, True]

    def answer(words: list[bytes]) -> bytes:
        if words[0] == b"INCR" and closing[0]:
            closing[0] = False
            return CLOSE
        if words[0] == b"GET" and closing[1]:
            closing[1] = False
            return CLOSE
        return b"$1\r\nv\r\n" if words[0] == b"GET" else b":1\r\n" if words[0] == b"INCR" else b""

    with pretending(answer) as (pretender, client):
        assert client.do("INCR", "n").value.startswith(b"UNCERTAIN ")
        assert pretender.count(b"INCR", b"n") == 1
        assert client.do("INCR", "n").value == 1
        assert client.do("GET", "k").value == b"v"
        assert pretender.count(b"GET", b"k") == 2
        assert information(client, "upstream")["upstream_uncertain"] == "1"


def test_a_read_is_not_kept_when_its_key_is_written_meanwhile() -> None:
    """Whoever had asked before may get what was there before; nobody who asks later."""
    written = threading.Event()

    def answer(words: list[bytes]) -> bytes:
        if words[0] == b"GET" and not written.is_set():
            assert written.wait(20)
            return b"$3\r\nold\r\n"
        return b"$3\r\nnew\r\n" if words[0] == b"GET" else b""

    with pretending(answer) as (pretender, client):
        host, port = client.socket.getpeername()
        with contextlib.closing(Client((host, port))) as reader:
            reader.send("GET", "k")
            assert eventually(lambda: pretender.count(b"GET", b"k") == 1)
            assert client.do("SET", "k", "new").value == b"OK"
            written.set()
            assert reader.receive().value == b"old"
            assert [one.do("GET", "k").value for one in (client, reader)] == [b"new"] * 2


def test_transaction_is_sent_once() -> None:
    """As any write."""
    closing = [True]

    def answer(words: list[bytes]) -> bytes:
        if words[0] == b"EXEC" and closing[0]:
            closing[0] = False
            return CLOSE
        return b"*1\r\n+OK\r\n" if words[0] == b"EXEC" else b""

    with pretending(answer) as (pretender, client):
        client.do("MULTI")
        client.do("SET", "k", 1)
        assert client.do("EXEC").value.startswith(b"UNCERTAIN ")
        assert pretender.count(b"EXEC") == 1


def test_silence_is_noticed() -> None:
    """A server that does not answer any more is lost, and others do not wait for it."""
    answer = lambda words: SILENCE if words[0] == b"SET" else b""  # noqa: E731
    with pretending(answer, "--upstream-timeout", "200") as (_, client):
        assert client.do("SET", "k", 1).value.startswith(b"UNCERTAIN ")
        assert client.do("INCR", "n").value == b"OK"


def test_what_is_no_reply_ends_the_connection() -> None:
    """Nobody gets bytes that he could not read."""
    answer = lambda words: b"HTTP/1.1 400 Bad Request\r\n\r\n" if words[0] == b"SET" else b""  # noqa: E731
    with pretending(answer) as (_, client):
        assert client.do("SET", "k", 1).value.startswith(b"UNCERTAIN ")
        assert client.do("INCR", "n").value == b"OK"


def test_ask_is_followed(cluster: ReferenceCluster, near: Client) -> None:
    """A slot on its way, moved key by key: a key that has gone is asked for where it is going."""
    source = cluster.owner("ask:{k}")
    target = next(member for member in cluster.primaries if member is not source)
    slot = source.do("CLUSTER", "KEYSLOT", "ask:{k}")
    near.do("SET", "stays:{k}", 1)
    near.do("GET", "ask:{k}")
    target.do("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id())
    source.do("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id())
    try:
        assert near.do("SET", "ask:{k}", 1).value == b"OK"
        assert near.do("INCR", "ask:{k}").value == 2
        assert [near.do("GET", "ask:{k}").value for _ in range(2)] == [b"2"] * 2
        assert near.do("GET", "stays:{k}").value == b"1"
        assert int(information(near, "upstream")["upstream_redirected"]) > 0
        with target.connect() as direct:
            direct.send("ASKING")
            assert direct.receive().value == b"OK"
            assert direct.do("DEL", "ask:{k}").value == 1
    finally:
        for member in (source, target):
            member.do("CLUSTER", "SETSLOT", slot, "STABLE")


@pytest.mark.parametrize("read_from", ["replica", "nearest"])
def test_replicas_answer_reads(cluster: ReferenceCluster, near: Client, read_from: str) -> None:
    """Those whose replies are not kept; writes go to the primary."""

    def reads() -> int:
        return sum(
            int(line.split(b":")[1])
            for member in cluster.replicas
            for line in member.do("INFO", "stats").splitlines()  # type: ignore[attr-defined]
            if line.startswith(b"keyspace_hits")
        )

    with serving("--upstream", cluster.url, "--upstream-read-from", read_from, "--near-cache", "no") as process:
        client = process.connect()
        for i in range(30):
            client.do("SET", f"k{i}", i)
        before = reads()
        written = [b"%d" % i for i in range(30)]

        def are_read() -> bool:
            return [client.do("GET", f"k{i}").value for i in range(30)] == written

        assert eventually(are_read)
        if read_from == "replica":
            assert eventually(lambda: are_read() and reads() - before >= 30)
        client.close()


@pytest.mark.parametrize("protocol", [2, 3])
def test_reads_that_may_be_kept_are_the_primarys(protocol: int) -> None:
    """Also while a write is under way, and beside a key that is being written; replicas answer those that may not."""
    primary, replica, sentinel = (Pretender(lambda words: b"") for _ in range(3))
    told = {
        b"GET-MASTER-ADDR-BY-NAME": [b"127.0.0.1", b"%d" % primary.port],
        b"MASTER": {b"config-epoch": b"1"},
        b"REPLICAS": [
            {b"ip": b"127.0.0.1", b"port": b"%d" % replica.port, b"flags": b"slave", b"master-link-status": b"ok"}
        ],
    }
    sentinel.answer = lambda words: told_as(told[words[1]]) if words[0] == b"SENTINEL" else b""
    primary.answer = replica.answer = lambda words: b"$1\r\nv\r\n" if words[0] == b"GET" else b""
    url = f"valkey://127.0.0.1:{sentinel.port}?sentinel=main"
    with serving("--upstream", url, "--upstream-read-from", "replica", "--near-bypass", "lagging:*") as process:
        client = process.connect(protocol)
        assert eventually(lambda: bool(client.do("GET", "lagging:k")) and replica.count(b"GET", b"lagging:k") > 0)
        for _ in range(30):
            for words in (("SET", "k", 1), ("GET", "k"), ("MGET", "k", "j"), ("SET", "j", 1), ("STRLEN", "k")):
                client.send(*words)
            for _ in range(5):
                client.receive()
        client.close()
    assert {words[0] for words in replica.asked} & {b"GET", b"MGET", b"STRLEN", b"PTTL"} == {b"GET"}
    assert replica.count(b"GET", b"lagging:k") == replica.count_of(b"GET")
    for pretender in (primary, replica, sentinel):
        pretender.close()


def told_as(value: object) -> bytes:
    """A value as RESP3 has it."""
    if isinstance(value, bytes):
        return b"$%d\r\n%b\r\n" % (len(value), value)
    if isinstance(value, dict):
        return b"%%%d\r\n" % len(value) + b"".join(told_as(one) for pair in value.items() for one in pair)
    assert isinstance(value, list)
    return b"*%d\r\n" % len(value) + b"".join(map(told_as, value))


def test_sentinel(tmp_path: Path) -> None:
    """The primary is who the sentinels say; a new one is found by itself."""
    binary = reference_binary()
    assert binary is not None
    sentinel = Pretender(lambda words: b"")
    with (
        running_reference(binary) as one,
        running_reference(binary) as other,
    ):
        current = [one]

        def answer(words: list[bytes]) -> bytes:
            if words[0] != b"SENTINEL":
                return b""
            if words[1] == b"REPLICAS":
                return b"*0\r\n"
            if words[1] == b"MASTER":
                return b"%1\r\n$12\r\nconfig-epoch\r\n$1\r\n0\r\n"
            host, port = current[0]
            return b"*2\r\n$%d\r\n%b\r\n$%d\r\n%d\r\n" % (len(host), host.encode(), len(str(port)), port)

        sentinel.answer = answer
        url = f"valkey://127.0.0.1:{sentinel.port}?sentinel=main"
        with serving("--upstream", url, "--upstream-timeout", "1000") as process:
            client = process.connect()
            client.do("SET", "k", "old")
            assert client.do("GET", "k").value == b"old"
            assert next(words for words in sentinel.asked if words[0] == b"SENTINEL")[2] == b"main"
            direct = Client(other)
            direct.do("SET", "k", "new")
            current[0] = other
            old = Client(one)
            old.do("REPLICAOF", "127.0.0.1", 1)
            # One that is under way to the old primary when the sentinel is heard of is uncertain.
            assert eventually(lambda: client.do("SET", "x", 1).value == b"OK")
            assert client.do("GET", "k").value == b"new"
            for each in (client, direct, old):
                each.close()
    sentinel.close()


def test_tls(tmp_path: Path) -> None:
    """valkeys: the certificate must be signed by whom we trust."""
    trustme = pytest.importorskip("trustme")
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    port = free_port()
    secure = (
        *("--tls-port", str(port), "--tls-cert-file", str(tmp_path / "server.pem")),
        *("--tls-key-file", str(tmp_path / "server.pem"), "--tls-auth-clients", "no"),
    )
    url = f"valkeys://localhost:{port}"
    with serving(*secure):
        with serving("--upstream", url, "--upstream-tls-ca-cert-file", str(tmp_path / "ca.pem")) as process:
            client = process.connect()
            assert client.do("SET", "k", "x" * 1_000_000).value == b"OK"
            assert [client.do("GET", "k").value for _ in range(2)] == [b"x" * 1_000_000] * 2
            assert client.do("MGET", *(f"k{i}" for i in range(1000))).value
            client.close()
        other = ("--upstream-tls-ca-cert-file", str(tmp_path / "stranger.pem"), "--upstream-retry-time", "200")
        with serving("--upstream", url, *other) as process:
            client = process.connect()
            value = client.do("GET", "k").value
            assert value.startswith(b"ERR The upstream cannot be reached")
            assert b"certificate verify failed" in value
            client.close()


def test_log_tells_of_the_upstream(tmp_path: Path) -> None:
    """Whether it can be reached, and why not."""
    log, port = tmp_path / "log", free_port()

    def told() -> list[tuple[str, str | None]]:
        lines = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [(line["event"], line.get("reason")) for line in lines if line["event"].startswith("upstream")]

    options = ("--port", "0", "--bind", "127.0.0.1", "--upstream", f"valkey://127.0.0.1:{port}")
    with log.open("wb") as file, running(*options, stderr=file, listens=False):
        assert eventually(lambda: len(told()) == 1)
        with serving("--port", str(port)):
            assert eventually(lambda: len(told()) == 2)
        assert eventually(lambda: len(told()) == 3)
    assert [event for event, _ in told()] == ["upstream_down", "upstream_up", "upstream_down"]
    assert "refused" in str(told()[0][1])
