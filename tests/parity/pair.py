"""A pair: the same connections to both servers. What is sent goes to both, what comes back has to be the same.

A `Twin` is one connection, twice. A `Pair` is a test's set of twins: the unnamed one, whose methods the pair has
itself, and named ones for tests that need several clients. The pair keeps what was sent, and a difference is reported
with that script, written as redis-cli lines that `Pair.play` takes as well.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Sequence

from ..support.client import PATIENCE_S, Address, Client
from ..support.servers import Servers
from ..support.wire import Argument, Reply, encoded, quoted, request, split_line
from .match import Matcher, approx, exact, ignore, mapping, shape, unordered

END = Reply("EOF", None)  # what is received from a server that closed the connection
MATCHERS: dict[str, Matcher] = {
    "unordered": unordered(),
    "pairs": unordered(2),
    "mapping": mapping(),
    "approx": approx(2),
    "approx_ms": approx(2000),
    "shape": shape,
    "ignore": ignore,
}
_LINE = re.compile(r"(?:\[(?P<twin>\w+)\]\s*)?(?:(?P<matcher>[a-z_]+):\s+)?(?P<command>\S.*)", re.DOTALL)
_HISTORY_SHOWN = 60
Received = tuple[bytes, bool]  # what came back, and whether the connection was closed
_ROUNDS = 2000  # of polling; each is a round trip, so that a condition that holds soon is never missed


class ParityError(AssertionError):
    """The servers differ; the text says in what, and how to see it again."""


class Twin:
    """One connection to each server; what it sends is added to `history`."""

    def __init__(self, servers: Servers, protocol: int, name: str, history: list[str]) -> None:
        self.servers = servers
        self.protocol = protocol
        self.name = name
        self.history = history
        self._connect()

    @property
    def clients(self) -> tuple[Client, Client]:
        """The reference's connection and the subject's."""
        return self.reference, self.subject

    def do(self, *arguments: Argument, match: Matcher = exact) -> Reply:
        """Send a command, compare the replies and the pushes before them, and return the reference's reply."""
        self.send(*arguments)
        return self.answer(match)

    def answer(self, match: Matcher = exact) -> Reply:
        """Compare the next replies that are no pushes, and the pushes before them; return the reference's reply."""
        (reference, pushed), (subject, also_pushed) = map(_answered, self.clients)
        self._compare(Reply("pushes", pushed), Reply("pushes", also_pushed), exact)
        return self._compare(reference, subject, match)

    def send(self, *arguments: Argument) -> None:
        """Send a command to both and wait for nothing."""
        argv = tuple(encoded(argument) for argument in arguments)
        self.history.append((f"[{self.name}] " if self.name else "") + " ".join(map(quoted, argv)))
        for client in self.clients:
            client.send_bytes(request(argv))

    def send_each(self, reference: Sequence[Argument], subject: Sequence[Argument], match: Matcher = exact) -> Reply:
        """Send each server a command of its own (for ids and the like that differ), and compare the replies."""
        self.history.append(f"# {' '.join(map(str, reference))} | {' '.join(map(str, subject))}")
        self.reference.send(*reference)
        self.subject.send(*subject)
        return self.answer(match)

    def receive(self, match: Matcher = exact) -> Reply:
        """Compare the next messages, replies and pushes alike; END when both servers closed the connection."""
        reference, subject = map(_received, self.clients)
        return self._compare(reference, subject, match)

    def drain(self, match: Matcher = exact) -> tuple[Reply, ...]:
        """Compare all messages that were sent to this connection so far; the matcher sees them as one array."""
        reference, subject = (Reply("*", tuple(client.drain())) for client in self.clients)
        messages: tuple[Reply, ...] = self._compare(reference, subject, match).value
        return messages

    def is_silent(self) -> bool:
        """True when neither server has sent anything that was not received."""
        return not any(client.has_input() for client in self.clients)

    def reconnect(self) -> None:
        """Replace both connections by new ones."""
        self.close()
        self._connect()

    def _connect(self) -> None:
        self.reference = Client(self.servers.reference, self.protocol)
        self.subject = Client(self.servers.subject, self.protocol)

    def close(self) -> None:
        """Close both connections."""
        for client in self.clients:
            client.close()

    def _compare(self, reference: Reply, subject: Reply, match: Matcher) -> Reply:
        differences = list(match(reference, subject, "reply"))
        if differences:
            raise ParityError(self._report(differences))
        return reference

    def _report(self, differences: list[str]) -> str:
        shown = self.history[-_HISTORY_SHOWN:]
        omitted = len(self.history) - len(shown)
        header = [f"the replies differ (RESP{self.protocol}), after the last line of this script:"]
        header += [f"  # {omitted} earlier lines"] if omitted else []
        return "\n".join([*header, *(f"  {line}" for line in shown), "differences:", *(f"  {d}" for d in differences)])


