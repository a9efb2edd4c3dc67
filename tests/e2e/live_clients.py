"""Clients of event streams that were written elsewhere, each as a list of the events it has seen.

In the flow: ``test_live_clients`` starts them against a real server.
Guarantee: nothing here parses the stream or reconnects; each client does that in its own way.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

__all__ = ["Browser", "Curl", "Node", "Python"]

_ROOT = Path(__file__).parents[2]
_KINDS = ["snapshot", "update", "reset", "problem"]

_NODE = """
import { EventSource } from 'eventsource';
const [url, key] = process.argv.slice(1);
const withKey = (input, init) =>
  fetch(input, { ...init, headers: { ...init.headers, 'X-API-Key': key } });
const source = new EventSource(url, { fetch: withKey });
for (const event of ['snapshot', 'update', 'reset', 'problem'])
  source.addEventListener(event, (e) => {
    const told = { event, id: e.lastEventId, data: JSON.parse(e.data) };
    console.log(JSON.stringify(told));
  });
"""

_PYTHON = """
import json, sys, time
import requests, sseclient
url, key = sys.argv[1:]
last_id, wait_s = "", 1.0
while True:
    headers = {"Accept": "text/event-stream", "X-API-Key": key}
    if last_id:
        headers["Last-Event-ID"] = last_id
    try:
        reply = requests.get(url, headers=headers, stream=True, timeout=60)
        for event in sseclient.SSEClient(reply).events():
            last_id = event.id or last_id
            if event.data:
                told = {"event": event.event, "id": event.id, "data": json.loads(event.data)}
                print(json.dumps(told), flush=True)
    except (requests.RequestException, OSError):
        pass
    time.sleep(0.2)
"""

_BROWSER = """([url, kinds]) => {
  window.told = [];
  const source = new EventSource(url);
  for (const event of kinds)
    source.addEventListener(event, (e) => {
      window.told.push({ event, id: e.lastEventId, data: JSON.parse(e.data) });
    });
}"""


class _Process:
    """A client that prints one JSON object for each event."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=cwd, text=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.events.append(json.loads(line))

    def told(self) -> list[dict[str, Any]]:
        """Return the events seen so far."""
        return list(self.events)

    def close(self) -> None:
        """End the client."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Node(_Process):
    """``eventsource``, the package that most programs on Node.js use."""

    def __init__(self, node: str, url: str, path: str, key: str) -> None:
        """Follow ``path``."""
        if not (_ROOT / "node_modules" / "eventsource").exists():
            pytest.skip("the npm package eventsource is not installed")
        super().__init__([node, "--input-type=module", "-e", _NODE, url + path, key], _ROOT)


class Python(_Process):
    """``sseclient-py`` on ``requests``."""

    def __init__(self, url: str, path: str, key: str) -> None:
        """Follow ``path``."""
        pytest.importorskip("sseclient")
        super().__init__([sys.executable, "-c", _PYTHON, url + path, key], _ROOT)


class Curl:
    """``curl -N``: the bytes as they come."""

    def __init__(self, curl: str, url: str, path: str, key: str, *options: str) -> None:
        """Follow ``path``."""
        headers = ["-H", f"X-API-Key: {key}", "-H", "Accept: text/event-stream"]
        self._process = subprocess.Popen(
            [curl, "-sNi", *headers, *options, url + path], stdout=subprocess.PIPE
        )
        self.text = ""

    def read_until(self, text: str) -> str:
        """Return everything up to the line that holds ``text``."""
        assert self._process.stdout is not None
        while text not in self.text:
            line = self._process.stdout.readline()
            assert line, f"curl has ended without {text!r}: {self.text}"
            self.text += line.decode()
        return self.text

    def close(self) -> None:
        """End the client."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Browser:
    """The EventSource of Chromium, signed in with the console's cookie."""

    def __init__(self, chromium: str, url: str, path: str, key: str) -> None:
        """Follow ``path``."""
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        # The page stands for one of the user's own; an answer's policy lets nothing connect.
        self._page: Page = self._browser.new_page(bypass_csp=True)
        signed_in = self._page.request.post(f"{url}/v1/session", data={"key": key})
        assert signed_in.ok, signed_in.text()
        self._page.goto(f"{url}/healthz")
        self._page.evaluate(_BROWSER, [path, _KINDS])

    def told(self) -> list[dict[str, Any]]:
        """Return the events seen so far."""
        events: list[dict[str, Any]] = self._page.evaluate("window.told")
        return events

    def close(self) -> None:
        """End the browser."""
        self._browser.close()
        self._playwright.stop()
