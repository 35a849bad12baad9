"""HTTPS by the server's own certificates."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from pathlib import Path

import pytest

from ..support.ports import free_port
from ..support.servers import running_subject

trustme = pytest.importorskip("trustme")


def test_https(tmp_path: Path) -> None:
    """The certificate is the server's; who speaks no TLS there is closed, and others are served."""
    authority = trustme.CA()
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    port = free_port()
    options = ("--tls-cert-file", str(tmp_path / "server.pem"), "--tls-auth-clients", "no")
    with running_subject("--http", f"tls:127.0.0.1:{port}", *options):
        with socket.create_connection(("127.0.0.1", port), 60) as plain:
            plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert not plain.recv(4096).startswith(b"HTTP")
        connection = http.client.HTTPSConnection("localhost", port, timeout=60, context=context)
        for _ in range(2):
            connection.request("GET", "/metrics")
            assert "redis_up 1" in connection.getresponse().read().decode()
        connection.close()
