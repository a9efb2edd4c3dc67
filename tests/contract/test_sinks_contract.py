"""A kept table equals the entity, the metric or the events, on each database there is.

In the flow: a store in this process, sinks, and a real SQLite, PostgreSQL and MariaDB.
Guarantee: the table is read by plain SQL over a connection of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.event_store import EventStore, event_store
from tests.query_model import Told
from tests.sink_room import Room, Table
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Server

pytest_plugins = ("tests.contract.databases",)

T0 = 1_774_656_000_000_000  # 2026-03-28T00:00Z, the day before the clocks change in Oslo
HOUR_US = 3_600_000_000

SHOP = """
application = "shop"
[event.add]
data.value = { type = "decimal", required = true, scale = 4 }
data.place = "string"
data.pieces = "integer"
data.paid = "boolean"
data.weight = "number"
data.due = "time"
[event.subtract]
data.value = { type = "decimal", required = true, scale = 4 }
data.place = "string"
[metric.revenue]
aggregate = "sum"
of = [ { event = "add", value = "value" }, { event = "subtract", value = "-value" } ]
by = ["subject", "place"]
[metric.adds]
event = "add"
aggregate = "count"
[entity.user]
key = "subject"
events = ["add", "subtract"]
fields.revenue = { metric = "revenue" }
fields.pieces = { latest = "pieces" }
fields.paid = { latest = "paid" }
fields.weight = { latest = "weight" }
fields.due = { latest = "due" }
fields.seen = { latest = "time" }
fields.place = { first = "place" }
"""
USERS = (
    SHOP
    + """
[sink.users]
to = "env:DATABASE"
table = "users_revenue"
entity = "user"
columns = { user_id = "key", revenue = "revenue" }
"""
)
WIDE = (
    SHOP
    + """
[sink.users]
to = "env:DATABASE"
table = "users_revenue"
entity = "user"
columns.user_id = "key"
columns.revenue = "revenue"
columns.pieces = "pieces"
columns.paid = "paid"
columns.weight = "weight"
columns.due = "due"
columns.seen = "seen"
columns.place = "place"
"""
)
DAYS = (
    SHOP
    + """
[sink.days]
to = "env:DATABASE"
metric = "revenue"
interval = "day"
tz = "Europe/Oslo"
by = ["place"]
columns = { day = "time", place = "place", revenue = "value" }
[sink.minutes]
to = "env:DATABASE"
metric = "adds"
interval = "minute"
[sink.whole]
to = "env:DATABASE"
metric = "adds"
"""
)
EVENTS = (
    SHOP
    + """
[sink.payments]
to = "env:DATABASE"
event = ["add", "subtract"]
columns.id = "id"
columns.at = "time"
columns.who = "subject"
columns.kind = "type"
columns.amount = "value"
columns.place = "place"
"""
)


def add(number: int, who: str, value: str, kind: str = "add", at_us: int = T0, **data: Any) -> Told:
    """Return a payment."""
    return Told(kind, at_us, f"e{number}", who, None, {"value": Decimal(value), **data})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventStore]:
    """Return one store for all; each test has a team of its own."""
    with event_store(tmp_path_factory.mktemp("events"), SHOP) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL or path of an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "kept.db")
    server: Server = request.getfixturevalue(f"{request.param}_server")
    return server.make_database("livetally_kept")


def plain(value: Any) -> Any:
    """Return a value as it would be on any of the databases: SQLite has texts for some."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
    if isinstance(value, str) and value.endswith("Z") and value[:2] == "20":
        return datetime.fromisoformat(value)
    if isinstance(value, str) and value.replace(".", "").replace("-", "").isdigit():
        return Decimal(value)
    return value


def users(table: Table) -> dict[str, Decimal]:
    """Return who has how much."""
    return {row["user_id"]: Decimal(row["revenue"]) for row in table.rows()}


def test_an_entity_is_kept(store: EventStore, place: str, tmp_path: Path) -> None:
    """What was there is filled in, what comes is followed, every digit of a decimal is kept."""
    table = Table(place, "users_revenue")
    store.define(USERS)
    with Room(store, place, tmp_path) as room:
        room.commit([add(1, "ada", "100.0001"), add(2, "bob", "0.1")])
        room.settled()
        assert users(table) == {"ada": Decimal("100.0001"), "bob": Decimal("0.1")}
        for number in range(3, 13):
            room.commit([add(number, "bob", "0.1")])
        room.commit(
            [add(13, "ada", "100.0001", "subtract"), add(14, "Ada", "1"), add(15, "ada ", "2")]
        )
        room.settled()
    assert users(table) == {
        "ada": Decimal(0),
        "bob": Decimal("1.1"),
        "Ada": Decimal(1),
        "ada ": Decimal(2),
    }
    assert table.primary_key() == ["user_id"]


