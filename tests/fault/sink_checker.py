"""Kills a server and its sinks' database in turn while events arrive, and counts what they hold.

In the flow: run by ``test_sinks_kills`` for each kind of database.
Guarantee: what is compared was worked out from the events that were acknowledged, in plain Python,
and by SQL over a connection of its own.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import httpx2

from livetally.testing import Server
from tests.sink_room import Table
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Process

__all__ = ["DEFINITION", "Senders", "check", "until_settled"]

DEFINITION = """
application = "shop"
[event.add_revenue]
data.value = { type = "decimal", required = true, scale = 2 }
[event.subtract_revenue]
data.value = { type = "decimal", required = true, scale = 2 }
[metric.revenue]
aggregate = "sum"
of = [
    { event = "add_revenue", value = "value" },
    { event = "subtract_revenue", value = "-value" },
]
by = ["subject"]
[entity.user]
key = "subject"
events = ["add_revenue", "subtract_revenue"]
fields.revenue = { metric = "revenue" }
[sink.users]
to = "env:DATABASE"
table = "users_revenue"
entity = "user"
columns = { user_id = "key", revenue = "revenue" }
notify = "users"
[sink.hours]
to = "env:DATABASE"
metric = "revenue"
interval = "hour"
[sink.payments]
to = "env:DATABASE"
event = ["add_revenue", "subtract_revenue"]
columns = { id = "id", who = "subject", amount = "value", kind = "type" }
notify = "payments"
"""

_USERS = 40
_SENDERS = 2
_HOUR = 3_600
_START = datetime(2026, 3, 28, tzinfo=UTC)


class Senders:
    """Threads that send payments until they are told to stop, each until it is acknowledged."""

    def __init__(self, server: Server, seed: int) -> None:
        """Draw what is sent from ``seed``."""
        self._server = server
        self._seed = seed
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(number,)) for number in range(_SENDERS)
        ]
        self.sent: list[list[dict[str, Any]]] = [[] for _ in range(_SENDERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def total(self) -> int:
        """How many events are acknowledged."""
        return sum(len(events) for events in self.sent)

    def _send(self, number: int) -> None:
        drawn = random.Random(f"{self._seed} {number}")
        headers = {"Authorization": f"Bearer {self._server.key}"}
        with httpx2.Client(headers=headers, trust_env=False, timeout=10) as client:
            batch = 0
            while not self._stop.is_set():
                batch += 1
                events = [
                    _payment(drawn, f"{number}-{batch}-{place}")
                    for place in range(drawn.randint(1, 20))
                ]
                self._deliver(client, events)
                self.sent[number] += events

    def _deliver(self, client: httpx2.Client, events: list[dict[str, Any]]) -> None:
        """Send until it is acknowledged; the ids make that harmless."""
        while True:
            try:
                reply = client.post(f"{self._server.url}/v1/events", json=events)
            except httpx2.TransportError:
                self._stop.wait(0.05)
            else:
                if reply.is_success:
                    return
                self._stop.wait(0.05)


def _payment(drawn: random.Random, name: str) -> dict[str, Any]:
    at_s = drawn.randrange(48 * _HOUR)
    return {
        "type": drawn.choice(["add_revenue", "add_revenue", "subtract_revenue"]),
        "id": name,
        "time": (_START + timedelta(seconds=at_s)).isoformat().replace("+00:00", "Z"),
        "subject": f"user-{drawn.randrange(_USERS)}",
        "data": {"value": drawn.randrange(1, 10_000) / 100},
    }


def check(server: Server, database: Process | None, place: str, seed: int, kills: str) -> str:
    """Send, kill ``s`` the server and ``d`` the database in turn, compare; return what happened.

    Raises:
        AssertionError: a table differs from what was acknowledged.
    """
    with Senders(server, seed) as senders:
        for kill in kills:
            before = senders.total
            if kill == "s":
                server.kill()
                server.start()
            elif database is not None:
                database.kill()
                until(lambda: senders.total > before + 100, "events without the database", 30)  # noqa: B023
                database.start()
            until(lambda: senders.total > before + 100, "more events", 30)  # noqa: B023
    events = [event for some in senders.sent for event in some]
    until_settled(server)
    _compare(server, place, events, f"seed {seed}")
    return f"{len(events)} events, {len(kills)} kills"


def until_settled(server: Server) -> None:
    """Wait until every table is at the position of the store."""
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx2.Client(base_url=server.url, headers=headers, trust_env=False) as client:

        def settled() -> bool:
            sinks = client.get("/v1/sinks").json()["sinks"]
            return all(one["state"] == "following" and not one["lag_positions"] for one in sinks)

        until(settled, "the sinks to follow", 60)


def _compare(server: Server, place: str, events: list[dict[str, Any]], what: str) -> None:
    by_user: dict[str, Decimal] = defaultdict(Decimal)
    by_hour: dict[str, Decimal] = defaultdict(Decimal)
    for event in events:
        value = Decimal(str(event["data"]["value"]))
        signed = value if event["type"] == "add_revenue" else -value
        by_user[event["subject"]] += signed
        by_hour[event["time"][:13]] += signed
    users = {
        row["user_id"]: Decimal(row["revenue"]) for row in Table(place, "users_revenue").rows()
    }
    assert users == by_user, f"{what}: users"
    assert _entity(server) == by_user, f"{what}: the entity itself"
    hours = {
        str(row["time"])[:13].replace(" ", "T"): Decimal(row["value"])
        for row in Table(place, "hours").rows()
    }
    assert hours == by_hour, f"{what}: hours"
    payments = {row["id"]: (row["who"], row["kind"]) for row in Table(place, "payments").rows()}
    sent = {event["id"]: (event["subject"], event["type"]) for event in events}
    assert payments == sent, f"{what}: payments"


def _entity(server: Server) -> dict[str, Decimal]:
    headers = {"Authorization": f"Bearer {server.key}"}
    path = f"{server.url}/v1/entities/user?limit=1000"
    reply = httpx2.get(path, headers=headers, trust_env=False)
    entities = reply.json()["entities"]
    return {one["key"]: Decimal(str(one["fields"]["revenue"])) for one in entities}
