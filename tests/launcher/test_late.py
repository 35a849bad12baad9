"""A server that has become another user, who may not be able to read this Python, needs none of its files any more."""

from __future__ import annotations

import http.client
import os
import urllib.parse
from pathlib import Path

import pytest

from geventcache.web.pages import FILES

from ..support.ports import free_port
from ..support.process import GRACE_S, eventually
from .served import CONFIG, Served

# The user is the one who runs the tests, so that nobody but the hooks below can tell what would fail.
WATCHED = f"""
import os, sys
import geventcache
user = "{os.getuid()}"
http = ["127.0.0.1:0"]

def watch(log):
    places = (sys.base_prefix, sys.prefix, os.path.dirname(geventcache.__file__))
    class Late:
        def find_spec(self, name, path=None, target=None):
            log.info("late", what=name)
    def hear(event, arguments):
        if event == "open" and str(arguments[0]).startswith(places):
            log.info("late", what=str(arguments[0]))
    sys.meta_path.insert(0, Late())
    sys.addaudithook(hear)

def when_ready(process): watch(process.log); process.log.info("hook_when_ready")
def post_fork(master, worker): watch(worker.log)
"""
LIBRARY = "#!lua name=library\nredis.register_function('f', function() return cjson.encode({}) end)"


def _page(address: str, path: str) -> int:
    place = urllib.parse.urlsplit(address if "//" in address else f"//{address}")
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=GRACE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_is_imported_or_read_late(tmp_path: Path, workers: int) -> None:
    """Scripts, threads, names of hosts and the page find all that they need in memory."""
    served = Served(tmp_path, f"{CONFIG}\n{WATCHED}\nworkers = {workers}\n", workers if workers > 1 else 0)
    client = served.client
    try:
        assert client.do("EVAL", "return cjson.encode({1}) .. struct.pack('i', 4) .. redis.sha1hex('x')", 0).value
        assert client.do("FUNCTION", "LOAD", LIBRARY).value == b"library"
        assert client.do("FCALL", "f", 0).value == b"{}"
        key = next(name for name in "abcdefgh" if client.do("SET", name, "value").value == b"OK")  # of this worker's
        assert client.do("SAVE").value == b"OK"
        assert b"IOERR" in client.do("MIGRATE", "localhost", free_port(), key, 0, 1000).value
        assert eventually(lambda: served.told("listening_http") != [], GRACE_S)
        address = served.told("listening_http")[0]["address"]
        assert [_page(address, path) for path in (*FILES, "/metrics", "/info.json")] == [200] * (len(FILES) + 2)
        assert served.end() == 0
        assert served.told("late") == []
    finally:
        served.close()
