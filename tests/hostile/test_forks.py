"""A process that is forked while a server runs in it is a stranger to that server.

Each program runs in an interpreter of its own, because what is patched and what is forked there must not concern the
tests. The programs assert; a child that fails ends with a status that is not 0.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..support.subject import environment

PATIENCE_S = 60
PATCHED = "from gevent import monkey; monkey.patch_all()\n"
BEGIN = """
import contextlib, os, socket, sys, threading, time
from gevent.monkey import get_original
from geventcache import Cache, Server

close = get_original("os", "close")  # that of gevent closes later

def connect(server):
    path = server.address if isinstance(server.address, str) else None
    sock = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    sock.settimeout(20)
    sock.connect(path or server.address)
    return sock

def ask(sock, line):
    sock.sendall(line.encode() + b"\\r\\n")
    return sock.recv(1000)

def refuses(function):
    try:
        function()
    except RuntimeError as error:
        assert "belongs to the process" in str(error), error
        return True
    return False

def ends_well(pid):
    # Polled, so that the hub of a patched parent goes on serving.
    until = time.monotonic() + 40
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    os.kill(pid, 9)
    return False
"""
WAYS = {
    "thread": BEGIN,
    "patched": PATCHED + BEGIN,
}
# How a child that is a function comes to be.
FORKS = {
    "os.fork": """
def fork(child):
    pid = os.fork()
    if not pid:
        status = 1
        try:
            child()
            status = 0
        except BaseException:
            import traceback; traceback.print_exc()
        finally:
            os._exit(status)
    return lambda: ends_well(pid)
""",
    "multiprocessing": """
import multiprocessing
def fork(child):
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    def ended():
        until = time.monotonic() + 40
        while process.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        return process.exitcode == 0
    return ended
""",
}
GEVENT_FORK = """
import gevent.os
def fork(child):
    pid = gevent.os.fork_and_watch()
    if not pid:
        status = 1
        try:
            child()
            status = 0
        except BaseException:
            import traceback; traceback.print_exc()
        finally:
            os._exit(status)
    return lambda: os.waitstatus_to_exitcode(gevent.os.waitpid(pid, 0)[1]) == 0
"""


def run(program: str, folder: Path) -> None:
    """Run a program, which has to end well and to say nothing."""
    file = folder / "program.py"
    file.write_text(program)
    done = subprocess.run(
        [sys.executable, str(file)], env=environment(), cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


COUNTING = """
server = Server().start()
mine = connect(server)
assert ask(mine, "SET kept 1") == b"+OK\\r\\n"

def count():
    sock = connect(server)
    for _ in range(50):
        assert ask(sock, "INCR n").startswith(b":")
        time.sleep(0)
    time.sleep(0.05)

children = [fork(count) for _ in range(4)]
assert all([ended() for ended in children])
assert ask(mine, "GET n") == b"$3\\r\\n200\\r\\n"
assert ask(mine, "GET kept") == b"$1\\r\\n1\\r\\n"
server.stop()
"""

STRANGER = """
server = Server(bind=[f"unix:{os.path.abspath('socket')}", "127.0.0.1:0"]).start()
mine = connect(server)
assert ask(mine, "SET k v") == b"+OK\\r\\n"
ready, end = os.pipe(), os.pipe()

def stranger():
    assert refuses(server.start)
    assert refuses(server.reset)
    server.stop()
    assert refuses(server.start)
    with contextlib.suppress(RuntimeError), server:
        pass
    server.__exit__(None, None, None)
    assert server.url.startswith("unix://")
    assert os.path.exists("socket")
    with Server() as own:
        sock = connect(own)
        assert ask(sock, "DBSIZE") == b":0\\r\\n"
        sock.close()
    time.sleep(0.01)
    mine.detach()
    os.write(ready[1], b"x")
    close(end[1])
    os.read(end[0], 1)  # until the parent has stopped its server

ended = fork(stranger)
os.read(ready[0], 1)
assert ask(mine, "GET k") == b"$1\\r\\nv\\r\\n"
port = server.port
server.stop()
assert mine.recv(1) == b""  # the child has no copy of the connection, or this would not end
assert not os.path.exists("socket")
with Server(port=port):  # nor one of the listening socket
    pass
close(end[1])
assert ended()
"""

AT_EXIT = """
server = Server(bind=[f"unix:{os.path.abspath('socket')}"]).start()
mine = connect(server)
assert ask(mine, "PING") == b"+PONG\\r\\n"
pid = os.fork()
if not pid:
    with server if False else contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        sys.exit(0)
assert ends_well(pid)
assert os.path.exists("socket")
assert ask(mine, "PING") == b"+PONG\\r\\n"
server.stop()
"""

CACHE = """
expired = []
cache = Cache(on_expired=expired.extend)
cache.set("k", "v")
cache.set("short", "life", ttl=0.05)

