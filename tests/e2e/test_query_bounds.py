"""What one question may not: end in a number that is none, or take more memory than there is."""

from __future__ import annotations

from pathlib import Path

import msgspec

from livetally.testing import Server
from tests.e2e.walls import talk

DEFINITION = """
application = "lab"
[event.weighed]
data.weight = "number"
[metric.weight]
event = "weighed"
aggregate = "sum"
value = "weight"
by = ["subject"]
[metric.mean]
event = "weighed"
aggregate = "avg"
value = "weight"
by = ["subject"]
[entity.thing]
key = "subject"
events = ["weighed"]
fields.weight = { metric = "weight" }
"""


def test_a_sum_beyond_the_largest_number_is_an_error(tmp_path: Path) -> None:
    """It is told as what it is, and what does not need it is answered as before."""
    definition = tmp_path / "lab.toml"
    definition.write_text(DEFINITION)
    with Server(definitions=[definition]) as server, talk(server, server.key) as client:
        sent = [{"type": "weighed", "subject": "star", "data": {"weight": 1.5e308}}] * 3
        sent.append({"type": "weighed", "subject": "pebble", "data": {"weight": 0.25}})
        assert client.post("/v1/events", json=sent).json()["stored"] == 4
        for metric in ("weight", "mean"):
            for path in (f"/v1/metrics/{metric}", f"/v1/metrics/{metric}?by=subject"):
                answer = client.get(path)
                assert answer.status_code == 422
                assert "1.8e308" in answer.json()["detail"]
            told = client.get(f"/v1/metrics/{metric}?where=subject:pebble").json()
            assert told["rows"][0]["value"] == 0.25
        things = client.get("/v1/entities/thing").json()["entities"]
        assert {one["key"]: one["fields"]["weight"] for one in things} == {
            "pebble": 0.25,
            "star": None,
        }


def test_a_page_takes_no_more_memory_than_a_question_may(tmp_path: Path) -> None:
    """A list that would sort too much is refused with what to narrow; the server goes on."""
    definition = tmp_path / "lab.toml"
    definition.write_text(DEFINITION)
    env = {"LIVETALLY_MEMORY_BYTES_MAX": str(32 * 1024 * 1024)}
    with Server(definitions=[definition], env=env) as server, talk(server, server.key) as client:
        for first in range(0, 60_000, 10_000):
            lines = b"".join(
                msgspec.json.encode(
                    {"type": "weighed", "subject": f"thing {n} {'x' * 200}", "data": {"weight": n}}
                )
                + b"\n"
                for n in range(first, first + 10_000)
            )
            headers = {"Content-Type": "application/x-ndjson"}
            assert client.post("/v1/events", content=lines, headers=headers).status_code == 200
        answer = client.get("/v1/entities/thing?sort=-weight")
        assert answer.status_code == 422
        assert "larger" in answer.json()["detail"]
        told = client.get("/v1/events?limit=1").json()
        assert len(told["events"]) == 1
