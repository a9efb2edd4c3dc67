"""How soon the console is there, how smoothly its charts move, and whether an open page grows.

In the flow: starts a server with 60 hours of minutes, opens its dashboard in Chromium, sends events
while it looks; prints three tables.
Guarantee: every figure is Chromium's own, measured in this run beside the same browser doing less:
opening a page without any script, drawing an empty page, holding the dashboard while nothing comes.

    python benchmarks/bench_console.py [--quick] [--seconds 240]

The heap is what is left after a garbage collection. Its growth is the slope of a straight line
through these, with the 95 % bounds of that slope; an hour is sixty times what a minute is at that
slope, so whatever begins later than the run lasts is not in it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from livetally.testing import Server

_FEED = Path(__file__).with_name("console_feed.py")
_OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
POINTS = 3_600
CHARTS = 4
UPDATES_PER_S = 100
WARM_MS = 60_000
DEFINITION = """
application = "bench"
[event.beat]
data.value = { type = "number", required = true }
data.shop = { type = "string", required = true }
[metric.beats]
event = "beat"
aggregate = "count"
by = ["shop"]
[metric.mean]
event = "beat"
aggregate = "avg"
value = "value"
[metric.highest]
event = "beat"
aggregate = "max"
value = "value"
[metric.total]
event = "beat"
aggregate = "sum"
value = "value"
by = ["shop"]
[dashboard.pulse]
title = "Pulse"
[[dashboard.pulse.panels]]
kind = "number"
metric = ["beats", "mean", "highest", "total"]
"""
DEFINITION += "".join(
    f'[[dashboard.pulse.panels]]\nkind = "line"\nmetric = "{metric}"\nwidth = 6\n'
    for metric in ("beats", "mean", "highest", "total")
)
DEFINITION += '[[dashboard.pulse.panels]]\nkind = "top"\nmetric = "beats"\nby = ["shop"]\n'
_SETTLED = """() => document.querySelector('lt-panel[data-state=ready] canvas') !== null
  && !document.querySelector('[data-stale=true], [data-state=waiting]')"""
_NOTE_SETTLED = f"""addEventListener('DOMContentLoaded', () => {{
  const look = () => ({_SETTLED})() ? (window.settledMs = performance.now())
    : requestAnimationFrame(look);
  look();
}});"""
_TRANSFERRED = """() => [...performance.getEntriesByType('navigation'),
  ...performance.getEntriesByType('resource').filter(one => one.name.includes('/assets/'))]
  .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
_FRAMES = """ms => new Promise(resolve => {
  const frames = [];
  const end = performance.now() + ms;
  const step = now => {
    frames.push(now);
    if (now < end) requestAnimationFrame(step); else resolve(frames);
  };
  requestAnimationFrame(step);
})"""
# Student's t for 95 %, of 10 and more degrees of freedom.
_T95 = 2.2


