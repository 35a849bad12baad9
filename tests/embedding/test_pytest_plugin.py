"""The pytest plugin, in test runs of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

import geventcache

pytest_plugins = ["pytester"]

HELPERS = """
    import socket

    def ask(server, *lines):
        with socket.create_connection(server.address) as sock:
            sock.sendall("".join(line + "\\r\\n" for line in (*lines, "QUIT")).encode())
            return sock.makefile("rb").read().splitlines()[:-1]
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run tests in a process of their own, with the plugin; returns the result."""
    monkeypatch.setenv("PYTHONPATH", str(Path(geventcache.__file__).parents[1]))

    def run_tests(source: str, conftest: str = "") -> pytest.RunResult:
        pytester.makeconftest(conftest)
        pytester.makepyfile(helpers=HELPERS, test_it=source)
        return pytester.runpytest_subprocess("-p", "geventcache.pytest_plugin", "-p", "no:cacheprovider")

    return run_tests


def test_each_test_has_a_clean_server(run) -> None:
    """Keys, settings, users and scripts of one test are gone in the next; the address stays."""
    source = """
    import pytest
    from helpers import ask

    seen = []

    @pytest.mark.parametrize("turn", range(3))
    def test_clean(geventcache, turn):
        seen.append(geventcache.address)
        assert len(set(seen)) == 1
        assert ask(geventcache, "DBSIZE", "ACL USERS", "SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db") == [
            b":0", b"*1", b"$7", b"default", b"*1", b":0"
        ]
        assert ask(geventcache, "CONFIG GET maxclients")[-1] == b"10000"
        assert ask(geventcache, "SET k v", "ACL SETUSER ann on", "CONFIG SET maxclients 9", 'SCRIPT LOAD "return 0"')
    """
    run(source).assert_outcomes(passed=3)


def test_each_test_has_its_own_time_and_luck(run) -> None:
    """The clock and the faults of one test are not those of the next; local clients may set them, too."""
    source = """
    import time

    import pytest
    from helpers import ask

    @pytest.mark.parametrize("turn", range(2))
    def test_steered(geventcache, turn):
        assert abs(geventcache.clock.time() - time.time()) < 60
        assert ask(geventcache, "PING") == [b"+PONG"]
        geventcache.advance(days=2)
        geventcache.clock.freeze()
        assert ask(geventcache, "GEVENTCACHE FAULT ADD ERROR no COMMAND PING", "PING") == [b":1", b"-no"]
    """
    run(source).assert_outcomes(passed=2)


def test_session_server_keeps_its_data(run) -> None:
    """The session's server is another one, and is not emptied."""
    source = """
    from helpers import ask

    def test_one(geventcache_session, geventcache):
        assert geventcache_session.address != geventcache.address
        assert ask(geventcache_session, "INCR n") == [b":1"]

    def test_two(geventcache_session, geventcache):
        assert ask(geventcache_session, "INCR n") == [b":2"]
        assert ask(geventcache, "EXISTS n") == [b":0"]
    """
    run(source).assert_outcomes(passed=2)


def test_settings_are_a_fixture(run) -> None:
    """A conftest.py gives the server its settings."""
    conftest = """
    import pytest

    @pytest.fixture(scope="session")
    def geventcache_settings():
        return {"maxclients": 7}
    """
    source = """
    from helpers import ask

    def test_setting(geventcache):
        assert ask(geventcache, "CONFIG GET maxclients")[-1] == b"7"
    """
    run(source, conftest).assert_outcomes(passed=1)


def test_nothing_is_imported_without_the_fixture(run) -> None:
    """A run that does not use the fixtures does not import the server, nor gevent."""
    source = """
    import sys

    def test_modules():
        assert "gevent" not in sys.modules
        assert "geventcache.server" not in sys.modules
    """
    run(source).assert_outcomes(passed=1)


def test_nothing_is_left_after_an_interruption(run) -> None:
    """Ctrl-C in a test ends the server's thread."""
    conftest = """
    import threading

    def pytest_unconfigure():
        print("threads:", threading.active_count())
    """
    source = """
    def test_interrupted(geventcache):
        raise KeyboardInterrupt
    """
    result = run(source, conftest)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*threads: 1*"])


def test_gevent_programs_share_their_hub(run) -> None:
    """Where the tests are patched by gevent, the server runs on their hub."""
    source = """
    from gevent import monkey
    monkey.patch_all()
    from helpers import ask

    def test_patched(geventcache):
        assert ask(geventcache, "PING") == [b"+PONG"]
    """
    run(source).assert_outcomes(passed=1)
