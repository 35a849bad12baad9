"""Several workers have one site: it answers for all of them, and lets each of them judge who may see what."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

from geventcache.launcher.settings import Settings
from geventcache.web.exposition import labelled, merge
from geventcache.web.front import Front

from ..launcher.served import CONFIG, Served, is_running
from ..support.ports import free_port
from ..support.process import GRACE_S, eventually
from .chromium import BROWSER, DRIVER, browsing
from .conftest import Reply, ask

TOKEN = "let-me-see"
PAGE = {"Content_Type": "application/json", "Sec_Fetch_Site": "same-origin"}


class Site:
    """Two workers and what answers for them."""

    def __init__(self, folder: Path) -> None:
        self.address = ("127.0.0.1", free_port())
        lines = f"workers = 2\nhttp = ['127.0.0.1:{self.address[1]}']\nhttp_writable = True\nhttp_token = '{TOKEN}'\n"
        self.served = Served(folder, CONFIG + lines, 2)

    def get(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Reply:
        """Ask it."""
        return ask(self.address, path, method, body, **headers)

    def key_of(self, worker: int) -> bytes:
        """Store a key that is the worker's own."""
        client = self.served.connect(worker)
        found = next(key for key in (f"key:{i}" for i in range(1000)) if client.do("SET", key, "v").value == b"OK")
        client.close()
        return found.encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run two workers with one site."""
    found = Site(tmp_path_factory.mktemp("site"))
    yield found
    found.served.close()


def test_all_are_ready(site: Site) -> None:
    """Health is that of all."""
    assert (site.get("/health/live").body, site.get("/health/ready").body) == ("live\n", "ready\n")


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text"])
def test_metrics(site: Site, accept: str) -> None:
    """The metrics of all are one page, which Prometheus' parsers read, with a label that says whose a sample is."""
    site.key_of(0)
    site.key_of(1)
    families = openmetrics_families if accept else prometheus_families
    found = {one.name: one for one in families(site.get("/metrics", Accept=accept).body)}
    keys = {one.labels["worker"]: one.value for one in found["redis_db_keys"].samples if one.labels["db"] == "db0"}
    assert set(keys) == {"0", "1"}
    assert min(keys.values()) >= 1
    assert [(one.labels, one.value) for one in found["geventcache_worker_up"].samples] == [
        ({"worker": "0"}, 1),
        ({"worker": "1"}, 1),
    ]
    assert all("worker" in one.labels for family in found.values() for one in family.samples)


def test_of_all_and_of_one(site: Site) -> None:
    """INFO and a look are lists of all; what else the page asks for is of one, named by its number."""
    ids = [one["run_id"] for one in json.loads(site.get("/workers.json").body)]
    assert len(set(ids)) == 2
    assert [one["server"]["run_id"] for one in json.loads(site.get("/info.json").body)] == ids
    looks = [json.loads(site.get(f"/live.json?worker={i}").body) for i in (0, 1)]
    assert [(one["run_id"], one["worker"], one["workers"]) for one in looks] == [(ids[0], 0, 2), (ids[1], 1, 2)]
    key = site.key_of(1)
    for worker, is_there in ((0, False), (1, True)):
        found = json.loads(site.get(f"/keys.json?worker={worker}&match={key.decode()}&cursor=0&db=0&type=").body)
        assert bool(found["keys"]) is is_there
    assert "<title>geventcache</title>" in site.get("/").body


@pytest.mark.parametrize("worker", ["2", "-1", "x", "", "99999999999999999999", "%00", "1&worker=0"])
def test_no_such_worker(site: Site, worker: str) -> None:
    """A number that no worker has is refused; the first of several counts."""
    assert site.get(f"/live.json?worker={worker}").status == (200 if worker in ("", "1&worker=0") else 400)


@pytest.mark.parametrize("path", ["/metrics", "/info.json", "/workers.json", "/live.json", "/keys.json", "/"])
def test_who_may_look(site: Site, path: str) -> None:
    """A page of elsewhere cannot look, whatever address it claims; who has the token can."""
    assert site.get(path, Host="evil.example").status == 401
    assert site.get(path, Host="evil.example", X_Visitor_Address="127.0.0.1 1").status == 401
    assert site.get(path, Authorization="Bearer wrong").status == 401
    expected = 401 if path == "/keys.json" else 200
    assert site.get(path, Host="evil.example", Authorization=f"Bearer {TOKEN}").status == expected


