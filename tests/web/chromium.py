"""A real browser without a screen, and a server that has something to show."""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from ..support.client import Client

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@contextlib.contextmanager
def browsing() -> Iterator[Any]:
    """Run Chromium, as the driver of selenium."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = BROWSER or ""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        for flag in (*FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        driver = Chrome(options=options, service=Service(DRIVER))
        try:
            driver.set_window_size(1400, 1000)
            yield driver
        finally:
            driver.quit()


def be_dark(driver: Any, is_dark: bool) -> None:
    """Let the system be dark, or light."""
    scheme = "dark" if is_dark else "light"
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def pipeline(client: Client, *requests: tuple[Any, ...]) -> None:
    """Send requests at once, and read the replies."""
    for request in requests:
        client.send(*request)
    for _ in requests:
        client.receive()


def storm(client: Client, count: int, delay_ms: int) -> None:
    """So many keys that are due in one instant."""
    due_ms = int(time.time() * 1000) + delay_ms
    for start in range(0, count, 1000):
        pipeline(client, *(("SET", f"session:{i}", "x" * 20, "PXAT", due_ms) for i in range(start, start + 1000)))


def be_busy(client: Client, chance: random.Random, rounds: int) -> None:
    """What an application does: reads, most of them hits, counters, sessions, queues."""
    for _ in range(rounds):
        i = chance.randrange(1000)
        pipeline(
            client,
            ("GET", f"user:{i}"),
            ("GET", f"user:{i % 700}"),
            ("SET", f"user:{i % 700}", "x" * 50, "EX", 600),
            ("INCR", "visits"),
            ("HSET", f"cart:{i % 50}", f"article:{i}", i),
            ("HGETALL", f"cart:{i % 50}"),
            ("LPUSH", "jobs", f"job {i}"),
            ("RPOP", "jobs"),
            ("ZADD", "scores", i, f"player {i % 200}"),
            ("ZRANGE", "scores", 0, 9, "WITHSCORES"),
            ("SET", f"brief:{i}", "x", "PX", 1 + i % 300),
        )
