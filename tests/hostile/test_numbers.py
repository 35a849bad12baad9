"""Numbers at the edge of what a C integer holds: none of them ends the server or is taken for another."""

from __future__ import annotations

from ..support.client import Client
from ..support.servers import running_subject
from ..support.wire import Reply

LONGEST = 2**63 - 1
PONG = Reply("+", b"PONG")


def test_longest_length_is_waited_for() -> None:
    """With the highest limit, a length of 63 bits is believed and not reserved; other clients go on.

    (No parity: a length of 63 bits ends the reference.)
    """
    with running_subject() as address:
        client, other = Client(address), Client(address)
        assert client.do("CONFIG", "SET", "proto-max-bulk-len", LONGEST) == Reply("+", b"OK")
        for length in (LONGEST, LONGEST - 1, LONGEST - 2):
            client = Client(address)
            client.send_bytes(b"*1\r\n$%d\r\nabc" % length)
            assert other.do("PING") == PONG
            client.send_bytes(b"\r\n" + b"x" * 100_000)
            assert other.do("PING") == PONG
            client.close()
        client = Client(address)
        client.send_bytes(b"*1\r\n$%d\r\n" % (LONGEST + 1))
        assert client.receive() == Reply("-", b"ERR Protocol error: invalid bulk length")
        client.close()
        other.close()