def test_every_type_comes_back_as_it_was(store: EventStore, place: str, tmp_path: Path) -> None:
    """Integers, binary numbers, booleans, instants and missing values are what the events say."""
    table = Table(place, "users_revenue")
    store.define(WIDE)
    data: dict[str, Any] = {
        "pieces": -(2**60),
        "paid": True,
        "weight": 0.1,
        "due": "2026-03-29T02:30:00.123456+02:00",
    }
    with Room(store, place, tmp_path) as room:
        room.commit([add(1, "ada", "1", place="Ås, 😀", **data), add(2, "bob", "2")])
        room.settled()
        ada, bob = ({name: plain(value) for name, value in row.items()} for row in table.rows())
    due = datetime(2026, 3, 29, 0, 30, 0, 123456, UTC)
    assert ada == {
        "user_id": "ada",
        "revenue": Decimal(1),
        "pieces": -(2**60),
        "paid": True,
        "weight": 0.1,
        "due": due,
        "seen": datetime(2026, 3, 28, tzinfo=UTC),
        "place": "Ås, 😀",
    }
    assert {name for name, value in bob.items() if value is None} == {
        "pieces",
        "paid",
        "weight",
        "due",
        "place",
    }


def test_columns_have_the_types_of_their_fields(
    store: EventStore, place: str, tmp_path: Path
) -> None:
    """A decimal is numeric, an instant is one, wherever the database has such types."""
    store.define(WIDE)
    with Room(store, place, tmp_path) as room:
        room.settled()
        types = Table(place, "users_revenue").types()
    kind = place.split("://", maxsplit=1)[0]
    expected = {
        "postgresql": ("TEXT", "NUMERIC", "BIGINT", "BOOLEAN", "DOUBLE PRECISION", "TIMESTAMP"),
        "mariadb": ("VARCHAR(760)", "DECIMAL(65, 4)", "BIGINT", "TINYINT", "DOUBLE", "DATETIME"),
    }.get(kind, ("TEXT", "TEXT", "BIGINT", "BOOLEAN", "DOUBLE", "TEXT"))
    names = ("user_id", "revenue", "pieces", "paid", "weight", "due")
    assert dict(zip(names, expected, strict=True)) == {name: types[name] for name in names}


def test_a_metrics_buckets_are_kept(store: EventStore, place: str, tmp_path: Path) -> None:
    """Days as in Oslo over the change of clocks, a missing dimension as null, late events too."""
    days, minutes, whole = (Table(place, name) for name in ("days", "minutes", "whole"))
    store.define(DAYS)
    with Room(store, place, tmp_path) as room:
        room.commit([add(1, "ada", "1", place="oslo"), add(2, "ada", "2", at_us=T0 + 23 * HOUR_US)])
        room.settled()
        room.commit([add(3, "bob", "5", at_us=T0 - 400 * 24 * HOUR_US, place="oslo")])
        room.commit([add(4, "bob", "0.5", "subtract", T0 + 22 * HOUR_US, place="oslo")])
        room.commit([add(5, "bob", "7", at_us=T0 + 45 * HOUR_US + 1)])
        room.settled()
        found = {(plain(row["day"]), row["place"]): Decimal(row["revenue"]) for row in days.rows()}
        assert found == {
            (datetime(2025, 2, 20, 23, tzinfo=UTC), "oslo"): Decimal(5),
            (datetime(2026, 3, 27, 23, tzinfo=UTC), "oslo"): Decimal("0.5"),
            (datetime(2026, 3, 28, 23, tzinfo=UTC), None): Decimal(9),
        }
        assert len(minutes.rows()) == 4
        assert [row["value"] for row in whole.rows()] == [4]
    assert minutes.primary_key() == ["time"]


def test_events_are_kept_one_row_each(store: EventStore, place: str, tmp_path: Path) -> None:
    """Each event is a row, in history and from now on; other types are not."""
    table = Table(place, "payments")
    store.define(EVENTS)
    with Room(store, place, tmp_path) as room:
        room.commit([add(number, "ada", "1.5", place="a") for number in range(700)])
        room.settled()
        room.commit([add(1000, "bob", "2", "subtract")])
        room.commit([Told("other", T0, "o1", None, None, {})])
        room.settled()
    rows = table.rows("id")
    assert len(rows) == 701
    assert plain(rows[0]["at"]) == datetime(2026, 3, 28, tzinfo=UTC)
    (bob,) = [row for row in rows if row["who"] == "bob"]
    assert (bob["kind"], Decimal(bob["amount"]), bob["place"]) == ("subtract", Decimal(2), None)


