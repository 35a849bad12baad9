"""TLS: every byte of a connection passes it; who does not speak it disturbs nobody."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from geventcache import Server
from geventcache.server import tls as server_tls

from ..support.ports import free_port
from .conftest import wait_until

trustme = pytest.importorskip("trustme")

PING = b"*1\r\n$4\r\nPING\r\n"
PONG = b"+PONG\r\n"


class Certificates:
    """An authority, a certificate for the server and one for a client, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.authority_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.authority_file)
        self.server_file = self.issue("server")
        self.client_file = self.issue("client")

    def issue(self, name: str) -> Path:
        """A new certificate with its key, in one file."""
        path = self.folder / f"{name}.pem"
        self.authority.issue_cert("127.0.0.1", common_name=name).private_key_and_cert_chain_pem.write_to_path(path)
        return path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def start(certificates: Certificates) -> Iterator[Callable[..., Server]]:
    """Start servers on a free port with TLS, and stop them."""
    started: list[Server] = []

    def start_one(**settings: object) -> Server:
        defaults = {
            "bind": "tls:127.0.0.1:0",
            "tls_cert_file": certificates.server_file,
            "tls_ca_cert_file": certificates.authority_file,
            "tls_auth_clients": False,
        }
        started.append(Server(**{**defaults, **settings}).start())
        return started[-1]

    yield start_one
    for server in started:
        server.stop()


@pytest.fixture
def connect(certificates: Certificates) -> Iterator[Callable[..., ssl.SSLSocket]]:
    """Connect with TLS, and close in the end."""
    opened: list[ssl.SSLSocket] = []

    def connect_one(server: Server, certificate: Path | None = None, **limits: ssl.TLSVersion) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(certificates.authority_file))
        for name, value in limits.items():
            setattr(context, name, value)
        if certificate is not None:
            context.load_cert_chain(certificate)
        sock = socket.create_connection(server.address, timeout=30)
        try:
            opened.append(context.wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False))
        except OSError:
            sock.close()
            raise
        return opened[-1]

    yield connect_one
    for sock in opened:
        sock.close()


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes, fewer at the end of the stream."""
    data = bytearray()
    while len(data) < size and (piece := sock.recv(min(size - len(data), 1 << 20))):
        data += piece
    return bytes(data)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_are_spoken(start, connect, version) -> None:
    """TLS 1.2 and 1.3 work, and the URL says that it is TLS."""
    server = start()
    assert server.url == f"rediss://127.0.0.1:{server.port}"
    sock = connect(server, minimum_version=version, maximum_version=version)
    sock.sendall(PING)
    assert receive(sock, len(PONG)) == PONG


def test_large_values_and_long_pipelines(start, connect) -> None:
    """Values of many records, replies of many pieces and thousands of requests at once arrive whole and in order."""
    sock = connect(start(client_output_buffer_limit="normal 0 0 0"))
    value = bytes(range(256)) * 40960
    sock.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%b\r\n" % (len(value), value))
    assert receive(sock, 5) == b"+OK\r\n"
    sock.sendall(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" * 3 + PING)
    expected = b"$%d\r\n%b\r\n" % (len(value), value) * 3 + PONG
    assert receive(sock, len(expected)) == expected
    sock.sendall(b"".join(b"ECHO %d\r\n" % number for number in range(20_000)))
    echoes = b"".join(b"$%d\r\n%d\r\n" % (len(str(number)), number) for number in range(20_000))
    assert receive(sock, len(echoes)) == echoes


def test_messages_reach_a_subscriber(start, connect) -> None:
    """What is pushed outside of a client's own turn is encrypted as well."""
    server = start()
    subscriber, publisher = connect(server), connect(server)
    subscriber.sendall(b"SUBSCRIBE ch\r\n")
    assert receive(subscriber, 31).endswith(b":1\r\n")
    publisher.sendall(b"PUBLISH ch hello\r\n")
    message = b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n"
    assert receive(subscriber, len(message)) == message


def test_a_client_that_does_not_read_is_closed(start, connect) -> None:
    """The output limit holds with TLS."""
    server = start(client_output_buffer_limit="normal 4mb 0 0")
    lazy, other = connect(server), connect(server)
    value = b"x" * (1 << 20)
    other.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%b\r\n" % (len(value), value))
    assert receive(other, 5) == b"+OK\r\n"
    lazy.sendall(b"GET k\r\n" * 40)
    wait_until(lambda: b"connected_clients:1\r\n" in ask_info(other))
    size = 0
    with contextlib.suppress(OSError):
        while data := lazy.recv(1 << 20):
            size += len(data)
    assert size < 40 * len(value)


def ask_info(sock: socket.socket) -> bytes:
    """INFO clients."""
    sock.sendall(b"INFO clients\r\n")
    line = sock.recv(16)
    size, _, rest = line[1:].partition(b"\r\n")
    return rest + receive(sock, int(size) + 2 - len(rest))


def test_quit_closes_properly(start, connect) -> None:
    """The end is told by the protocol, so that nobody takes a cut for it."""
    sock = connect(start())
    sock.sendall(b"QUIT\r\n")
    assert receive(sock, 100) == b"+OK\r\n"


