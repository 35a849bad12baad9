"""Take the picture of the page that the docs show: ``python -m tests.web.screenshot FILE``.

A server of its own is busy for a minute, has a storm of keys that expire at once, and is photographed then.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from ..support.ports import free_port
from ..support.process import eventually, serving
from .chromium import be_busy, browsing, storm

SECONDS = 60
STORM = 100_000
STORM_AFTER_MS = 30_000


def take(file: Path) -> None:
    """Write the picture, in PNG."""
    port, chance = free_port(), random.Random(1)
    with serving("--http", f"127.0.0.1:{port}", "--slowlog-log-slower-than", "400") as process, browsing() as driver:
        client = process.connect()
        client.do("CLIENT", "SETNAME", "shop")
        be_busy(client, chance, 100)
        driver.set_window_size(1280, 1560)
        driver.get(f"http://127.0.0.1:{port}/")
        storm(client, STORM, STORM_AFTER_MS)
        end_s = time.monotonic() + SECONDS
        while time.monotonic() < end_s:
            be_busy(client, chance, 1 + chance.randrange(20))
        driver.execute_script(
            "document.getElementById('match').value = 'cart:*';document.getElementById('search').requestSubmit()"
        )
        assert eventually(lambda: bool(driver.find_elements("css selector", "#keys button")))
        driver.execute_script("document.querySelector('#keys button').click()")
        assert eventually(lambda: bool(driver.find_elements("css selector", "#value dl")))
        driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
        file.write_bytes(driver.get_screenshot_as_png())
        client.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