def test_change(site: Site) -> None:
    """The page changes keys of the worker that it shows, with the token of that one."""
    name = site.key_of(1)
    looks = [json.loads(site.get(f"/live.json?worker={i}").body) for i in (0, 1)]
    key = json.loads(site.get(f"/keys.json?worker=1&match={name.decode()}&cursor=0&db=0&type=").body)["keys"][0]["id"]
    body = json.dumps({"db": "0", "key": key, "action": "delete"})
    origin = f"http://127.0.0.1:{site.address[1]}"
    wrong = site.get("/change?worker=1", "POST", body, Origin=origin, X_Page_Token=looks[0]["token"], **PAGE)
    right = site.get("/change?worker=1", "POST", body, Origin=origin, X_Page_Token=looks[1]["token"], **PAGE)
    assert (wrong.status, right.status) == (403, 200)
    client = site.served.connect(1)
    assert client.do("EXISTS", name).value == 0
    client.close()


def test_methods(site: Site) -> None:
    """It is only read; HEAD has no body."""
    assert site.get("/metrics", "PUT").status == 405
    assert site.get("/live.json", "DELETE").status == 405
    assert (site.get("/metrics", "HEAD").status, site.get("/metrics", "HEAD").body) == (200, "")


@pytest.mark.skipif(not (BROWSER and DRIVER), reason="Chromium and its driver are not installed")
def test_page(site: Site) -> None:
    """The page shows workers side by side, and the one that is chosen."""
    pytest.importorskip("selenium")
    name = site.key_of(1).decode()
    with browsing() as page:
        page.get("http://{}:{}/".format(*site.address))
        text = "return document.getElementById(arguments[0]).innerText"
        assert eventually(lambda: page.execute_script("return document.querySelectorAll('#workers tr').length") == 2)
        page.execute_script("document.querySelectorAll('#workers button')[1].click()")
        assert eventually(lambda: name in page.execute_script(text, "keys"))
        port = site.served.connect(1).socket.getpeername()[1]
        assert eventually(lambda: f":{port} " in page.execute_script(text, "about"))


def test_ends(tmp_path: Path) -> None:
    """A front that is killed is back at its address; it ends with its master, however that ends, and leaves nothing."""
    site = Site(tmp_path)
    try:
        site.served.client.close()
        pid = front_of(site.served.popen.pid, {site.served.worker_pid(i) for i in (0, 1)})
        os.kill(pid, signal.SIGKILL)
        assert site.get("/health/ready").body == "ready\n"
        (line,) = site.served.told("worker_ended")
        assert (line["worker"], line["how"]) == ("front", "SIGKILL")
        pid = front_of(site.served.popen.pid, {site.served.worker_pid(i) for i in (0, 1)})
        site.served.popen.kill()
        assert eventually(lambda: not is_running(pid), GRACE_S)
        assert eventually(lambda: os.listdir(tmp_path / "tmp") == [], GRACE_S)
    finally:
        site.served.close()


def front_of(master: int, workers: set[int]) -> int:
    """The process of the site of all workers."""
    (pid,) = {int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()} - workers
    return pid


def test_worker_that_is_gone() -> None:
    """A worker that does not answer is told as such, and the site answers."""
    front = Front(Settings([], {}).config, structlog.get_logger(), [], ["/nonexistent/0", "/nonexistent/1"])
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": ""}
    ready = front.readiness(environ)
    assert (ready.status[:3], ready.body) == ("503", b"worker 0: no answer\nworker 1: no answer\n")
    assert front.liveness(environ).status == "200 OK"
    assert json.loads(front.workers(environ).body) == [None, None]
    assert b'\ngeventcache_worker_up{worker="0"} 0\n' in front.metrics(environ).body
    assert front.one(environ).status[:3] == "503"


def test_merge() -> None:
    """A family stands once, whatever pages have it; samples keep their labels."""
    page = '# HELP a A.\n# TYPE a counter\na_total{x="} {"} 1\na_total 2\n'
    other = "# HELP b B.\n# TYPE b gauge\nb 3\n# EOF\n"
    assert merge({0: page, 2: other + page}, "w") == (
        '# HELP a A.\n# TYPE a counter\na_total{w="0",x="} {"} 1\na_total{w="0"} 2\n'
        'a_total{w="2",x="} {"} 1\na_total{w="2"} 2\n# HELP b B.\n# TYPE b gauge\nb{w="2"} 3\n'
    )
    assert labelled("a 1", 'w="1"') == 'a{w="1"} 1'