def test_the_end_is_answered(start, connect) -> None:
    """A client that ends TLS but not the connection gets the same from the server, after its replies."""
    sock = connect(start())
    sock.sendall(PING)
    assert receive(sock, len(PONG)) == PONG
    sock.unwrap().close()


def test_plain_text_is_refused(start, connect) -> None:
    """A client without TLS is closed, without its commands being run; others are served."""
    server = start()
    with socket.create_connection(server.address, timeout=30) as plain:
        plain.sendall(PING)
        assert PONG not in receive(plain, 1000)
    sock = connect(server)
    sock.sendall(PING)
    assert receive(sock, len(PONG)) == PONG


def test_a_silent_client_holds_up_nobody(start, connect, monkeypatch) -> None:
    """Who does not shake hands is closed after a time, and others are served meanwhile."""
    monkeypatch.setattr(server_tls, "HANDSHAKE_SECONDS", 0.05)
    server = start()
    with socket.create_connection(server.address, timeout=30) as silent:
        sock = connect(server)
        sock.sendall(PING)
        assert receive(sock, len(PONG)) == PONG
        assert receive(silent, 1) == b""


def test_stop_does_not_wait_for_handshakes(start) -> None:
    """A client in the middle of a handshake is closed."""
    server = start()
    with socket.create_connection(server.address, timeout=30) as silent:
        server.stop()
        with contextlib.suppress(ConnectionError):
            assert receive(silent, 1) == b""


def test_handshakes_count_as_clients(start, connect) -> None:
    """Those that shake hands are limited by maxclients as well."""
    server = start(maxclients=1)
    sock = connect(server)
    with pytest.raises(OSError):  # noqa: PT011 - reset or an end, as the system likes
        connect(server)
    sock.sendall(PING)
    assert receive(sock, len(PONG)) == PONG


def refused(connect, server: Server, certificate: Path | None = None) -> bool:
    """Is the connection refused? With TLS 1.3 the client hears of it when it reads."""
    try:
        sock = connect(server, certificate)
        sock.sendall(PING)
        return receive(sock, len(PONG)) != PONG
    except OSError:
        return True


def test_certificates_of_clients(start, connect, certificates, tmp_path) -> None:
    """`yes` needs one, `optional` checks the one that comes, and one of another authority is refused by both."""
    stranger = Certificates(tmp_path).client_file
    server = start(tls_auth_clients=True)
    assert refused(connect, server)
    assert refused(connect, server, stranger)
    assert not refused(connect, server, certificates.client_file)
    server = start(tls_auth_clients="optional")
    assert not refused(connect, server)
    assert refused(connect, server, stranger)
    assert not refused(connect, server, certificates.client_file)


def common_name(sock: ssl.SSLSocket) -> str:
    """Whom the server's certificate was issued to."""
    subject = sock.getpeercert()["subject"]
    return dict(pair for part in subject for pair in part)["commonName"]


def test_certificates_change_at_run_time(start, connect, certificates) -> None:
    """CONFIG SET serves new connections with a new certificate; one that does not work changes nothing."""
    server = start()
    sock = connect(server)
    sock.sendall(b"CONFIG SET tls-cert-file /no/such/file\r\n")
    error = (
        b"-ERR CONFIG SET failed (possibly related to argument 'tls-cert-file') - "
        b"Unable to update TLS configuration. Check server logs.\r\n"
    )
    assert receive(sock, len(error)) == error
    assert common_name(connect(server)) == "server"
    sock.sendall(b"CONFIG SET tls-cert-file %b\r\n" % bytes(certificates.issue("renewed")))
    assert receive(sock, 5) == b"+OK\r\n"
    assert common_name(connect(server)) == "renewed"


def test_versions_can_be_limited(start, connect) -> None:
    """A client of another version than tls-protocols names is refused."""
    server = start(tls_protocols="TLSv1.3")
    with pytest.raises(OSError):  # noqa: PT011
        connect(server, maximum_version=ssl.TLSVersion.TLSv1_2)
    assert connect(server).version() == "TLSv1.3"


def test_tls_port_beside_port(start, connect) -> None:
    """tls-port adds TLS to every address without a port; with port 0 it is the only one."""
    port = free_port()
    server = start(bind="127.0.0.1", port=0, tls_port=port)
    assert server.addresses == [("127.0.0.1", port)]
    assert not refused(connect, server)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"tls_cert_file": ""}, "no tls-cert-file"),
        ({"tls_cert_file": "/no/such"}, "No such file or directory: /no/such"),
        ({"tls_ca_cert_file": "", "tls_auth_clients": True}, "needs tls-ca-cert-file"),
        ({"tls_protocols": "TLSv9"}, "no version tlsv9"),
        ({"tls_ciphers": "nonsense"}, "cipher"),
    ],
)
def test_settings_that_do_not_work_are_told_at_the_start(start, settings, reason) -> None:
    """The server does not start, and says why."""
    with pytest.raises(OSError, match=reason):
        start(**settings)
