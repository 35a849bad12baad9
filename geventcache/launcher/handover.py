"""``geventcache handover``: the data of one server go over to another one, while clients write.

The new server follows the old one, if it did not do so before; when it has all, writes are held back for some
milliseconds, it leads, and the old one follows it. Each step is told with its time. Whatever goes wrong before the new
one leads, both are as they were.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Sequence

from geventcache.launcher.remote import Place, Remote, RemoteError

POLL_S = 0.2
QUICK_POLL_S = 0.0005
FIELD_DEADLINES = ("keys_with_volatile_items", "subexpiry")  # of INFO keyspace: Valkey and geventcache, Redis
LEAST_PAUSE_MS = 100
PAUSE_SHARE = 0.5  # of the pause, in which the new server must have all


class Handover:
    """One hand-over.

    Args:
        old, new: the servers.
        replaces: keys that the new server has may go.
        patience_s: how long the copy may take.
        pause_ms: how long writes are held back at most.
        say: tells a step.

    Attributes:
        repairs: requests that take back what was done, and to whom; the last one goes first.
    """

    def __init__(
        self, old: Remote, new: Remote, replaces: bool, patience_s: float, pause_ms: int, say: Callable[[str], None]
    ) -> None:
        self.old = old
        self.new = new
        self.replaces = replaces
        self.patience_s = patience_s
        self.pause_ms = pause_ms
        self.say = say
        self.repairs: list[tuple[Remote, tuple[str, ...]]] = []

    def run(self) -> None:
        """Do it.

        Raises:
            RemoteError: it went wrong; both servers are as they were, unless the text says something else.
        """
        try:
            self.check()
            self.copy()
            self.change_places()
        except (RemoteError, KeyboardInterrupt):
            self.repair()
            raise

    def repair(self) -> None:
        """Let both servers be as they were."""
        if self.repairs:
            self.say("something went wrong: both servers become what they were")
        for server, request in reversed(self.repairs):
            with contextlib.suppress(RemoteError):
                server.ask(*request)
        self.repairs.clear()

    # ------------------------------------------------------------------ steps

    def check(self) -> None:
        """May this work?"""
        old, new = self.old, self.new
        self.say(f"from {old.shown} to {new.shown}")
        for server in (old, new):
            if server.facts("replication").get("role") != "master" and not (server is new and self.is_followed()):
                raise RemoteError(f"{server.place}: it follows another server: hand over from, and to, one that leads")
            if server.facts("cluster").get("cluster_enabled", "0") != "0":
                raise RemoteError(f"{server.place}: it is one of a cluster: use valkey-cli --cluster import")
        if not new.can_follow(old):
            raise RemoteError(f"{new.shown} cannot read the files of {old.shown}")
        used = [int(name[2:]) for name in old.facts("keyspace") if name.startswith("db")]
        if used and max(used) >= int(new.setting("databases") or 16):
            raise RemoteError(f"{new.place}: it has no database {max(used)}: set databases to {max(used) + 1} or more")
        if new.facts("keyspace") and not self.replaces and not self.is_followed():
            raise RemoteError(f"{new.place}: it has keys, which would be lost; --replace lets them")
        self.check_memory()
        if not new.knows_field_deadlines() and has_field_deadlines(old):
            self.say(f"warning: {new.shown} knows no deadlines of fields: it keeps fields with deadlines for ever")
        self.say("users, settings and cached scripts do not go along")

    def is_followed(self) -> bool:
        """Does the new server follow the old one already, as it does when places were changed before?"""
        old, new = self.old.facts("replication"), self.new.facts("replication")
        is_replica = (old.get("role"), new.get("role")) == ("master", "slave")
        return is_replica and old.get("master_replid") == new.get("master_replid")

    def check_memory(self) -> None:
        """Tell if the data may be too many."""
        limit, used = int(self.new.setting("maxmemory") or 0), int(self.old.facts("memory").get("used_memory", 0))
        if 0 < limit < used:
            self.say(f"warning: {self.new.place} has a maxmemory of {limit} bytes, {self.old.place} uses {used}")

    def copy(self) -> None:
        """The new server follows the old one."""
        old, new = self.old, self.new
        if self.is_followed():
            facts = new.facts("replication")
            self.repairs.append((new, ("REPLICAOF", facts["master_host"], facts["master_port"])))
            self.say(f"{new.place} follows {old.place} already")
        else:
            self.begin_copy()
        end_s = time.monotonic() + self.patience_s
        while not self.has_caught_up():
            if time.monotonic() > end_s:
                raise RemoteError(f"{new.place}: it has not got all in {self.patience_s:g} seconds; see its log")
            time.sleep(POLL_S)
        self.say(f"{new.place} has {sum_of_keys(new)} keys, and follows closely")

    def begin_copy(self) -> None:
        """Let the new server follow the old one."""
        old, new = self.old, self.new
        self.introduce(new, old)
        if not new.facts("keyspace"):
            self.repairs.append((new, ("FLUSHALL",)))
        self.repairs.append((new, ("REPLICAOF", "NO", "ONE")))
        new.ask("REPLICAOF", old.place.host, old.place.port)
        self.say(f"{new.place} follows {old.place}")

    def introduce(self, replica: Remote, primary: Remote) -> None:
        """Let a replica know the password of its primary."""
        if not primary.place.password:
            return
        for name, value in (("masteruser", primary.place.user), ("masterauth", primary.place.password)):
            self.repairs.append((replica, ("CONFIG", "SET", name, replica.setting(name))))
            replica.ask("CONFIG", "SET", name, value)

    def has_caught_up(self) -> bool:
        """Does the new server follow closely? It gets all that the old one has by now, in the time of the pause."""
        is_linked = self.new.facts("replication").get("master_link_status") == "up"
        return is_linked and self.arrives(position_of(self.old.facts("replication")))

    def arrives(self, position: int) -> bool:
        """Wait for the new server to reach a position of the stream; False if the pause is too short for it."""
        end_s = time.monotonic() + PAUSE_SHARE * self.pause_ms / 1000
        while position_of(self.new.facts("replication")) < position:
            if time.monotonic() > end_s:
                return False
            time.sleep(QUICK_POLL_S)
        return True

    def change_places(self) -> None:
        """Hold writes back, let the new server lead and the old one follow."""
        old, new = self.old, self.new
        can_return = old.can_follow(new)
        if can_return:
            self.introduce(old, new)
        self.repairs.append((old, ("CLIENT", "UNPAUSE")))
        started_s = time.monotonic()
        old.ask("CLIENT", "PAUSE", self.pause_ms, "WRITE")
        if not self.arrives(position_of(old.facts("replication"))):
            raise RemoteError(f"{new.place}: it has not got all while writes were held back")
        new.ask("REPLICAOF", "NO", "ONE")
        self.repairs.clear()
        if can_return:
            self.let_follow(started_s)
        else:
            self.say(f"{new.place} leads; stop {old.place}, which cannot follow it: writes there are held back for now")
        self.say(f"done: send the clients to {new.place}")

    def let_follow(self, started_s: float) -> None:
        """The old server follows the new one: writes there are refused, and get lost nowhere."""
        old, new = self.old, self.new
        try:
            old.ask("REPLICAOF", new.place.host, new.place.port)
            old.ask("CLIENT", "UNPAUSE")
        except RemoteError as error:
            raise RemoteError(f"{new.place} leads, but {old.place} does not follow it: stop it ({error})") from None
        paused_ms = (time.monotonic() - started_s) * 1000
        if paused_ms > self.pause_ms:
            self.say(f"warning: the pause was too short: what {old.place} has answered since it was over is lost")
        self.say(f"{new.place} leads, {old.place} follows it; writes stood still for {paused_ms:.1f} ms")


def position_of(facts: dict[str, str]) -> int:
    """How much of a history's stream a server has."""
    return int(facts.get("slave_repl_offset") or facts.get("master_repl_offset") or 0)