def test_what_was_missed_is_made_up_for(store: EventStore, place: str, tmp_path: Path) -> None:
    """A sink that was away for many commits goes on from its position, and fills nothing anew."""
    table = Table(place, "users_revenue")
    store.define(USERS)
    with Room(store, place, tmp_path) as room:
        room.commit([add(1, "ada", "1"), add(2, "bob", "1")])
        room.settled()
    # Only a table that is filled anew loses this.
    table.do("INSERT INTO users_revenue (user_id, revenue) VALUES ('stranger', 1)")
    for number in range(3, 8):
        store.commit(room.team, [add(number, "bob", "1")])
    with Room(store, place, tmp_path, team=room.team) as again:
        again.settled()
        assert users(table) == {"ada": Decimal(1), "bob": Decimal(6), "stranger": Decimal(1)}
        again.sinks.rebuild(room.team, "users")
        again.settled()
    assert users(table) == {"ada": Decimal(1), "bob": Decimal(6)}


def test_a_change_of_the_definition_changes_the_table(
    store: EventStore, place: str, tmp_path: Path
) -> None:
    """Columns come, change their type and go, and the rows are filled anew."""
    table = Table(place, "users_revenue")
    store.define(USERS)
    with Room(store, place, tmp_path) as room:
        room.commit([add(1, "ada", "1.25", pieces=3)])
        room.settled()
        room.declare(WIDE)
        room.settled()
        assert table.rows()[0]["pieces"] == 3
        room.declare(USERS.replace('revenue = "revenue" }', 'revenue = "pieces", since = "seen" }'))
        room.settled()
        (row,) = table.rows()
        assert {name: plain(value) for name, value in row.items()} == {
            "user_id": "ada",
            "revenue": 3,
            "since": datetime(2026, 3, 28, tzinfo=UTC),
        }
        room.declare(USERS.replace('{ user_id = "key"', '{ who = "key"'))
        room.settled()
        assert table.primary_key() == ["who"]
        assert table.rows() == [{"who": "ada", "revenue": table.rows()[0]["revenue"]}]


def test_a_table_of_somebody_else_is_left_alone(
    store: EventStore, place: str, tmp_path: Path
) -> None:
    """A table with rows of its own is refused; an empty one is taken as it is."""
    table = Table(place, "users_revenue")
    table.do(
        "CREATE TABLE users_revenue (user_id varchar(50) PRIMARY KEY, revenue numeric)",
        "INSERT INTO users_revenue VALUES ('theirs', 7)",
    )
    store.define(USERS)
    with Room(store, place, tmp_path) as room:
        room.commit([add(1, "ada", "3")])
        until(lambda: room.standing("users").error, "the refusal")
        assert "did not write" in room.standing("users").error
        assert room.standing("users").lag_positions > 0
        assert users(table) == {"theirs": Decimal(7)}
        table.do("DELETE FROM users_revenue")
        room.settled()
    assert users(table) == {"ada": Decimal(3)}


def test_another_servers_table_is_taken_on_demand_only(
    store: EventStore, place: str, tmp_path: Path
) -> None:
    """Two servers that name the same table don't overwrite each other, until one is told to."""
    table = Table(place, "users_revenue")
    store.define(USERS)
    with Room(store, place, tmp_path) as room:
        room.commit([add(1, "ada", "3")])
        room.settled()
        with Room(store, place, tmp_path, name="two") as other:
            other.commit([add(2, "eve", "4")])
            until(lambda: other.standing("users").error, "the refusal")
            assert "Another Livetally server" in other.standing("users").error
            assert users(table) == {"ada": Decimal(3)}
            other.sinks.rebuild(other.team, "users")
            other.settled()
            assert users(table) == {"eve": Decimal(4)}
            room.commit([add(3, "ada", "1")])
            until(lambda: room.standing("users").error, "the first to be refused")
    assert users(table) == {"eve": Decimal(4)}


def test_a_dropped_table_is_made_and_filled_again(
    store: EventStore, place: str, tmp_path: Path
) -> None:
    """Somebody drops the table: the next commit brings it back, with everything."""
    table = Table(place, "users_revenue")
    store.define(USERS)
    with Room(store, place, tmp_path) as room:
        room.commit([add(1, "ada", "3")])
        room.settled()
        table.do("DROP TABLE users_revenue")
        room.commit([add(2, "bob", "1")])
        room.settled()
    assert users(table) == {"ada": Decimal(3), "bob": Decimal(1)}