def stranger():
    expired.clear()
    assert refuses(lambda: cache.get("k"))
    assert refuses(lambda: cache.execute("PING"))
    cache.close()
    cache.close()
    with contextlib.suppress(RuntimeError), cache:
        pass
    with Cache() as own:
        own.set("k", "own")
        assert own.get("k") == b"own"
        own.set("short", "life", ttl=0.05)  # due after that of the parent's cache
        while own.get("short"):
            time.sleep(0.001)
    assert not expired

assert fork(stranger)()
assert cache.get("k") == b"v"
cache.close()
"""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", FORKS)
@pytest.mark.parametrize("program", [COUNTING, STRANGER, CACHE], ids=["counting", "stranger", "cache"])
def test_a_forked_child_is_a_stranger(way: str, how: str, program: str, tmp_path: Path) -> None:
    """It serves nobody, holds nothing open, removes nothing; objects say whose they are, or do nothing."""
    run(WAYS[way] + FORKS[how] + program, tmp_path)


@pytest.mark.parametrize("program", [COUNTING, STRANGER, CACHE], ids=["counting", "stranger", "cache"])
def test_a_child_that_gevent_forks_is_a_stranger(program: str, tmp_path: Path) -> None:
    """The same of `gevent.os.fork_and_watch`."""
    run(PATCHED + BEGIN + GEVENT_FORK + program, tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_the_end_of_a_child_is_not_the_servers(way: str, tmp_path: Path) -> None:
    """A child that ends as programs end, through `stop` and the interpreter's own end, takes nothing along."""
    run(WAYS[way] + AT_EXIT, tmp_path)


SPAWNED = """
import multiprocessing

def count(address):
    sock = socket.create_connection(address)
    for _ in range(50):
        assert ask(sock, "INCR n").startswith(b":")

if __name__ == "__main__":
    with Server() as server:
        context = multiprocessing.get_context({method!r})
        processes = [context.Process(target=count, args=(server.address,)) for _ in range(2)]
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            time.sleep(0.01)
        assert [process.exitcode for process in processes] == [0, 0]
        assert ask(connect(server), "GET n") == b"$3\\r\\n100\\r\\n"
"""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_begin_anew_share_the_server(way: str, method: str, tmp_path: Path) -> None:
    """Other ways of multiprocessing inherit nothing, and clients in them are clients as any."""
    run(WAYS[way] + BEGIN + SPAWNED.format(method=method), tmp_path)


def test_a_hub_without_patches(tmp_path: Path) -> None:
    """A server on the hub of a program that gevent has not patched, and that forks without telling gevent."""
    program = """
import gevent, gevent.socket
server = Server(thread=False).start()
sock = gevent.socket.create_connection(server.address)
sock.sendall(b"SET k v\\r\\n")
assert sock.recv(100) == b"+OK\\r\\n"
pid = os.fork()
if not pid:
    assert ask(connect(server), "INCR n") == b":1\\r\\n"
    assert refuses(server.reset)
    server.stop()
    gevent.sleep(0.05)
    os._exit(0)
while not (done := os.waitpid(pid, os.WNOHANG))[0]:
    gevent.sleep(0.01)
assert done[1] == 0
sock.sendall(b"GET n\\r\\n")
assert sock.recv(100) == b"$1\\r\\n1\\r\\n"
server.stop()
"""
    run(BEGIN + program, tmp_path)


def test_tls_of_the_parent_goes_on(tmp_path: Path) -> None:
    """A child says no farewell on connections with TLS."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path("%s" % (tmp_path / "server.pem"))
    program = """
import ssl
server = Server(bind=["tls:127.0.0.1:0"], tls_cert_file="server.pem", tls_auth_clients="no").start()
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
mine = context.wrap_socket(socket.create_connection(server.address))
assert ask(mine, "PING") == b"+PONG\\r\\n"
pid = os.fork()
if not pid:
    server.stop()
    time.sleep(0.05)
    sys.exit(0)
assert ends_well(pid)
assert ask(mine, "PING") == b"+PONG\\r\\n"
mine.close()
server.stop()
"""
    for way in WAYS.values():
        run(way + program, tmp_path)


def test_a_fixture_in_a_forked_test(tmp_path: Path) -> None:
    """A child that runs into the end of the test session leaves the parent's fixture alone."""
    (tmp_path / "test_it.py").write_text("""
import os, socket

def test_fork(geventcache):
    pid = os.fork()
    if not pid:
        geventcache.stop()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    with socket.create_connection(geventcache.address) as sock:
        sock.sendall(b"PING\\r\\n")
        assert sock.recv(100) == b"+PONG\\r\\n"

def test_after(geventcache):
    with socket.create_connection(geventcache.address) as sock:
        sock.sendall(b"DBSIZE\\r\\n")
        assert sock.recv(100) == b":0\\r\\n"
""")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "geventcache.pytest_plugin",
            "test_it.py",
        ],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout
