"""Keys that are integers or UUIDs can be written in several ways, and mean the same entity."""

from __future__ import annotations

from pathlib import Path

import pytest

from livetally.testing import Server
from tests.e2e.walls import talk

DEFINITION = """
application = "seats"
[event.booked]
data = { seat = "integer", ticket = "uuid", name = "string" }
[entity.seat]
key = "seat"
events = ["booked"]
fields.name = { latest = "name" }
actions.book = { event = "booked", creates = true, data = { name = "{name}" } }
[entity.ticket]
key = "ticket"
events = ["booked"]
fields.name = { latest = "name" }
actions.book = { event = "booked", creates = true, data = { name = "{name}" } }
"""
TICKET = "0b8e7c3c-7d52-4e1f-9a3e-5d0c6f1ab2e4"


@pytest.mark.parametrize(
    ("entity", "key", "others"),
    [
        ("seat", "7", ["007", "00000000000000000000007"]),
        ("ticket", TICKET, [TICKET.upper(), TICKET.replace("-", "")]),
    ],
)
def test_an_entity_is_found_however_its_key_is_written(
    tmp_path: Path, entity: str, key: str, others: list[str]
) -> None:
    """Else what may be created only once could be created again."""
    definition = tmp_path / "seats.toml"
    definition.write_text(DEFINITION)
    with Server(definitions=[definition]) as server, talk(server, server.key) as client:
        path = f"/v1/entities/{entity}"
        assert client.post(f"{path}/{others[0]}/actions/book", json={"name": "a"}).json()["stored"]
        for written in (key, *others):
            again = client.post(f"{path}/{written}/actions/book", json={"name": "b"})
            assert again.status_code == 409
            assert client.get(f"{path}/{written}").json()["key"] == key
            assert len(client.get(f"{path}/{written}/events").json()["events"]) == 1
        assert client.get(f"{path}/x").status_code == 404
