"""TLS of a connection, between its socket and its requests.

The rules:

- OpenSSL works on memory, not on the socket: what was received goes in, what is to be sent comes out. So the connection
  waits for its socket as without TLS, and never for the library's wish to read in order to write.
- All that was received is decrypted at once: the socket's watcher cannot tell of what waits inside of OpenSSL. A
  receipt is that much smaller than the buffer that one record more may be complete by it.
- The library encrypts a piece of what is sent at a time, and the next one when the socket has taken that: a client that
  does not read costs its unread replies once.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from typing import Any

import gevent
from gevent import ssl as gevent_ssl

from geventcache.services.settings.config import Config
from geventcache.services.settings.kinds import InvalidSettingError

HANDSHAKE_SECONDS = 10.0
RECORD_SIZE = 17 * 1024  # the longest record, its header and padding included
PIECE_SIZE = 256 * 1024

VERIFY_MODES = {b"no": ssl.CERT_NONE, b"optional": ssl.CERT_OPTIONAL, b"yes": ssl.CERT_REQUIRED}
VERSIONS = {
    b"tlsv1": ssl.TLSVersion.TLSv1,
    b"tlsv1.1": ssl.TLSVersion.TLSv1_1,
    b"tlsv1.2": ssl.TLSVersion.TLSv1_2,
    b"tlsv1.3": ssl.TLSVersion.TLSv1_3,
}
REFUSED = "Unable to update TLS configuration. Check server logs."


class TlsError(OSError):
    """The settings of TLS do not work; the message says why."""


class Tls:
    """The certificates and rules that new connections get.

    Attributes:
        context: made of the settings; made anew when one of them changes.
        kind: its class.
    """

    def __init__(self, config: Config, log: Any, kind: type[ssl.SSLContext] = ssl.SSLContext) -> None:
        self.config = config
        self.log = log
        self.kind = kind
        self.context = build_context(config, kind)
        for name in config.names("tls-"):
            config.on_change(name, lambda _: self.reload())

    def reload(self) -> None:
        """A setting has changed.

        Raises:
            InvalidSettingError: it does not work; the context before stays in use.
        """
        try:
            self.context = build_context(self.config, self.kind)
        except TlsError as error:
            self.log.warning("tls_not_changed", reason=str(error))
            raise InvalidSettingError(REFUSED) from None


def build_context(config: Config, kind: type[ssl.SSLContext] = ssl.SSLContext) -> ssl.SSLContext:
    """The context that the settings ask for.

    Raises:
        TlsError: a file cannot be read, or a value means nothing to OpenSSL.
    """
    context = kind(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if not config["tls-cert-file"]:
        raise TlsError("no tls-cert-file is set")
    try:
        load_files(context, config)
        if config["tls-ciphers"]:
            context.set_ciphers(config["tls-ciphers"].decode("latin-1"))
    except OSError as error:
        raise TlsError(f"TLS: {error.strerror or error}{named_file(error)}") from None
    set_versions(context, config["tls-protocols"])
    if config["tls-prefer-server-ciphers"]:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if not config["tls-session-caching"]:
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context


def client_context(config: Config) -> Any:
    """The context of connections to other servers, for sockets that wait as greenlets do.

    Their certificates are verified, and they get ours.

    Raises:
        TlsError: the settings of TLS do not work.
    """
    context: Any = gevent_ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # servers are named by their addresses, which certificates seldom tell
    try:
        if config["tls-cert-file"]:
            load_certificate(context, config)
        context.load_verify_locations(file_of(config, "tls-ca-cert-file"), path_of(config, "tls-ca-cert-dir"))
    except (OSError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TlsError(f"tls-replication needs tls-ca-cert-file or tls-ca-cert-dir: {reason}") from None
    set_versions(context, config["tls-protocols"])
    return context


def load_files(context: ssl.SSLContext, config: Config) -> None:
    """Read certificates and keys.

    Raises:
        OSError: one of them cannot be read or used.
    """
    load_certificate(context, config)
    parameters = file_of(config, "tls-dh-params-file")
    if parameters:
        context.load_dh_params(parameters)
    context.verify_mode = VERIFY_MODES[config["tls-auth-clients"]]
    file, folder = file_of(config, "tls-ca-cert-file"), path_of(config, "tls-ca-cert-dir")
    if file or folder:
        context.load_verify_locations(file, folder)
    elif context.verify_mode != ssl.CERT_NONE:
        raise TlsError("tls-auth-clients needs tls-ca-cert-file or tls-ca-cert-dir")


def load_certificate(context: ssl.SSLContext, config: Config) -> None:
    """Read the certificate that others are shown, and its key.

    Raises:
        OSError: one of them cannot be read or used.
    """
    # A password is always given: without one OpenSSL would ask for it on the terminal.
    context.load_cert_chain(
        file_of(config, "tls-cert-file") or "", file_of(config, "tls-key-file"), password=config["tls-key-file-pass"]
    )


def path_of(config: Config, name: str) -> str | None:
    """The path in a setting, None if it is empty."""
    return os.fsdecode(config[name]) or None


def file_of(config: Config, name: str) -> str | None:
    """The path of a file in a setting, None if it is empty.

    Raises:
        OSError: it cannot be read; unlike OpenSSL's error this one has the path.
    """
    path = path_of(config, name)
    if path is not None:
        with open(path, "rb"):
            pass
    return path


def named_file(error: OSError) -> str:
    """The file that an error tells of, after a colon."""
    return f": {os.fsdecode(error.filename)}" if error.filename else ""


def set_versions(context: ssl.SSLContext, words: bytes) -> None:
    """Allow the versions of the protocol from the lowest to the highest of those named.

    Raises:
        TlsError: there is no version of such a name.
    """
    try:
        versions = [VERSIONS[word.lower()] for word in words.split()]
    except KeyError as error:
        raise TlsError(f"tls-protocols: there is no version {error.args[0].decode('latin-1')}") from None
    if versions:
        context.minimum_version = min(versions)
        context.maximum_version = max(versions)


class TlsStream:
    """One connection's TLS.

    Attributes:
        sock: its gevent socket.
        is_over: the other side has said that nothing follows, or something that is no TLS.
        unsent: encrypted bytes that the socket has not taken; held: how many bytes of the sender's they are.
    """

    def __init__(self, sock: Any, context: ssl.SSLContext) -> None:
        self.sock = sock
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.object: Any = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.is_over = False
        self.unsent = memoryview(b"")
        self.held = 0

    def shake_hands(self) -> None:
        """Agree with the client, in a greenlet that waits for it.

        Raises:
            OSError: it does not speak TLS, is not accepted, has gone, or takes longer than `HANDSHAKE_SECONDS`.
        """
        with gevent.Timeout(HANDSHAKE_SECONDS, TimeoutError("handshake timed out")):
            while not self.is_agreed():
                data = self.sock.recv(RECORD_SIZE)
                if not data:
                    raise ConnectionResetError("closed in the handshake")
                self.incoming.write(data)

    def is_agreed(self) -> bool:
        """Take the handshake as far as what was received allows; what it has to say, an alert too, is sent."""
        try:
            self.object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self.sock.sendall(self.outgoing.read())
        return True

    def receive(self, buffer: bytearray) -> int:
        """Decrypt what the socket has to give into `buffer`; return how many bytes, -1 at the end of the stream."""
        if self.is_over or not self.take_in(len(buffer) - RECORD_SIZE):
            return -1
        size = 0
        room = memoryview(buffer)
        try:
            while not self.is_over and (self.incoming.pending or self.object.pending()):
                count = self.object.read(len(room) - size, room[size:])
                size += count
                self.is_over = not count
        except ssl.SSLWantReadError:
            pass
        except OSError:
            self.is_over = True
        if self.outgoing.pending:
            with contextlib.suppress(OSError):
                self.flush()  # an answer of the protocol itself
        return -1 if self.is_over and not size else size

    def take_in(self, size: int) -> bool:
        """Receive once; False at the end of the stream."""
        try:
            data = self.sock._sock.recv(size)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        self.incoming.write(data)
        return bool(data)

    def send(self, data: bytes, start: int) -> int:
        """Send data[start:] as far as the socket takes it; return how much that was. A retry begins at the same byte.

        Raises:
            OSError: the connection is broken.
        """
        view = memoryview(data)[start:]
        sent = 0
        while sent < len(view):
            if not self.held:
                self.held = self.object.write(view[sent : sent + PIECE_SIZE])
            if not self.flush():
                break
            sent += self.held
            self.held = 0
        return sent

    def flush(self) -> bool:
        """Send what is encrypted; return whether the socket has taken it all.

        Raises:
            OSError: the connection is broken.
        """
        while self.unsent or self.outgoing.pending:
            if not self.unsent:
                self.unsent = memoryview(self.outgoing.read())
            try:
                self.unsent = self.unsent[self.sock._sock.send(self.unsent) :]
            except (BlockingIOError, InterruptedError):
                return False
        return True

    def close(self) -> None:
        """Tell the other side that nothing follows, if that can be done at once."""
        with contextlib.suppress(OSError):
            with contextlib.suppress(ssl.SSLWantReadError):  # the other side's word is not waited for
                self.object.unwrap()
            self.flush()