def sum_of_keys(server: Remote) -> int:
    """How many keys a server has."""
    return sum(int(text.split(",")[0].removeprefix("keys=")) for text in server.facts("keyspace").values())


def has_field_deadlines(server: Remote) -> bool:
    """Have fields of hashes deadlines there?"""
    databases = [text.split(",") for name, text in server.facts("keyspace").items() if name.startswith("db")]
    counts = [part.split("=") for database in databases for part in database]
    return any(name in FIELD_DEADLINES and count != "0" for name, count in counts)


def pause(text: str) -> int:
    """For how long writes may be held back: long enough for what is done meanwhile.

    Raises:
        ValueError: it is no number.
    """
    if (found := int(text)) < LEAST_PAUSE_MS:
        raise argparse.ArgumentTypeError(f"less than {LEAST_PAUSE_MS} milliseconds are too short")
    return found


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="geventcache handover",
        description="Hand the data of one server over to another one, while clients write. An ADDRESS is HOST:PORT, "
        "or redis://USER:PASSWORD@HOST:PORT; each server must reach the other one by it.",
    )
    direction = parser.add_mutually_exclusive_group(required=True)
    direction.add_argument("--to", metavar="ADDRESS", help="The server that gets the data of this one.")
    direction.add_argument("--from", metavar="ADDRESS", dest="origin", help="The server whose data this one gets.")
    parser.add_argument(
        "--here", metavar="ADDRESS", default="127.0.0.1:6379", help="This server. Default: 127.0.0.1:6379."
    )
    parser.add_argument("--replace", action="store_true", help="Keys of the server that gets the data may be lost.")
    parser.add_argument(
        "--timeout", type=float, default=3600, metavar="SECONDS", help="For the copy. Default: 3600 seconds."
    )
    parser.add_argument(
        "--pause", type=pause, default=5000, metavar="MS", help="For writes, at most. Default: 5000 milliseconds."
    )
    return parser


def main(arguments: Sequence[str], report: Callable[[str], None]) -> int:
    """Run the command and return its exit status."""
    options = build_parser().parse_args(arguments)
    started_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started_s:9.3f} s  {text}", flush=True)

    try:
        here, there = Place(options.here), Place(options.to or options.origin)
        old, new = (here, there) if options.to else (there, here)
        with contextlib.closing(Remote(old)) as one, contextlib.closing(Remote(new)) as other:
            Handover(one, other, options.replace, options.timeout, options.pause, say).run()
    except (ValueError, RemoteError) as error:
        report(f"geventcache: error: {error}")
        return 1
    return 0
