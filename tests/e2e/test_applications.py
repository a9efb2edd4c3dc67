"""Several applications of a team declare the same event type, each the fields that it uses."""

from __future__ import annotations

from pathlib import Path

from livetally.testing import Server
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
