"""Several applications of a team declare the same event type, each the fields that it uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from livetally.testing import Server, ServerFailed
from tests.e2e.walls import talk

TILL = """
application = "till"
[event.sale]
data.pieces = { type = "integer", required = true }
[metric.sales]
event = "sale"
aggregate = "count"
by = ["pieces"]
[entity.buyer]
key = "subject"
events = ["sale"]
fields.pieces = { sum = "pieces" }
"""
WEATHER = """
application = "weather"
[event.sale]
data.sky = "string"
[metric.skies]
event = "sale"
aggregate = "count"
by = ["sky"]
"""


def test_an_event_type_has_the_fields_of_every_application(tmp_path: Path) -> None:
    """Whichever comes first: its fields are checked, typed, and make states as they did alone."""
    till, weather = tmp_path / "till.toml", tmp_path / "weather.toml"
    till.write_text(TILL)
    weather.write_text(WEATHER)
    with Server(definitions=[till, weather]) as server, talk(server, server.key) as client:
        sent = [
            {"type": "sale", "subject": "a", "data": {"pieces": 2, "sky": "grey"}},
            {"type": "sale", "subject": "a", "data": {"pieces": 10}},
            {"type": "sale", "subject": "a", "data": {"sky": "blue"}},
        ]
        reply = client.post("/v1/events", json=sent).json()
        assert [(one["index"], one["field"]) for one in reply["rejected"]] == [(2, "data.pieces")]
        by_pieces = client.get("/v1/metrics/sales?by=pieces").json()["rows"]
        assert by_pieces == [{"pieces": 2, "value": 1}, {"pieces": 10, "value": 1}]
        buyer = client.get("/v1/entities/buyer/a").json()
        assert buyer["fields"] == {"pieces": 12}
        skies = client.get("/v1/metrics/skies?by=sky&where=sky:*").json()["rows"]
        assert skies == [{"sky": "grey", "value": 1}]
        assert client.post("/v1/verify").text.endswith('{"verified":true,"differences":0}\n')


def put(client: httpx2.Client, application: str, data: str) -> httpx2.Response:
    """Apply an application that declares what sales say."""
    body = f'application = "{application}"\n[event.sale]\n{data}\n'
    headers = {"Content-Type": "application/toml"}
    return client.put(f"/v1/definitions/{application}", content=body, headers=headers)


def send(client: httpx2.Client, *sales: dict[str, Any]) -> list[tuple[int, str]]:
    """Send sales; return place and field of each that is refused."""
    reply = client.post("/v1/events", json=[{"type": "sale", "data": sale} for sale in sales])
    assert reply.status_code in (200, 422), reply.text
    return [(one["index"], one["field"]) for one in reply.json()["rejected"]]


def test_what_each_application_says_of_a_field_holds() -> None:
    """Bounds narrow each other; what leaves no value, or stands below a field, is refused."""
    with Server() as server, talk(server, server.key) as client:
        low = 'data.pieces = { type = "integer", minimum = 1 }\ndata.place = "string"'
        assert put(client, "low", low).status_code == 200
        assert put(client, "high", 'data.pieces = { type = "integer", maximum = 5 }').is_success
        found = send(client, *({"pieces": pieces} for pieces in (0, 1, 5, 6)))
        assert found == [(0, "data.pieces"), (3, "data.pieces")]
        for data, key in (
            ('data.pieces = { type = "integer", minimum = 6 }', "pieces"),
            ('data.place.city = "string"', "place.city"),
        ):
            reply = put(client, "other", data)
            assert (reply.status_code, reply.json()["field"]) == (
                400,
                f"the definition, line 3, event.sale.data.{key}",
            )
        assert send(client, {"place": "x"}, {"place": {"city": "y"}}) == [(1, "data.place")]


def test_shared_definitions_may_change_under_a_teams_own(tmp_path: Path) -> None:
    """The team's own hold, every event is taken or refused, and the log says what doesn't hold."""
    shared = tmp_path / "shop.toml"
    shared.write_text('application = "shop"\n[event.sale]\ndata.x = "integer"\n')
    with Server(tmp_path / "data", definitions=[shared]) as server:
        with talk(server, server.key) as client:
            assert put(client, "own", 'data.y = "string"').is_success
        shared.write_text('application = "shop"\n[event.sale]\ndata.y.z = "string"\n')
        server.restart()
        with talk(server, server.key) as client:
            sales: tuple[dict[str, Any], ...] = ({"y": "a"}, {"y": 1}, {"y": {"z": "q"}}, {})
            assert send(client, *sales) == [(1, "data.y"), (2, "data.y")]
            assert client.post("/v1/verify").is_success
        [told] = [line for line in server.log_text().splitlines() if "contradict" in line]
        assert "y.z" in told


def test_a_bad_name_is_told_with_file_and_line(tmp_path: Path) -> None:
    """By the server that is started with the file, as by ``check``."""
    bad = tmp_path / "bad.toml"
    bad.write_text('title = "Shop"\napplication = "Shop"\n')
    with pytest.raises(ServerFailed) as failed, Server(definitions=[bad]):
        pass
    told = f"{bad}:2: application: must be 1 to 63 of a-z, 0-9, '-' and '_'"
    assert told in failed.value.log
