"""Entities and raw events over HTTP, compared with a model in plain Python.

In the flow: sends random events of a small shop to a real server, asks for states, pages,
histories, and acts on them.
Guarantee: a state is what its events say in the order (time, position, id); pages neither repeat
nor skip; an action that the state forbids is refused, also when two act at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2
import msgspec
import pytest

from tests.tidy.source_tree import ROOT

if TYPE_CHECKING:
    from tests.e2e.where import Start

pytest_plugins = ("tests.e2e.where",)

DEFINITION = ROOT / "tests" / "e2e" / "shop_definition.toml"
SEED = 20261121
USERS = 40
EVENTS = 1_500
START = datetime(2025, 3, 1, tzinfo=UTC)

_exact = msgspec.json.Decoder(float_hook=Decimal)


class Sent(NamedTuple):
    """One event as the model knows it; ``order`` is its place among events of the same time."""

    at: datetime
    position: int
    id: str
    type: str
    subject: str
    value: Decimal


class Shop(NamedTuple):
    """A loaded server, a client with its key, and what was sent."""

    client: httpx2.Client
    sent: list[Sent]

    def get(self, path: str, **parameters: str) -> Any:
        """Return an answer's body with exact numbers."""
        reply = self.client.get(path, params=parameters)
        assert reply.status_code == 200, reply.text
        return _exact.decode(reply.content)

    def pages(self, path: str, member: str, **parameters: str) -> list[Any]:
        """Return the rows of all pages."""
        rows: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, **parameters, **cursor)
            rows += page[member]
            if page["next"] is None:
                return rows
            cursor = {"cursor": page["next"]}


@pytest.fixture(scope="module")
def shop(start: Start) -> Iterator[Shop]:
    """Start a server and send a seeded mixture of payments, some at the same instant, some late."""
    chance = random.Random(SEED)
    sent: list[Sent] = []
    with start(definitions=[DEFINITION]) as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        with httpx2.Client(base_url=server.url, headers=headers, trust_env=False) as client:
            for first in range(0, EVENTS, 100):
                batch = [_payment(chance, number) for number in range(first, first + 100)]
                reply = client.post("/v1/events", json=[body for body, _ in batch]).json()
                assert reply["stored"] == 100
                sent += [one._replace(position=reply["position"]) for _, one in batch]
            yield Shop(client, sent)


def _payment(chance: random.Random, number: int) -> tuple[dict[str, Any], Sent]:
    at = START + timedelta(minutes=chance.randrange(600))
    kind = chance.choice(["add_revenue", "add_revenue", "subtract_revenue"])
    value = Decimal(chance.randrange(1, 100_000)) / 100
    subject = f"user{chance.randrange(USERS):02d}"
    event_id = f"p-{chance.randrange(10**6):06d}-{number}"
    body = {
        "type": kind,
        "id": event_id,
        "time": at.isoformat(),
        "subject": subject,
        "data": {"value": str(value)},
    }
    return body, Sent(at, 0, event_id, kind, subject, value)


def _model(sent: list[Sent]) -> dict[str, dict[str, Any]]:
    """Compute every user's state from what was sent, in the total order of events."""
    states: dict[str, dict[str, Any]] = {}
    for one in sorted(sent, key=lambda event: (event.at, event.position, event.id)):
        state = states.setdefault(
            one.subject,
            {"revenue": Decimal(0), "first_value": one.value, "payments": 0, "largest": one.value},
        )
        adds = one.type == "add_revenue"
        state["revenue"] += one.value if adds else -one.value
        state["payments"] += adds
        state["last_value"] = one.value
        state["largest"] = max(state["largest"], one.value)
        state["seen"] = one.at
    return states


def test_every_state_follows_from_its_events(shop: Shop) -> None:
    """Each user's sums, counts, first, latest and largest values equal the model's, exactly."""
    model = _model(shop.sent)
    rows = shop.pages("/v1/entities/user", "entities", limit="7")
    assert [row["key"] for row in rows] == sorted(model)
    for row in rows:
        expected = dict(model[row["key"]])
        seen = datetime.fromisoformat(row["fields"].pop("seen"))
        assert seen == expected.pop("seen")
        assert row["fields"] == expected


@pytest.mark.parametrize("sort", ["revenue", "-revenue", "-largest", "payments", "-seen"])
def test_pages_follow_any_order(shop: Shop, sort: str) -> None:
    """Sorted by a field, pages of three hold every user once, in the order of value and key."""
    rows = shop.pages("/v1/entities/user", "entities", limit="3", sort=sort)
    name = sort.removeprefix("-")
    keys = [(row["fields"][name], row["key"]) for row in rows]
    assert len({key for _, key in keys}) == USERS
    assert keys == sorted(keys, reverse=sort.startswith("-"))


@pytest.mark.parametrize("path", ["entities/user", "events"])
def test_a_table_has_the_same_columns_with_and_without_rows(shop: Shop, path: str) -> None:
    """Fields among them, in the same order."""
    headers = {"Accept": "text/csv"}
    shown = [
        shop.client.get(f"/v1/{path}", params={"where": where, "limit": "2"}, headers=headers).text
        for where in ([], ["subject:nobody"] if path == "events" else ["payments:>1000000"])
    ]
    some, none = (text.splitlines() for text in shown)
    assert len(some) > 1
    assert none == some[:1]


def test_filters_on_fields(shop: Shop) -> None:
    """A filter on a computed field keeps exactly the users whose state meets it."""
    model = _model(shop.sent)
    rows = shop.pages("/v1/entities/user", "entities", where="revenue:>1000.50", limit="5")
    wanted = {key for key, state in model.items() if state["revenue"] > Decimal("1000.50")}
    assert {row["key"] for row in rows} == wanted
    reply = shop.client.get("/v1/entities/user", params={"where": "revenu:>1"})
    assert reply.status_code == 404
    assert reply.json()["nearest"] == "revenue"


