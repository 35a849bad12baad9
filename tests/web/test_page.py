"""The page in a real browser, against a real server. What moves is waited for; nothing sleeps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.ports import free_port
from ..support.process import eventually, serving
from .chromium import BROWSER, DRIVER, be_busy, be_dark, browsing, pipeline, storm
from .conftest import Pair

pytest.importorskip("selenium")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="Chromium and its driver are not installed")

HTML = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """A browser."""
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def served() -> Iterator[Pair]:
    """A server whose page may change keys."""
    port = free_port()
    with serving("--http", f"127.0.0.1:{port}", "--http-writable", "yes") as process:
        assert process.address is not None
        yield Pair(process.address, ("127.0.0.1", port))


@pytest.fixture
def page(driver: Any, served: Pair) -> Any:
    """The page, which has had its first look at the server, whose keys are gone."""
    client = served.connect()
    client.do("FLUSHALL")
    client.close()
    driver.get("http://{}:{}/".format(*served.http))
    assert eventually(lambda: text(driver, "state") == "live")
    assert eventually(lambda: text(driver, "found") == "no keys")
    return driver


def text(page: Any, name: str) -> str:
    """What stands in an element."""
    return str(page.execute_script("return document.getElementById(arguments[0]).textContent", name))


def most(page: Any, chart: str, series: int = 0) -> float:
    """The highest point of a chart."""
    script = "return Math.max(0, ...charts[arguments[0]].series[arguments[1]].filter(one => one !== null))"
    return float(page.execute_script(script, chart, series))


def press(page: Any, label: str) -> None:
    """Press the button with this label."""
    page.execute_script(
        "[...document.querySelectorAll('button')].find(one => one.textContent === arguments[0]).click()", label
    )


def shows(page: Any, name: str, words: str) -> bool:
    """Wait until an element shows these words."""
    return eventually(lambda: words in text(page, name))


def search(page: Any, pattern: str) -> None:
    """Search for keys."""
    page.execute_script(
        "document.getElementById('match').value = arguments[0]; document.getElementById('search').requestSubmit()",
        pattern,
    )


def keys(page: Any) -> list[str]:
    """The keys in the list."""
    return list(page.execute_script("return [...document.querySelectorAll('#keys button')].map(b => b.textContent)"))


def test_charts_move(page: Any, served: Pair) -> None:
    """What clients do is seen: requests, hits, latency, network, the busiest commands, databases, clients."""
    client = served.connect()
    client.do("CLIENT", "SETNAME", "the-one")
    chance = random.Random(1)

    def is_seen() -> bool:
        be_busy(client, chance, 20)
        charts = ("requests", "latency", "hits", "memory", "clients", "network")
        return all(most(page, chart) > 0 for chart in charts)

    assert eventually(is_seen)
    assert "zadd" in text(page, "commands")
    assert eventually(lambda: "the-one" in text(page, "clients"))
    assert page.execute_script("return charts.requests.paths[0].getAttribute('d').length") > 5
    assert text(page, "databases").startswith("0")
    client.close()


def test_storm_is_seen(page: Any, served: Pair) -> None:
    """100,000 keys that are due at once are seen as they go, and how late."""
    client = served.connect()
    storm(client, 100_000, 10_000)
    assert eventually(lambda: most(page, "expired") > 1000)
    assert eventually(lambda: client.do("DBSIZE").value == 0)
    assert eventually(lambda: page.execute_script("return last.expired") >= 100_000)
    assert page.execute_script("return charts.lag.series[1].some(one => one !== null)")
    client.close()


def test_slow_log(page: Any, served: Pair) -> None:
    """What was slow is listed, as text."""
    client = served.connect()
    client.do("CONFIG", "SET", "slowlog-log-slower-than", "0")
    client.do("SET", "a", HTML)
    client.do("CONFIG", "SET", "slowlog-log-slower-than", "10000")
    assert shows(page, "slow", "onerror")
    assert page.execute_script("return document.images.length + document.scripts.length") == 1
    client.close()


def test_paging_through_many_keys(page: Any, served: Pair) -> None:
    """The browser turns pages of 100,000 keys; no key comes twice, and a pattern finds the one that it names."""
    client = served.connect()
    for start in range(0, 100_000, 1000):
        pipeline(client, *(("SET", f"key:{i}", i) for i in range(start, start + 1000)))
    search(page, "key:*")
    seen: list[str] = []

    def is_turned() -> bool:
        return bool(keys(page)) and keys(page)[0] not in seen

    for _ in range(5):
        assert eventually(is_turned)
        seen += keys(page)
        press(page, "Next page")
    assert len(seen) == len(set(seen)) >= 500
    search(page, "key:77777")
    assert eventually(lambda: keys(page) == ["key:77777"])
    client.close()


def test_values_stay_text(page: Any, served: Pair) -> None:
    """A key, a value and a field with HTML in them are shown as they are, or as hexadecimal digits."""
    client = served.connect()
    client.do("SET", HTML, HTML)
    client.do("HSET", "hash", HTML, b"\xff\x00")
    search(page, "*onerror*")
    assert eventually(lambda: keys(page) == [HTML])
    press(page, HTML)
    assert shows(page, "value", HTML)
    search(page, "hash")
    assert eventually(lambda: keys(page) == ["hash"])
    press(page, "hash")
    assert shows(page, "value", "\\xff")
    page.execute_script(
        "const form = document.getElementById('form'); form.value = 'hex'; form.dispatchEvent(new Event('change'))"
    )
    assert "ff 00" in text(page, "value")
    assert page.title == "geventcache"
    assert page.execute_script("return document.images.length + document.scripts.length") == 1
    client.close()


def test_changing_keys(page: Any, served: Pair) -> None:
    """Where it is allowed, a string is edited, gets a deadline, and is deleted."""
    client = served.connect()
    client.do("SET", "a", "before")
    search(page, "a")
    assert eventually(lambda: keys(page) == ["a"])
    press(page, "a")
    assert shows(page, "value", "before")
    page.execute_script("document.querySelector('textarea').value = 'after \u20ac'")
    press(page, "Save")
    assert eventually(lambda: client.do("GET", "a").value == "after \u20ac".encode())
    assert shows(page, "value", "after")
    press(page, "Expire in a minute")
    assert eventually(lambda: client.do("PTTL", "a").value > 0)
    page.execute_script("window.confirm = () => true")
    press(page, "Delete")
    assert eventually(lambda: client.do("EXISTS", "a").value == 0)
    assert shows(page, "value", "gone")
    client.close()


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("width", [390, 800, 1400])
def test_fits(page: Any, is_dark: bool, width: int) -> None:
    """Nothing is wider than the screen, and letters differ from what is behind them."""
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    be_dark(page, is_dark)
    try:
        assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        colour = "return getComputedStyle(document.body).backgroundColor"
        assert page.execute_script(colour) == ("rgb(14, 17, 22)" if is_dark else "rgb(246, 247, 249)")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        be_dark(page, False)


def test_keyboard(page: Any, served: Pair) -> None:
    """A slash goes to the search, Enter searches, keys are buttons, Escape closes a value."""
    from selenium.webdriver.common.keys import Keys

    client = served.connect()
    client.do("SET", "found-me", "the value")
    focused = "return document.activeElement.id || document.activeElement.textContent"
    page.find_element("tag name", "body").send_keys("/")
    assert page.execute_script(focused) == "match"
    page.switch_to.active_element.send_keys("found*", Keys.ENTER)
    assert eventually(lambda: keys(page) == ["found-me"])
    button = page.find_element("css selector", "#keys button")
    button.send_keys(Keys.ENTER)
    assert shows(page, "value", "the value")
    page.find_element("id", "value").send_keys(Keys.ESCAPE)
    assert text(page, "value") == ""
    assert page.execute_script(focused) == "match"
    client.close()


def test_nothing_from_elsewhere(page: Any, served: Pair) -> None:
    """All that the page loads comes from the server, and nothing of it is refused by its own policy."""
    names = page.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
    origin = "http://{}:{}/".format(*served.http)
    assert names
    assert [name for name in names if not name.startswith((origin, "data:"))] == []


def test_the_server_goes(driver: Any) -> None:
    """The page says so when the server is gone."""
    port = free_port()
    with serving("--http", f"127.0.0.1:{port}") as process:
        driver.get(f"http://127.0.0.1:{port}/")
        assert eventually(lambda: text(driver, "state") == "live")
        assert driver.execute_script("return document.getElementById('gone').hidden")
        process.popen.kill()
        assert shows(driver, "gone", "The server is gone")
        assert not driver.execute_script("return document.getElementById('gone').hidden")
