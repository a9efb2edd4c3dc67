"""Kills an example's server and database in turn while its events arrive, and counts its tables.

In the flow: run by ``test_examples_kills`` for each example that keeps tables.
Guarantee: what is compared was worked out from the events that were acknowledged, in plain Python,
and by SQL over a connection of its own.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import httpx2
import msgspec

from livetally.cli.demo_examples import Example
from livetally.testing import Server
from tests.e2e.walls import talk
from tests.sink_room import Table
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Process

__all__ = [
    "RECOUNTS",
    "Background",
    "Recount",
    "Rows",
    "check",
    "compare",
    "differences",
    "plain",
    "settled",
]

Events = Sequence[dict[str, Any]]
Rows = dict[str, tuple[Any, ...]]

_STEP_US = 1_000_000
# Later than every history: what is new is also what is newest.
_FROM_US = 1_800_000_000_000_000
_BATCH = 20
_MORE = 100


class Recount(NamedTuple):
    """What a table must hold: its columns, the key first, and the rows worked out from events.

    ``entity`` is what the table is of, and its fields in the order of the columns; "" for events.
    """

    table: str
    columns: tuple[str, ...]
    rows: Callable[[Events], Rows]
    entity: str = ""
    fields: tuple[str, ...] = ()


class Background(ABC):
    """A thread that works until told to stop; ``_work`` looks at ``_stop``. A context manager."""

    def __init__(self) -> None:
        """It begins with the block."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @abstractmethod
    def _work(self) -> None:
        """Do it."""


class Sender(Background):
    """A thread that sends an example's history and then what is new, each until acknowledged."""

    def __init__(self, server: Server, example: Example, seed: int) -> None:
        """Draw what is new from ``seed``."""
        self._server = server
        self._example = example
        self._random = Random(seed)
        self.sent: list[dict[str, Any]] = []
        super().__init__()

    def _work(self) -> None:
        with talk(self._server, self._server.key) as client:
            for body in self._bodies():
                while not _acknowledged(client, body):
                    if self._stop.wait(0.05):
                        return
                self.sent += msgspec.json.Decoder().decode_lines(body)
                if self._stop.is_set():
                    return

    def _bodies(self) -> Iterator[bytes]:
        for _, body in self._example.history(0):
            yield body
        lines: list[bytes] = []
        for number, (_, made) in enumerate(self._example.live(self._random)):
            lines.append(made(_FROM_US + number * _STEP_US).strip() + b"\n")
            if len(lines) == _BATCH:
                yield b"".join(lines)
                lines.clear()


def _acknowledged(client: httpx2.Client, body: bytes) -> bool:
    headers = {"Content-Type": "application/x-ndjson"}
    try:
        reply = client.post("/v1/events", content=body, headers=headers)
    except httpx2.TransportError:
        return False
    assert reply.status_code in (200, 503), reply.text
    return reply.is_success


def check(
    server: Server,
    database: Process,
    place: str,
    example: Example,
    recounts: Sequence[Recount],
    seed: int,
) -> str:
    """Send, kill the server, the database, and the server again; compare; return what happened.

    Raises:
        AssertionError: a table differs from the recount, or from the entity.
    """
    with Sender(server, example, seed) as sender:
        for kill in ("server", "database", "server"):
            before = len(sender.sent)
            if kill == "server":
                server.kill()
                server.start()
            else:
                database.kill()
                _until_more(sender, before)
                database.start()
            _until_more(sender, len(sender.sent))
    # The last body may be stored and not acknowledged: it is sent again, and is known.
    with talk(server, server.key) as client:
        until(lambda: settled(client), "the sinks to follow", 90)
        stored = sum(row["value"] for row in client.get(_of_all(example)).json()["rows"])
        assert stored >= len(sender.sent)
        events = sender.sent + _unacknowledged(client, sender.sent)
        for one in recounts:
            compare(client, place, one, events, f"seed {seed}: {one.table}")
    return f"{len(events)} events"


def _until_more(sender: Sender, before: int) -> None:
    until(lambda: len(sender.sent) > before + _MORE, "more events", 60)


def _of_all(example: Example) -> str:
    return example.stored.partition("?")[0]


def _unacknowledged(client: httpx2.Client, sent: Events) -> list[dict[str, Any]]:
    """Return the newest events that are stored though nobody was told so."""
    known = {event["id"] for event in sent}
    newest = client.get(f"/v1/events?limit={2 * _BATCH}").json()["events"]
    return [event for event in newest if event["id"] not in known]


