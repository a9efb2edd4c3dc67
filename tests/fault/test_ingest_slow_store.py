"""Every answer counts what was acknowledged, however long the store takes to get it.

In the flow: a real server whose inserts come a fifth of a second late is asked right after a 2xx.
Guarantee: each route that says something of events is asked while the event is in the journal only.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fault.ingest_process import Fault, FaultyServer

_LATE_MS = 200
_RANGE = "from=2026-01-01&to=2050-01-01"
_SHOP = """
application = "shop"
[event.sale]
data.value = "integer"
[metric.sales]
event = "sale"
aggregate = "count"
by = ["subject"]
[entity.customer]
key = "subject"
events = ["sale"]
fields.sales = { metric = "sales" }
actions.again = { event = "sale", data = { value = 1 } }
[answer.count]
path = "/count"
metric = "sales"
[answer.customer]
path = "/customers/{name}"
entity = "customer"
key = "{param.name}"
"""


def _metric(body: Any) -> int:
    return sum(int(row["value"]) for row in body["rows"])


_ROUTES: dict[str, Callable[[Any], int]] = {
    f"/v1/metrics/sales?{_RANGE}": _metric,
    "/v1/metrics/sales": _metric,
    f"/v1/explore?event=sale&{_RANGE}": _metric,
    "/v1/events?limit=100": lambda body: len(body["events"]),
    "/v1/entities/customer": lambda body: int(body["entities"][0]["fields"]["sales"]),
    "/v1/entities/customer/ada": lambda body: int(body["fields"]["sales"]),
    "/v1/entities/customer/ada/events": lambda body: len(body["events"]),
    "/count": _metric,
    "/customers/ada": lambda body: int(body["fields"]["sales"]),
}
_STREAMS: dict[str, Callable[[Any], int]] = {
    f"/v1/metrics/sales?{_RANGE}": _metric,
    "/v1/entities/customer": lambda body: int(body["rows"][0]["fields"]["sales"]),
    "/v1/entities/customer/ada": lambda body: int(body["rows"][0]["fields"]["sales"]),
    "/v1/events?limit=100": lambda body: len(body["rows"]),
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultyServer]:
    """Start a server with a slow store."""
    with FaultyServer(tmp_path) as made:
        assert made.start(Fault("slow insert", 1, _LATE_MS))
        assert made.request("PUT", "/v1/definitions/shop", _SHOP, "toml").status == 200
        yield made
        assert made.stop() == 0


def _send(server: FaultyServer) -> int:
    """Send one event; return its position."""
    answer = server.request("POST", "/v1/events", '{"type":"sale","subject":"ada"}')
    assert (answer.status, answer.body["stored"]) == (200, 1)
    return int(answer.body["position"])


def _first_data(server: FaultyServer, path: str) -> Any:
    """Open a stream; return what its first event says."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        headers = {"X-API-Key": server.key, "Accept": "text/event-stream"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        with contextlib.closing(answer):
            line = b""
            while not line.startswith(b"data:"):
                line = answer.readline()
                assert line, "the stream has ended"
    return json.loads(line.removeprefix(b"data:"))


def test_every_route_counts_what_was_acknowledged(server: FaultyServer) -> None:
    """Asked at once, and again when the answer before was kept."""
    sent = 0
    for _ in range(2):
        for path, counted in _ROUTES.items():
            position = _send(server)
            sent += 1
            answer = server.request("GET", path)
            assert answer.status == 200, (path, answer)
            assert counted(answer.body) == sent, path
            assert int(answer.body.get("position", position)) >= position, path


def test_streams_begin_with_what_was_acknowledged(server: FaultyServer) -> None:
    """The first that a client is told is not older than what it has sent."""
    for number, (path, counted) in enumerate(_STREAMS.items(), 1):
        _send(server)
        assert counted(_first_data(server, path)) == number, path


def test_what_is_done_sees_what_was_acknowledged(server: FaultyServer) -> None:
    """An action, a comparison with the raw events, and an erasure."""
    _send(server)
    done = server.request("POST", "/v1/entities/customer/ada/actions/again", "{}")
    assert (done.status, done.body["stored"]) == (200, 1)
    _send(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/verify", headers={"X-API-Key": server.key})
        lines = connection.getresponse().read().splitlines()
    assert json.loads(lines[-1])["differences"] == 0
    _send(server)
    assert server.request("DELETE", "/v1/events?subject=ada").body["erased"] == 4
    assert not server.request("GET", "/v1/events").body["events"]
    assert not list((server.data / "journal").iterdir())
