"""A pipeline whose requests are looked at ahead is answered as if each came alone."""

from __future__ import annotations

import random

import pytest

from ..support.inprocess import InProcessServer

REQUESTS = (
    "SET {k} {v}",
    "SET {k} {v} PX 50",
    "GET {k}",
    "APPEND {k} {v}",
    "DEL {k}",
    "RPUSH {k} {v}",
    "LPOP {k}",
    "SADD {k} {v}",
    "SREM {k} {v}",
    "HSET {k} {v} {v}",
    "HEXPIRE {k} 1 FIELDS 1 {v}",
    "ZADD {k} 1 {v}",
    "RENAME {k} {o}",
    "COPY {k} {o} REPLACE",
    "RPOPLPUSH {k} {o}",
    "PEXPIRE {k} 20",
    "PERSIST {k}",
    "TYPE {k}",
    "OBJECT ENCODING {k}",
    "EVAL return{{redis.call('type',KEYS[1]),redis.call('del',KEYS[1],KEYS[2])}} 2 {k} {o}",
    "FLUSHDB",
)


def test_draws_that_were_looked_at_ahead_are_each_of_another_member() -> None:
    """A set is drawn from until it is empty, by pipelines that also draw from what is no set."""
    server = InProcessServer()
    session = server.session()
    members = {b"%d" % number for number in range(3000)}
    session.do("SADD", "s", *members)
    session.do("SET", "t", "x")
    popped = []
    for _ in range(300):
        commands = [[b"SPOP", key] for key in (b"t", *[b"s"] * 11, b"none")]
        server.engine.begin_turn()
        server.engine.look_ahead(session.client, commands, 0)
        for command in commands:
            server.engine.execute(session.client, command)
            reply = server.engine.out.take()
            if command[1] == b"s" and reply != b"$-1\r\n":
                popped.append(reply.split(b"\r\n")[1])
    assert len(popped) == len(members)
    assert set(popped) == members


@pytest.mark.parametrize("seed", range(20))
def test_looking_ahead_changes_no_reply(seed: int) -> None:
    """Runs of requests for one key, which goes and comes, grows and shrinks and expires meanwhile."""
    choice = random.Random(seed)
    servers = InProcessServer(), InProcessServer()
    plain, looking = (server.session() for server in servers)
    for _ in range(150):
        key, other = choice.sample(["a", "b", "c"], 2)
        pipeline = [
            choice.choice(REQUESTS).format(k=key if choice.random() < 0.9 else other, o=other, v=choice.randrange(9))
            for _ in range(choice.randrange(1, 16))
        ]
        commands = [request.encode().split(b" ") for request in pipeline]
        servers[1].engine.begin_turn()
        servers[1].engine.look_ahead(looking.client, commands, 0)
        replies = []
        for command in commands:
            servers[1].engine.execute(looking.client, command)
            replies.append(servers[1].engine.out.take())
        assert replies == [plain.do(*request.split(" ")) for request in pipeline], pipeline
        pause_ms = choice.choice([0, 0, 10, 30])
        for server in servers:
            server.clock.advance(pause_ms)
    assert plain.do("DEBUG", "DIGEST") == looking.do("DEBUG", "DIGEST")
