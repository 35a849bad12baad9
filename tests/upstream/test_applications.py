"""Programs that know nothing of clusters, unmodified, on one; each if its package is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.client import Client
from ..support.cluster import ReferenceCluster
from ..support.process import Process, serving

PATIENCE_S = 120


@pytest.fixture(scope="module")
def tagging(cluster: ReferenceCluster) -> Iterator[Process]:
    """A near side that puts all keys into one slot."""
    with serving("--upstream", cluster.url, "--upstream-hash-tag", "yes") as process:
        yield process


@pytest.fixture(scope="module")
def splitting(cluster: ReferenceCluster) -> Iterator[Process]:
    """A near side for clients that make a transaction of every pipeline."""
    with serving("--upstream", cluster.url, "--upstream-split-transactions", "yes") as process:
        yield process


@pytest.fixture
def run(tmp_path: Path, near: Client):
    """Run a program in a process of its own, beside an empty cluster; return what it printed."""

    def run_program(source: str, process: Process, *needed: str) -> str:
        for name in needed:
            if importlib.util.find_spec(name) is None:
                pytest.skip(f"{name} is not installed")
        (tmp_path / "program.py").write_text(source)
        host, port = process.address or ("", 0)
        environment = {
            **os.environ,
            "URL": f"redis://{host}:{port}",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        found = subprocess.run(
            [sys.executable, "program.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=PATIENCE_S,
            text=True,
        )
        assert found.returncode == 0, found.stderr[-4000:]
        return found.stdout

    return run_program


def test_redis_py(run, near_side: Process) -> None:
    """Pipelines over all slots, a lock, messages, SCAN."""
    source = """
import os, redis
for protocol in (2, 3):
    client = redis.Redis.from_url(os.environ["URL"], decode_responses=True, protocol=protocol)
    client.flushdb()
    pipe = client.pipeline(transaction=False)
    for i in range(100):
        pipe.set(f"k{i}", i).get(f"k{i}")
    assert pipe.execute()[1::2] == [str(i) for i in range(100)]
    assert len(list(client.scan_iter("k*", count=7))) == 100
    assert client.mget([f"k{i}" for i in range(100)]) == [str(i) for i in range(100)]
    with client.lock("lock", timeout=10):
        assert client.exists("lock")
    def raise_by_one(pipe):
        value = int(pipe.get("k1"))
        pipe.multi()
        pipe.set("k1", value + 1)
    assert client.transaction(raise_by_one, "k1") == [True]
    assert client.get("k1") == "2"
    listener = client.pubsub()
    listener.subscribe("c")
    assert listener.get_message(timeout=10)["type"] == "subscribe"
    client.publish("c", "hello")
    assert listener.get_message(timeout=10)["data"] == "hello"
    client.hset("h", mapping={"a": 1, "b": 2})
    assert client.hgetall("h") == {"a": "1", "b": "2"}
"""
    run(source, near_side, "redis")


def test_django(run, splitting: Process) -> None:
    """The cache of the core, and sessions in it."""
    source = """
import os, django
from django.conf import settings
settings.configure(
    CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": os.environ["URL"]}},
    SESSION_ENGINE="django.contrib.sessions.backends.cache", INSTALLED_APPS=["django.contrib.sessions"],
)
django.setup()
from django.core.cache import cache
cache.set_many({f"k{i}": i for i in range(50)}, timeout=60)
assert cache.get_many([f"k{i}" for i in range(50)]) == {f"k{i}": i for i in range(50)}
assert cache.incr("k1") == 2 and cache.get("k1") == 2
assert cache.add("k1", 9) is False and cache.touch("k1", 5) is True
cache.delete_many([f"k{i}" for i in range(10)])
assert cache.get("k1") is None and cache.get("k11") == 11
from django.contrib.sessions.backends.cache import SessionStore
session = SessionStore()
session["user"] = {"name": "ann"}
session.save()
assert SessionStore(session.session_key)["user"] == {"name": "ann"}
session.delete()
assert "user" not in SessionStore(session.session_key)
cache.clear()
assert cache.get("k11") is None
"""
    run(source, splitting, "django", "redis")


def test_django_redis(run, splitting: Process) -> None:
    """Patterns, time to live and locks."""
    source = """