def test_one_entity_and_its_history(shop: Shop) -> None:
    """One user's history is its events, newest first, page by page, with the sender's own data."""
    one = shop.get("/v1/entities/user/user07")
    assert one["key"] == "user07"
    history = shop.pages("/v1/entities/user/user07/events", "events", limit="4")
    mine = [event for event in shop.sent if event.subject == "user07"]
    mine.sort(key=lambda event: (event.at, event.position, event.id), reverse=True)
    assert [event["id"] for event in history] == [event.id for event in mine]
    assert [event["data"] for event in history] == [{"value": str(e.value)} for e in mine]
    assert shop.client.get("/v1/entities/user/nobody").status_code == 404
    assert shop.client.get("/v1/entities/usr").json()["nearest"] == "user"


@pytest.mark.parametrize("path", ["user", "user/user07", "user/user07/events"])
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_position_that_no_commit_has_had_is_refused(shop: Shop, path: str, accept: str) -> None:
    """Each read insists on ``min_position``, live or not; one that is reached is answered."""
    headers = {"Accept": accept}
    for position, status in [("999999", 400), ("x", 400), ("1", 200)]:
        asked = f"/v1/entities/{path}?min_position={position}"
        with shop.client.stream("GET", asked, headers=headers) as reply:
            assert reply.status_code == status
            if status != 200:
                reply.read()
                assert reply.json()["field"] == "min_position"


def test_raw_events_page_by_page(shop: Shop) -> None:
    """All pages of the payments hold every event once, newest first; ranges and filters narrow."""
    both = "add_revenue,subtract_revenue"
    rows = shop.pages("/v1/events", "events", type=both, limit="333", to="2025-04-01")
    expected = sorted(shop.sent, key=lambda e: (e.at, e.position, e.id), reverse=True)
    assert [row["id"] for row in rows] == [event.id for event in expected]
    narrow = shop.pages(
        "/v1/events", "events", type="add_revenue", where="value:>=500", to="2025-03-01T05:00:00Z"
    )
    until = START + timedelta(hours=5)
    wanted = {e.id for e in expected if e.type == "add_revenue" and e.value >= 500 and e.at < until}
    assert {row["id"] for row in narrow} == wanted
    refused = shop.client.get("/v1/events", params={"cursor": "bm90IG91cnM"})
    assert refused.status_code == 400
    assert refused.json()["field"] == "cursor"


def test_an_action_appends_its_event_and_obeys_the_state(shop: Shop) -> None:
    """Completing works once and is refused then; undoing works; the caller is in the event."""
    body = {"type": "incident", "subject": "inc-1", "data": {"severity": 2}}
    assert shop.client.post("/v1/events", json=body).json()["stored"] == 1
    act = "/v1/entities/incident/inc-1/actions/"
    assert shop.client.post(act + "complete").json()["stored"] == 1
    assert shop.get("/v1/entities/incident/inc-1")["fields"]["status"] == "completed"
    refused = shop.client.post(act + "complete")
    assert refused.status_code == 409
    assert "status is 'completed'" in refused.json()["detail"]
    assert shop.client.post(act + "reopen").json()["stored"] == 1
    newest = shop.get("/v1/entities/incident/inc-1/events", limit="1")["events"][0]
    assert newest["data"] == {"status": "open", "by": "root"}
    assert newest["attributes"] == {"actor": "root"}
    assert shop.client.post(act + "complte").json()["nearest"] == "complete"
    assert shop.client.post(act + "complete", json={"more": 1}).status_code == 400


def test_a_key_with_slashes_is_one_part_of_the_path(shop: Shop) -> None:
    """Written %2F: read, live, in its history and in an action, and never taken for another."""
    body = {"type": "incident", "data": {"severity": 2}}
    for key in ("hall/2", "hall/events", "hall"):
        assert shop.client.post("/v1/events", json={**body, "subject": key}).json()["stored"] == 1
    assert shop.get("/v1/entities/incident/hall%2Fevents")["key"] == "hall/events"
    assert shop.get("/v1/entities/incident/hall")["key"] == "hall"
    assert len(shop.get("/v1/entities/incident/hall%2F2/events")["events"]) == 1
    act = "/v1/entities/incident/hall%2f2/actions/"
    assert shop.client.post(act + "complete").json()["stored"] == 1
    assert shop.get("/v1/entities/incident/hall%2F2")["fields"]["status"] == "completed"
    assert shop.client.get(act + "complete").status_code == 405
    assert shop.client.get("/v1/entities/incident/hall%2F3").status_code == 404
    assert shop.client.get("/v1/entities/incident/hall/2").status_code == 404
    live = {"Accept": "text/event-stream"}
    with shop.client.stream("GET", "/v1/entities/incident/hall%2F2", headers=live) as reply:
        told = next(line for line in reply.iter_lines() if line.startswith("data:"))
    assert '"hall/2"' in told


def test_of_two_who_act_at_once_one_is_refused(shop: Shop) -> None:
    """Twenty requests to complete the same incident store one event; nineteen are told why not."""
    body = {"type": "incident", "subject": "inc-2", "data": {"severity": 1}}
    shop.client.post("/v1/events", json=body)
    path = "/v1/entities/incident/inc-2/actions/complete"
    with ThreadPoolExecutor(10) as threads:
        done = list(threads.map(lambda _: shop.client.post(path).status_code, range(20)))
    assert sorted(done) == [200] + [409] * 19
    assert shop.get("/v1/entities/incident/inc-2")["events"] == 2
