"""What a running server tells: parsed, compared with INFO, and found by the exporter, the alerts and the dashboard."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.client import Address
from ..support.needs import required_reference
from ..support.ports import free_port
from ..support.process import eventually
from ..support.servers import running_reference
from .conftest import Pair, ask

prometheus = pytest.importorskip("prometheus_client.parser")
openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")
DOCS = Path(__file__).parents[2] / "docs"
EXPORTER = shutil.which("prometheus-redis-exporter")
NAME = re.compile(r"\b(?:redis|geventcache)_[a-z_]+\b")
OWN = {"redis_exporter"}
# What Valkey has and is not here: its allocator, its threads, a defragmentation that cannot be enabled.
ABSENT = re.compile(
    r"redis_(allocator_.*|io_thread.*|config_io_threads|.*cow_size.*|module_fork.*|dump_payload_sanitizations|"
    r"total_(reads|writes)_processed)"
)


def samples(text: str, is_open: bool = False) -> dict[str, list[Any]]:
    """All samples by their names."""
    parse = (openmetrics if is_open else prometheus).text_string_to_metric_families
    found: dict[str, list[Any]] = {}
    for family in parse(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def test_both_formats_have_the_same_samples(pair: Pair) -> None:
    """Both parsers read what is told, by the same names."""
    plain = pair.get("/metrics")
    opened = pair.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert opened.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert samples(plain.body).keys() == samples(opened.body, True).keys()


def test_figures_are_those_of_info(pair: Pair) -> None:
    """Counters of keys, commands and errors are what clients see."""
    found = samples(pair.get("/metrics").body)
    assert found["redis_up"][0].value == 1
    assert {one.labels["db"]: one.value for one in found["redis_db_keys"]} == {"db0": 2}
    assert {one.labels["db"]: one.value for one in found["redis_db_keys_expiring"]} == {"db0": 1}
    assert {one.labels["cmd"]: one.value for one in found["redis_commands_total"]}["set"] == 3
    assert {one.labels["err"]: one.value for one in found["redis_errors_total"]} == {"ERR": 1}
    assert found["redis_expired_keys_total"][0].value == 1
    assert found["redis_slowlog_length"][0].value > 0
    assert found["geventcache_expire_lag_seconds_count"][0].value == 1
    assert found["geventcache_expire_batch_keys_sum"][0].value == 1
    assert found["geventcache_expire_fallbacks_total"][0].value == 0


def test_info_as_json(pair: Pair) -> None:
    """All sections are there, with numbers as numbers."""
    found = json.loads(pair.get("/info.json").body)
    assert found["server"]["server_name"] == "geventcache"
    assert found["clients"]["connected_clients"] == 0
    assert found["keyspace"]["db0"].startswith("keys=2,expires=1,")
    assert "cmdstat_set" in found["commandstats"]


def test_head(pair: Pair) -> None:
    """HEAD is GET without a body."""
    reply = pair.get("/metrics", "HEAD")
    assert (reply.status, reply.body) == (200, "")


def expressions(value: Any) -> Iterator[str]:
    """All queries in a dashboard."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name in ("expr", "query") and isinstance(one, str):
                yield one
            else:
                yield from expressions(one)
    elif isinstance(value, list):
        for one in value:
            yield from expressions(one)


@pytest.mark.skipif(not DOCS.exists(), reason="the installed package has no docs")
@pytest.mark.parametrize("file", ["prometheus-alerts.yml", "grafana-dashboard.json"])
def test_names_in_the_docs_exist(pair: Pair, file: str) -> None:
    """Alert rules and the dashboard ask for nothing that is not told."""
    text = (DOCS / file).read_text()
    if file.endswith(".json"):
        text = "\n".join(expressions(json.loads(text)))
    else:
        text = "\n".join(line.split("expr:", 1)[1] for line in text.splitlines() if "expr:" in line)
    wanted = set(NAME.findall(text))
    assert len(wanted) > 10
    assert wanted - samples(pair.get("/metrics").body).keys() == set()


@contextlib.contextmanager
def exporting(address: Address) -> Iterator[Address]:
    """Run Debian's exporter of metrics beside a server."""
    assert EXPORTER is not None
    listen = ("127.0.0.1", free_port())
    words = [
        EXPORTER,
        "--web.listen-address",
        "{}:{}".format(*listen),
        "--redis.addr",
        "redis://{}:{}".format(*address),
    ]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:

        def answers() -> bool:
            try:
                return ask(listen, "/metrics").status == 200
            except OSError:
                return False

        assert eventually(answers)
        yield listen
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(EXPORTER is None, reason="prometheus-redis-exporter is not installed")
def test_exporter_finds_us(pair: Pair) -> None:
    """The exporter scrapes without an error, and finds what it finds in the reference as far as it exists here."""
    with exporting(pair.resp) as ours:
        found = samples(ask(ours, "/metrics").body)
    assert found["redis_up"][0].value == 1
    assert found["redis_exporter_last_scrape_error"][0].value == 0
    binary = required_reference()
    with running_reference(binary) as reference, exporting(reference) as theirs:
        wanted = samples(ask(theirs, "/metrics").body)
    assert [name for name in wanted.keys() - found.keys() if not ABSENT.fullmatch(name.removesuffix("_total"))] == []