@contextmanager
def feeding(server: Server) -> Iterator[str]:
    """Put ``console_feed`` in front of the server; hand out its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(_FEED), server.url, str(port), str(UPDATES_PER_S)]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command) as feed:
        while True:
            try:
                with _OPEN(f"{url}/healthz"):
                    break
            except OSError:
                time.sleep(0.05)
        yield url
        feed.terminate()


class Growth(NamedTuple):
    """A straight line through a series: what it grows by in an hour, and the 95 % bounds."""

    hour: float
    low: float
    high: float


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=int, default=240, help="how long the page is held open")
    options = parser.parse_args()
    seconds = 40 if options.quick else options.seconds
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        definition = Path(folder) / "bench.toml"
        definition.write_text(DEFINITION)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        with Server(definitions=[definition]) as server:
            fill(server)
            measure_load(browser, server, 3 if options.quick else 15)
            with feeding(server) as fed:
                measure_frames(browser, server, fed, 5_000 if options.quick else 20_000)
                measure_heap(browser, server, fed, seconds)
        browser.close()


def measure_load(browser: Browser, server: Server, times: int) -> None:
    """Print what a first visit transfers and how soon it can be used."""
    ready, plain, sizes = [], [], []
    for _ in range(times):
        with opened(browser, server, _NOTE_SETTLED) as page:
            page.goto(f"{server.url}/healthz")
            plain.append(page.evaluate("performance.now()"))
            page.goto(f"{server.url}/#/dashboards/bench/pulse?range=last-hour")
            page.wait_for_function("() => window.settledMs !== undefined")
            ready.append(float(page.evaluate("window.settledMs")))
            sizes.append(float(page.evaluate(_TRANSFERRED)))
    print(f"first visit, {times} times with an empty cache")
    print(f"  compressed, with every style and module   {max(sizes) / 1000:8.1f} kB")
    print(f"  answers and charts are there, p50         {statistics.median(ready):8.0f} ms")
    print(f"  the slowest                               {max(ready):8.0f} ms")
    print(f"  baseline: a page of one line, p50         {statistics.median(plain):8.0f} ms")


def measure_frames(browser: Browser, server: Server, fed: str, ms: int) -> None:
    """Print how many frames a second Chromium draws while four long charts move."""
    print(f"frames, {ms // 1000} s each, {CHARTS} charts of {POINTS:,} points")
    print("                                        per s   p99 ms  longest  over 25 ms     CPU")
    with opened(browser, server) as page:
        page.goto("about:blank")
        with processor(page) as spent:
            frames = page.evaluate(_FRAMES, ms)
        show("baseline: an empty page", frames, spent)
    end = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=5)
    start = end - timedelta(minutes=POINTS)
    range_ = f"from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}&interval=minute&tz=UTC"
    with opened(browser, server) as page:
        page.goto(f"{fed}/#/dashboards/bench/pulse?{range_}")
        page.wait_for_function(_SETTLED)
        points = page.evaluate(
            "() => [...document.querySelectorAll('lt-chart')].map(one => one.data.times.length)"
        )
        assert len(points) == CHARTS, points
        assert min(points) >= POINTS - 10, points
        with processor(page) as spent:
            frames = page.evaluate(_FRAMES, ms)
        show("updates arrive", frames, spent)
        page.evaluate(f"ms => {{ window.frames_ = ({_FRAMES})(ms); }}", ms)
        box = page.locator("lt-chart").first.bounding_box()
        assert box is not None
        with processor(page) as spent:
            began, step = time.monotonic(), 0
            while time.monotonic() - began < ms / 1000:
                step += 1
                page.mouse.move(box["x"] + 60 + step * 7 % (box["width"] - 80), box["y"] + 80)
                time.sleep(0.016)
        show("and the cursor moves on all of them", page.evaluate("() => window.frames_"), spent)


@contextmanager
def processor(page: Page) -> Iterator[list[float]]:
    """Fill the list with the share of one core that the page's own thread took meanwhile."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    spent: list[float] = []

    def seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "ThreadTime"))

    before, began = seconds(), time.monotonic()
    yield spent
    spent.append((seconds() - before) / (time.monotonic() - began))


def show(what: str, frames: list[float], spent: list[float]) -> None:
    """Print one row about the times of frames."""
    gaps = sorted(after - before for before, after in pairwise(frames))
    rate = 1000 * len(gaps) / sum(gaps)
    late = sum(gap > 25 for gap in gaps) / len(gaps)
    p99 = gaps[int(len(gaps) * 0.99)]
    print(
        f"  {what:<36} {rate:6.1f}   {p99:6.1f}   {gaps[-1]:6.1f}      {late:6.2%}  {spent[0]:6.1%}"
    )


