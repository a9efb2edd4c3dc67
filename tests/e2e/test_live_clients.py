"""Clients that nobody here wrote follow a question, lose the server, come back and miss nothing."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import pytest

from livetally.testing import Server
from tests.e2e.live_clients import Browser, Curl, Node, Python
from tests.waiting import until

if TYPE_CHECKING:
    from tests.e2e.where import Start

pytest_plugins = ("tests.e2e.where",)

_PATH = "/v1/metrics/sales?by=shop"
_LIST = "/v1/entities/shop?sort=key"
_DEFINITION = """
application = "shop"
[event.sale]
data.shop = "string"
[metric.sales]
event = "sale"
aggregate = "count"
by = ["shop"]
[entity.shop]
key = "shop"
events = ["sale"]
"""


class Follower(Protocol):
    """A client that reconnects by itself."""

    def told(self) -> list[dict[str, Any]]:
        """Return the events seen so far."""
        ...

    def close(self) -> None:
        """End the client."""
        ...


@pytest.fixture
def server(start: Start, tmp_path: Path) -> Iterator[Server]:
    """Start a shop."""
    definition = tmp_path / "shop.toml"
    definition.write_text(_DEFINITION, encoding="utf-8")
    with start(definitions=[definition]) as started:
        yield started


def sell(server: Server, shop: str) -> int:
    """Send one sale; return its position."""
    body = json.dumps({"type": "sale", "data": {"shop": shop}}).encode()
    headers = {"X-API-Key": server.key, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/v1/events", body, headers)  # noqa: S310
    with urllib.request.urlopen(request) as reply:  # noqa: S310
        return int(json.loads(reply.read())["position"])


def picture(events: list[dict[str, Any]]) -> dict[str, int]:
    """Apply the events as a page would."""
    rows: dict[str, int] = {}
    for event in events:
        if event["event"] == "snapshot":
            rows = {}
        for row in event["data"].get("rows", []):
            name, value = ("shop", "value") if "shop" in row else ("key", "events")
            rows[row[name]] = row[value]
    return rows


def newest_id(server: Server, path: str) -> int:
    """Return up to where a stream that opens now is told everything."""
    headers = {"X-API-Key": server.key, "Accept": "text/event-stream"}
    request = urllib.request.Request(f"{server.url}{path}", headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as stream:  # noqa: S310
        first = next(line for line in stream if line.startswith(b"id: "))
    return int(first.strip().rpartition(b".")[2])


def follows(client: Follower, server: Server, path: str) -> None:
    """See the client follow, lose the server, and catch up with what it missed."""
    try:
        until(lambda: picture(client.told()) == {"a": 1}, "the snapshot", 30)
        sell(server, "b")
        until(lambda: picture(client.told()) == {"a": 1, "b": 1}, "an update", 30)
        server.restart()
        sell(server, "b")
        sell(server, "c")
        expected = {"a": 1, "b": 2, "c": 1}
        until(lambda: picture(client.told()) == expected, "what it missed", 30)
        # What two commits changed may come with the id of the first; the other id comes without
        # data then. So one more, alone.
        until(lambda: newest_id(server, path) == 4, "nothing to be asked any more", 30)
        sell(server, "d")
        until(lambda: picture(client.told()) == {**expected, "d": 1}, "one more", 30)
        kinds = [event["event"] for event in client.told()]
        assert kinds[0] == "snapshot"
        assert set(kinds[1:]) == {"update"}, "it resumed: no second snapshot, no reset"
        ids = [int(event["id"].rpartition(".")[2]) for event in client.told()]
        assert ids == sorted(ids)
        assert ids[-1] == 5
    finally:
        client.close()


@pytest.mark.parametrize("path", [_PATH, _LIST])
def test_chromium_follows_and_resumes(
    server: Server, program: Callable[..., str], path: str
) -> None:
    """The browser's own EventSource, signed in by cookie, resumes after a restart."""
    chromium = program("chromium", "chromium-browser", "google-chrome")
    sell(server, "a")
    page = f"/v1/live?q={quote(path[4:], safe='')}"
    follows(Browser(chromium, server.url, page, server.key), server, path)


@pytest.mark.parametrize("path", [_PATH, _LIST])
def test_npm_eventsource_follows_and_resumes(
    server: Server, program: Callable[..., str], path: str
) -> None:
    """The npm package, with the key in a header, resumes after a restart."""
    sell(server, "a")
    follows(Node(program("node"), server.url, path, server.key), server, path)


@pytest.mark.parametrize("path", [_PATH, _LIST])
def test_a_python_client_follows_and_resumes(server: Server, path: str) -> None:
    """The client from the Python package index that most programs use sees the same."""
    sell(server, "a")
    follows(Python(server.url, path, server.key), server, path)


def test_curl_shows_frames_as_they_come_and_resumes_by_header(
    server: Server, program: Callable[..., str]
) -> None:
    """Nothing is held back; the headers keep proxies from it; an id resumes."""
    sell(server, "a")
    curl = Curl(program("curl"), server.url, _PATH, server.key)
    try:
        head = curl.read_until("event: snapshot").lower()
        for line in (
            "content-type: text/event-stream",
            "cache-control: no-cache, no-transform",
            "x-accel-buffering: no",
        ):
            assert line in head
        assert re.search(r"^retry: \d+$", head, re.MULTILINE)
        sell(server, "b")
        text = curl.read_until('"shop":"b","value":1')
    finally:
        curl.close()
    last_id = re.findall(r"^id: (\S+)$", text, re.MULTILINE)[-1]
    sell(server, "c")
    again = Curl(program("curl"), server.url, _PATH, server.key, "-H", f"Last-Event-ID: {last_id}")
    try:
        text = again.read_until('"shop":"c","value":1')
    finally:
        again.close()
    assert "snapshot" not in text
    assert '"shop":"a"' not in text


def test_an_id_of_another_epoch_is_reset(server: Server, program: Callable[..., str]) -> None:
    """A position of another store, or one that was never given, brings a reset and a snapshot."""
    sell(server, "a")
    for strange in ("another.1", "nonsense", "another.99999999999999999999999"):
        curl = Curl(
            program("curl"), server.url, _PATH, server.key, "-H", f"Last-Event-ID: {strange}"
        )
        try:
            text = curl.read_until('"shop":"a","value":1')
        finally:
            curl.close()
        assert text.index("event: reset") < text.index("event: snapshot")


def test_an_id_from_between_first_snapshots_goes_on_there(
    server: Server, program: Callable[..., str]
) -> None:
    """Of what it covers only changes are sent; the other questions are sent whole."""
    sell(server, "a")
    path = "/v1/live?q=metrics%2Fsales%3Fby%3Dshop&q=events&q=metrics%2Fsales"
    curl = Curl(program("curl"), server.url, path, server.key)
    try:
        ids = re.findall(r"^id: (\S+)$", curl.read_until('"q":2'), re.MULTILINE)
    finally:
        curl.close()
    assert [one.rpartition(".")[2].partition("-")[2] for one in ids[:3]] == ["1", "2", ""]
    again = Curl(program("curl"), server.url, path, server.key, "-H", f"Last-Event-ID: {ids[1]}")
    try:
        text = again.read_until('"q":2')
    finally:
        again.close()
    assert text.count("event: snapshot") == 1
    assert '"q":0' not in text
    assert '"q":1' not in text