class Pair(Twin):
    """A test's connections to both servers, which are empty when it begins."""

    def __init__(self, servers: Servers, protocol: int) -> None:
        super().__init__(servers, protocol, "", [])
        self._twins: dict[str, Twin] = {}
        self.control = Twin(servers, 2, "control", self.history)
        self.control.do("FLUSHALL")
        self.history.clear()

    def reset(self) -> None:
        """Open all connections anew, delete all keys of both servers, and forget the script."""
        for twin in (self, self.control, *self._twins.values()):
            twin.reconnect()
        self.control.do("FLUSHALL")
        self.history.clear()

    def has(self, *commands: str) -> bool:
        """True when the subject has all these commands."""
        return self.servers.has(*commands)

    def client(self, name: str, protocol: int | None = None) -> Twin:
        """Return the connections of that name, which are opened when the name is new."""
        if name not in self._twins:
            self._twins[name] = Twin(self.servers, protocol or self.protocol, name, self.history)
        return self._twins[name]

    def play(self, script: str) -> list[Reply]:
        """Run a script of redis-cli lines and return the replies. Blank lines and lines that begin with # are skipped.

        A line may begin with the name of a client in brackets and with a matcher: `[a] unordered: KEYS *`.
        """
        lines = (line.strip() for line in script.splitlines())
        return [self._play_line(line) for line in lines if line and not line.startswith("#")]

    def wait_until(self, claim: Callable[[Client], bool]) -> None:
        """Poll both servers until the claim holds for a client of each; raises ParityError when it never does."""
        for client in self.control.clients:
            if not any(claim(client) for _ in range(_ROUNDS)):
                raise ParityError(f"never came true for {'subject' if client is self.control.subject else 'reference'}")

    def wait_blocked(self, count: int) -> None:
        """Wait until so many clients are blocked on each server."""
        text = b"blocked_clients:%d\r\n" % count
        self.wait_until(lambda client: text in client.do("INFO", "clients").value)

    @contextlib.contextmanager
    def configured(self, **settings: Argument) -> Iterator[None]:
        """Give both servers settings (with _ for -), and put back what each of them had before."""
        names = {name: name.replace("_", "-") for name in settings}
        before = [
            [client.do("CONFIG", "GET", name).value[1].value for name in names.values()]
            for client in self.control.clients
        ]
        for key, value in settings.items():
            self.control.do("CONFIG", "SET", names[key], value)
        try:
            yield
        finally:
            for client, values in zip(self.control.clients, before, strict=True):
                for key, value in zip(settings, values, strict=True):
                    client.do("CONFIG", "SET", names[key], value)

    def raw(self, data: bytes, split: int | None = None) -> bytes:
        """Send bytes on fresh connections, compare all that comes back, and return the reference's bytes.

        The bytes go in pieces of `split`, each of which is read before the next one is sent. That a server closed the
        connection counts as a part of its answer.
        """
        self.history.append(f"# bytes, in pieces of {split or len(data)}: {data[:2000]!r}")
        reference = _exchange(self.servers.reference, self.control.reference, data, split)
        subject = _exchange(self.servers.subject, self.control.subject, data, split, reference)
        self._compare(_as_reply(reference), _as_reply(subject), exact)
        return reference[0]

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self.control.close()
        for twin in self._twins.values():
            twin.close()

    def _play_line(self, line: str) -> Reply:
        parsed = _LINE.fullmatch(line)
        assert parsed is not None
        twin = self.client(parsed["twin"]) if parsed["twin"] else self
        match = MATCHERS[parsed["matcher"]] if parsed["matcher"] else exact
        return twin.do(*split_line(parsed["command"]), match=match)


def _received(client: Client) -> Reply:
    try:
        return client.receive()
    except (EOFError, ConnectionError):
        return END


def _answered(client: Client) -> tuple[Reply, tuple[Reply, ...]]:
    """Return the next reply that is no push, and the pushes before it."""
    pushes = []
    while (reply := _received(client)).is_push:
        pushes.append(reply)
    return reply, tuple(pushes)


def _exchange(
    address: Address, control: Client, data: bytes, split: int | None, expected: Received | None = None
) -> Received:
    """Return the bytes that the server answers and whether it closed the connection.

    The server has read a piece when it has answered a few PINGs of another connection that were sent later. The
    subject is given time until it has sent as much as `expected`.
    """
    client = Client(address)
    try:
        size = split or len(data) or 1
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(data), size):
                client.send_bytes(data[start : start + size])
                _settle(control, size)
        return _collected(client, control, expected)
    finally:
        client.close()


def _as_reply(received: Received) -> Reply:
    data, is_closed = received
    return Reply("bytes and the end:" if is_closed else "bytes:", data)


def _settle(control: Client, size: int) -> None:
    """Let the server read `size` bytes of other connections."""
    for _ in range(2 + size // 4096):
        control.do("PING")


def _collected(client: Client, control: Client, expected: Received | None) -> Received:
    got, closed = b"", False
    deadline = time.monotonic() + PATIENCE_S / 5
    while not closed:
        _settle(control, 1)
        if client.has_input():
            piece = _piece(client)
            got, closed = got + piece, not piece
        elif expected is None or _is_enough(got, expected) or time.monotonic() > deadline:
            break
    return got, closed


def _is_enough(got: bytes, expected: Received) -> bool:
    """More input is waited for while bytes are missing, or the end that the reference made."""
    return len(got) >= len(expected[0]) and not expected[1]


def _piece(client: Client) -> bytes:
    try:
        return client.socket.recv(1 << 16)
    except ConnectionError:
        return b""