def measure_heap(browser: Browser, server: Server, fed: str, seconds: int) -> None:
    """Print by what an open page grows, while nothing comes and while updates do."""
    print(
        f"an open page, {seconds} s (the baseline half of that) after the first {WARM_MS // 1000}"
    )
    print(
        "                         updates/s   heap MB   an hour more, MB     DOM nodes   listeners"
    )
    with opened(browser, server) as page:
        hold(page, server.url, max(40, seconds // 2), "baseline: nothing comes")
    with opened(browser, server) as page:
        hold(page, fed, seconds, "updates arrive")


def hold(page: Page, url: str, seconds: int, what: str) -> None:
    """Hold the dashboard open; print one row."""
    session = page.context.new_cdp_session(page)
    told: list[float] = []
    session.on("Network.eventSourceMessageReceived", lambda it: told.append(counts(it)))
    for domain in ("Network", "HeapProfiler", "Runtime"):
        session.send(f"{domain}.enable")
    page.goto(f"{url}/#/dashboards/bench/pulse?range=last-hour")
    page.wait_for_function(_SETTLED)
    page.wait_for_timeout(WARM_MS)
    began, told[:] = time.monotonic(), []
    times, heaps = [], []
    while time.monotonic() - began < seconds:
        times.append(time.monotonic() - began)
        heaps.append(heap_of(session))
        page.wait_for_timeout(max(1_000, seconds * 1_000 // 24))
    rate = sum(told) / (time.monotonic() - began)
    nodes = session.send("Memory.getDOMCounters")
    grown = growth(times, heaps)
    print(
        f"  {what:<24} {rate:8.1f}   {heaps[0] / 1e6:4.1f}-{heaps[-1] / 1e6:<4.1f}"
        f"  {grown.hour / 1e6:+5.1f} ({grown.low / 1e6:+.1f} to {grown.high / 1e6:+.1f})"
        f"  {nodes['nodes']:8,}   {nodes['jsEventListeners']:8,}"
    )


def counts(message: dict[str, Any]) -> float:
    """Return 1 for an update, 0 for another message."""
    return float(message.get("eventName") == "update")


def heap_of(session: CDPSession) -> float:
    """Return the bytes in use after a garbage collection."""
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"])


def growth(times: list[float], values: list[float]) -> Growth:
    """Fit a line by least squares; bounds from the residuals."""
    slope, base = statistics.linear_regression(times, values)
    middle = statistics.fmean(times)
    spread = sum((one - middle) ** 2 for one in times)
    rest = sum((value - base - slope * one) ** 2 for one, value in zip(times, values, strict=True))
    error = (rest / max(1, len(times) - 2) / spread) ** 0.5 * _T95
    return Growth(slope * 3_600, (slope - error) * 3_600, (slope + error) * 3_600)


@contextmanager
def opened(browser: Browser, server: Server, script: str = "") -> Iterator[Page]:
    """Open a page of a new profile that is signed in, with nothing in its cache."""
    context: BrowserContext = browser.new_context(viewport={"width": 1440, "height": 1300})
    link = json.loads(ask(server, "/v1/session/link", b""))["url"]
    # The link is followed outside of the page, so that the page's first visit is its first.
    context.request.get(server.url + link, max_redirects=0)
    if script:
        context.add_init_script(script)
    yield context.new_page()
    context.close()


def fill(server: Server) -> None:
    """Send one beat for each of the last 3,600 minutes."""
    now = datetime.now(UTC).replace(microsecond=0)
    lines = [
        json.dumps(
            {
                "id": f"beat-{ago}",
                "type": "beat",
                "time": (now - timedelta(minutes=ago)).isoformat(),
                "data": {"value": 50 + (ago * 37 % 101) / 2, "shop": f"s{ago % 7}"},
            }
        )
        for ago in range(POINTS)
    ]
    ask(server, "/v1/events", "\n".join(lines).encode(), "application/x-ndjson")


def ask(server: Server, path: str, body: bytes, media: str = "application/json") -> bytes:
    """POST with the operator's key; return the answer's body."""
    request = urllib.request.Request(  # noqa: S310 - the server of this run
        server.url + path,
        body,
        {"Authorization": f"Bearer {server.key}", "Content-Type": media},
    )
    with _OPEN(request) as reply:
        return bytes(reply.read())


if __name__ == "__main__":
    main()