import os, django
from django.conf import settings
settings.configure(CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": os.environ["URL"]}})
django.setup()
from django.core.cache import cache
cache.set_many({f"k{i}": i for i in range(50)}, timeout=60)
assert sorted(cache.keys("k1*")) == sorted(f"k{i}" for i in (1, *range(10, 20)))
assert sum(1 for _ in cache.iter_keys("*")) == 50
assert 0 < cache.ttl("k1") <= 60
with cache.lock("lock", timeout=5):
    assert cache.get("k1") == 1
assert cache.delete_pattern("k1*") == 11
cache.clear()
assert cache.keys("*") == []
"""
    run(source, splitting, "django_redis")


def test_flask_caching(run, near_side: Process) -> None:
    """A view that is computed once."""
    source = """
import os
from flask import Flask
from flask_caching import Cache
app = Flask("app")
cache = Cache(app, config={"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": os.environ["URL"]})
calls = []
@app.route("/")
@cache.cached(timeout=60)
def view():
    calls.append(1)
    return "page"
with app.test_client() as client:
    assert [client.get("/").data for _ in range(3)] == [b"page"] * 3
assert len(calls) == 1
with app.app_context():
    cache.set_many({"a": 1, "b": 2})
    assert cache.get_many("a", "b") == [1, 2]
    cache.clear()
    assert cache.get("a") is None
"""
    run(source, near_side, "flask_caching", "redis")


def test_flask_limiter(run, near_side: Process) -> None:
    """Views that may be asked so many times, by counters and by windows that move."""
    source = """
import os
from flask import Flask
from flask_limiter import Limiter
for strategy in ("fixed-window", "moving-window", "sliding-window-counter"):
    app = Flask(strategy)
    limiter = Limiter(lambda: "me", app=app, storage_uri=os.environ["URL"], strategy=strategy, key_prefix=strategy)
    @app.route("/")
    @limiter.limit("3 per hour")
    def view():
        return "page"
    with app.test_client() as client:
        assert [client.get("/").status_code for _ in range(5)] == [200, 200, 200, 429, 429], strategy
"""
    run(source, near_side, "flask_limiter", "redis")


def test_celery(run, tagging: Process) -> None:
    """Tasks, results, retries and a chord, by a worker of its own."""
    source = """
import os, threading
from celery import Celery, chord
from celery.contrib.testing.worker import start_worker
app = Celery("app", broker=os.environ["URL"], backend=os.environ["URL"] + "/1")
app.conf.update(task_always_eager=False, broker_connection_retry_on_startup=True)
@app.task
def add(x, y):
    return x + y
@app.task
def total(numbers):
    return sum(numbers)
with start_worker(app, perform_ping_check=False, pool="solo", concurrency=1):
    assert [add.delay(i, 1).get(timeout=60) for i in range(10)] == list(range(1, 11))
    assert chord((add.s(i, i) for i in range(5)), total.s())().get(timeout=60) == 20
print("done")
"""
    assert "done" in run(source, tagging, "celery", "redis")


def test_rq(run, tagging: Process) -> None:
    """Jobs and their results; a worker that ends when there is nothing to do."""
    source = """
import os, operator
from redis import Redis
from rq import Queue, SimpleWorker
connection = Redis.from_url(os.environ["URL"])
queue = Queue(connection=connection)
jobs = [queue.enqueue(operator.add, i, 1) for i in range(5)]
jobs.append(queue.enqueue(operator.mul, 2, 3, depends_on=jobs[0]))
SimpleWorker([queue], connection=connection).work(burst=True)
assert [job.return_value() for job in jobs] == [1, 2, 3, 4, 5, 6]
assert queue.count == 0
"""
    run(source, tagging, "rq", "redis")


def test_bullmq(tagging: Process, near: Client, tmp_path: Path) -> None:
    """Jobs, delayed ones, children and events, by a worker; if there is node, and it finds the module by NODE_PATH."""
    node = shutil.which("node")
    if (
        node is None
        or subprocess.run([node, "-e", "require('bullmq'); require('ioredis')"], capture_output=True).returncode != 0
    ):
        pytest.skip("bullmq is not installed")
    assert tagging.address is not None
    source = """
const { Queue, Worker, QueueEvents, FlowProducer } = require('bullmq');
const connection = { host: process.argv[2], port: +process.argv[3], maxRetriesPerRequest: null };
(async () => {
  const queue = new Queue('sums', { connection }), events = new QueueEvents('sums', { connection });
  const flows = new FlowProducer({ connection });
  await events.waitUntilReady();
  let tries = 0;
  const worker = new Worker('sums', async job => {
    if (job.name === 'fails' && tries++ === 0) throw new Error('once');
    if (job.name === 'parent') return Object.values(await job.getChildrenValues()).reduce((a, b) => a + b, 0);
    return job.data.x + 1;
  }, { connection });
  const results = [];
  const done = async job => results.push(await (await job).waitUntilFinished(events, 60000));
  for (let x = 0; x < 5; x++) await done(queue.add('plain', { x }));
  await done(queue.add('later', { x: 9 }, { delay: 100 }));
  await done(queue.add('fails', { x: 19 }, { attempts: 2, backoff: 10 }));
  const child = x => ({ name: 'plain', queueName: 'sums', data: { x } });
  const flow = await flows.add({ name: 'parent', queueName: 'sums', children: [child(1), child(2)] });
  await done(flow.job);
  console.log(JSON.stringify([results, await queue.getJobCounts('completed', 'failed', 'waiting')]));
  await Promise.all([worker, events, queue, flows].map(one => one.close()));
})().catch(error => { console.error(error); process.exit(1); });
"""
    (tmp_path / "program.js").write_text(source)
    words = [node, "program.js", tagging.address[0], str(tagging.address[1])]
    found = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=PATIENCE_S, text=True)
    assert found.returncode == 0, found.stderr[-4000:]
    results, counts = json.loads(found.stdout.splitlines()[-1])
    assert results == [1, 2, 3, 4, 5, 10, 20, 5]
    assert counts == {"completed": 10, "failed": 0, "waiting": 0}