def settled(client: httpx2.Client) -> bool:
    """Whether every sink is at the position of the store."""
    sinks = client.get("/v1/sinks").json()["sinks"]
    return all(one["state"] == "following" and not one["lag_positions"] for one in sinks)


def compare(client: httpx2.Client, place: str, one: Recount, events: Events, what: str) -> None:
    """Compare a table, and the entity that it is of, with the recount of ``events``.

    Raises:
        AssertionError: it differs; ``what`` says which one it is.
    """
    expected = one.rows(events)
    kept = {
        str(row[one.columns[0]]): tuple(plain(row[name]) for name in one.columns[1:])
        for row in Table(place, one.table).rows()
    }
    wrong = differences(kept, expected)
    assert not wrong, f"{what}: {wrong}"
    if one.entity:
        wrong = differences(_entities(client, one), expected)
        assert not wrong, f"{what}: the entity itself: {wrong}"


def differences(found: Rows, expected: Rows) -> list[tuple[str, Any, Any]]:
    """Return the first few keys whose rows differ, with what was found and what should be."""
    keys = sorted(found.keys() | expected.keys())
    pairs = ((key, found.get(key), expected.get(key)) for key in keys)
    return [pair for pair in pairs if pair[1] != pair[2]][:5]


def _entities(client: httpx2.Client, one: Recount) -> Rows:
    found: Rows = {}
    cursor: str | None = ""
    while cursor is not None:
        parameters = {"limit": "1000", "cursor": cursor} if cursor else {"limit": "1000"}
        page = msgspec.json.decode(
            client.get(f"/v1/entities/{one.entity}", params=parameters).content,
            type=dict[str, Any],
        )
        for entity in page["entities"]:
            fields = entity["fields"]
            found[entity["key"]] = tuple(plain(fields[name]) for name in one.fields)
        cursor = page.get("next")
    return found


def plain(value: object) -> object:
    """Make a database's and the API's values comparable: numbers exact, all else text."""
    if value is None:
        return None
    if isinstance(value, (int, float, Decimal)):
        return Decimal(str(value)).normalize()
    return str(value)


def _in_order(events: Events) -> list[dict[str, Any]]:
    return sorted(events, key=lambda event: (event["time"], event["id"]))


def _creations(events: Events) -> Rows:
    made = (event for event in events if event["type"] == "item_created")
    return {one["id"]: (one["data"]["item"], one["data"]["base_item"]) for one in made}


def _transfers(events: Events) -> Rows:
    made = (event for event in events if event["type"] == "item_transferred")
    return {one["id"]: (one["data"]["item"], one["data"]["owner"]) for one in made}


def _items(events: Events) -> Rows:
    base: dict[str, str] = {}
    owner: dict[str, str] = {}
    for event in _in_order(events):
        data = event["data"]
        if event["type"] == "item_created":
            base.setdefault(data["item"], data["base_item"])
        elif event["type"] == "item_transferred":
            owner[data["item"]] = data["owner"]
    return {item: (base.get(item), owner.get(item)) for item in base.keys() | owner.keys()}


def _users(events: Events) -> Rows:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for event in events:
        sign = 1 if event["type"] == "add_revenue" else -1
        sums[event["subject"]] += sign * Decimal(str(event["data"]["value"]))
    return {user: (total.normalize(),) for user, total in sums.items()}


def _incidents(events: Events) -> Rows:
    known: dict[str, dict[str, str]] = defaultdict(dict)
    for event in _in_order(events):
        one, data = known[event["subject"]], event["data"]
        one |= {name: data[name] for name in ("text", "severity", "status") if name in data}
        if "machine" in data:
            one.setdefault("machine", data["machine"])
    columns = ("text", "machine", "severity", "status")
    return {name: tuple(one.get(column) for column in columns) for name, one in known.items()}


RECOUNTS = {
    "circular": (
        Recount("item_creations", ("id", "item_id", "base_item_id"), _creations),
        Recount("transfers", ("id", "item_id", "owner_id"), _transfers),
        Recount(
            "items", ("id", "base_item_id", "owner_id"), _items, "item", ("base_item", "owner")
        ),
    ),
    "revenue": (Recount("users_revenue", ("user_id", "revenue"), _users, "user", ("revenue",)),),
    "incidents": (
        Recount(
            "incidents",
            ("id", "text", "machine", "severity", "status"),
            _incidents,
            "incident",
            ("text", "machine", "severity", "status"),
        ),
    ),
}
