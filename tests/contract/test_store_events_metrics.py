"""What the store keeps for metrics: at once over all history, while it is made, and verifiable."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from livetally.query import Difference, Progress, verify
from livetally.store.events import Engine
from livetally.store.events.schema import existing_columns, existing_projections
from tests.event_store import KINDS, EventStore, event_store
from tests.query_model import Told

DAY_US = 86_400_000_000
T0 = 1_767_225_600_000_000  # 2026-01-01T00:00Z

BARE = """
application = "shop"
[event.visit]
"""
FULL = """
application = "shop"
[event.visit]
[event.sale]
data.price = { type = "decimal", scale = 12 }
data.pieces = "integer"
data.weight = "number"
data.paid = "boolean"
data.due = "time"
data.order = "uuid"
data.place.city = "string"
[metric.sales]
event = "sale"
aggregate = "count"
where = ["pieces:*"]
by = ["place.city"]
[metric.revenue]
event = "sale"
aggregate = "sum"
value = "price"
by = ["place.city", "subject"]
[metric.mean_price]
event = "sale"
aggregate = "avg"
value = "price"
[metric.last_due]
event = "sale"
aggregate = "latest"
value = "due"
by = ["paid"]
[metric.orders]
event = "sale"
aggregate = "unique"
value = "order"
[metric.heavy]
event = "sale"
aggregate = "max"
value = "weight"
[metric.share]
ratio = ["sales", "revenue"]
"""
SEVERAL = """
application = "bank"
[event.paid]
data.sum = { type = "decimal", scale = 2 }
[event.repaid]
data.sum = { type = "decimal", scale = 2 }
data.reason = "string"
[event.asked]
[metric.balance]
aggregate = "sum"
of = [ { event = "paid", value = "sum" }, { event = "repaid", value = "-sum" } ]
[metric.doings]
aggregate = "count"
of = [ { event = "repaid", where = ["reason:*"] }, { event = "paid" }, { event = "asked" } ]
[metric.payers]
aggregate = "unique"
of = [ { event = "paid" }, { event = "asked" } ]
"""


@pytest.fixture(scope="module", params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventStore]:
    """Open one store of each kind; each test has its own team."""
    with event_store(tmp_path_factory.mktemp("events"), FULL, kind=request.param) as opened:
        yield opened


def sale(number: int, day: int = 0, **data: object) -> Told:
    """Return a sale at noon of a day of January 2026."""
    return Told("sale", T0 + day * DAY_US + DAY_US // 2, f"s{number}", None, None, data)


SALES = [
    sale(1, price=Decimal("12345678.123456789012"), pieces=3, place={"city": "Oslo"}),
    sale(2, price="0.000000000001", pieces=2**63 - 1, weight=1.5, paid=True),
    sale(3, 1, price=Decimal("1e2"), paid=False, due="2026-03-29T02:30:00.25+02:00"),
    sale(4, 1, order="0B0F6C1E-0C6F-4C5E-9F0E-4A5A7C0C8E11", place={"city": ""}),
    sale(5, 2, order="0b0f6c1e-0c6f-4c5e-9f0e-4a5a7c0c8e11", due="1969-12-31T23:59:59Z", paid=True),
    sale(6, 2, due=f"2026-01-01t23:59:59.{'4' * 21}-23:59"),
    # The engine takes the one for a text and the other for a number that does not fit.
    sale(7, 3, weight=Decimal(10**25 + 1), pieces=1, place={"city": "1" * 25}),
    sale(8, 4, weight=Decimal(-(2**64)), note={"weight": "5"}),
]
# Of undeclared types anything is stored; these are of no declared type and so count as missing.
UNFIT = [
    sale(11, price=Decimal("0.1234567890123"), pieces="5", weight="1", paid=1, due=5, order="x"),
    sale(12, price=True, pieces=5.0, paid="true", due="2026-01-01", place="Oslo"),
    sale(13, price=Decimal("1e30"), pieces=2**63, place={"city": 5}),
    sale(14, price=[1], pieces=None, weight=False, order={"a": 1}, place=[]),
    sale(15, price=Decimal("1e-50"), pieces=Decimal(10**25), place={"city": Decimal(10**25)}),
    sale(16, price="0." + "0" * 40 + "1", weight="1" * 25, note=[Decimal("1" * 24)]),
    sale(17, price=Decimal("1." + "0" * 40 + "1"), due=Decimal(10**25), order=Decimal(10**25)),
]
# Texts that other parsers make something of: a leap second, midnight as 24:00, this year for 0.
UNFIT_TIMES = [
    "2016-12-31T23:59:60Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T12:60:00Z",
    "2026-01-01T12:00:00+24:00",
    "2026-01-01T12:00:00+10:60",
    "2026-01-01T12:00:00",
    "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "1900-12-31T23:59:59.999999Z",
    "2299-01-01T00:00:00.000001Z",
    "2298-12-31T23:59:59-01:00",
    "9999-12-31T23:59:59Z",
]
UNFIT_UUIDS = [
    "{0b0f6c1e-0c6f-4c5e-9f0e-4a5a7c0c8e11}",
    "urn:uuid:0b0f6c1e-0c6f-4c5e-9f0e-4a5a7c0c8e11",
    "0b0f6c1e-0c6f-4c5e-9f0e4a5a-7c0c8e11",
    "0b0f6c1e-0c6f-4c5e-9f0e4a5a7c0c8e11",
]
METRICS = ["sales", "revenue", "mean_price", "last_due", "orders", "heavy", "share"]


def everything(store: EventStore, team: int) -> list[object]:
    """Return all metrics' answers, by day and by their dimensions."""
    found: list[object] = []
    for name in METRICS:
        by = ",".join(store.declared.metric(name).by)
        rows = store.ask(team, name, interval="day", by=by).rows
        found += [(name, row.bucket_us, row.keys, row.value) for row in rows]
    return found


def test_a_definition_answers_over_history_as_if_it_had_been_there(store: EventStore) -> None:
    """Columns and projections that came after the events change nothing in any answer.

    Before, while and after they are made for old parts; values of another type count as missing.
    """
    before, after = next(store.teams), next(store.teams)
    store.commit(after, SALES)
    expected = everything(store, after)
    assert len(expected) > len(METRICS)
    store.define(BARE)
    _drop_all(store.engine)
    store.commit(before, SALES)
    store.define(FULL)
    assert everything(store, before) == expected
    assert everything(store, after) == expected
    store.merge()
    assert everything(store, before) == expected


def test_the_latest_of_two_sources_is_the_same_in_any_order(store: EventStore) -> None:
    """Id, time and commit may be those of another source's event: the source decides."""
    one, other = sale(1)._replace(source="b"), sale(1)._replace(source="a")
    dues = ["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]
    told = [each._replace(data={"due": due}) for each, due in zip((one, other), dues, strict=True)]
    answers = []
    for events in (told, told[::-1]):
        team = next(store.teams)
        store.commit(team, events)
        answers += [store.ask(team, "last_due", raw=raw).rows[0].value for raw in (True, False)]
        store.merge()
        answers += [store.ask(team, "last_due", raw=raw).rows[0].value for raw in (True, False)]
        assert not _differences(store, team)
    assert len(set(answers)) == 1
    assert "2026-01-02" in str(answers[0])


def test_a_value_of_another_type_in_history_is_missing(store: EventStore) -> None:
    """What ingest would refuse today was stored undeclared: it is neither cast nor rounded."""
    team = next(store.teams)
    store.define(BARE)
    _drop_all(store.engine)
    store.commit(team, UNFIT)
    store.define(FULL)
    assert store.ask(team, "sales").rows == []
    assert [row.value for row in store.ask(team, "revenue").rows] == [0]
    for name in ("mean_price", "heavy"):
        assert [row.value for row in store.ask(team, name).rows] == [None]
    assert [row.value for row in store.ask(team, "orders").rows] == [0]
    assert not _differences(store, team)


def test_a_text_of_another_form_in_history_is_missing(store: EventStore) -> None:
    """Ingest takes one form of times and two of UUIDs; the store and ``verify`` no others."""
    team = next(store.teams)
    store.define(BARE)
    _drop_all(store.engine)
    unfit = [sale(i, i, due=text) for i, text in enumerate(UNFIT_TIMES)]
    store.commit(team, [*unfit, *(sale(20 + i, order=text) for i, text in enumerate(UNFIT_UUIDS))])
    store.define(FULL)
    rows = store.ask(team, "last_due", interval="day").rows
    assert {row.value for row in rows} == {None}
    assert [row.value for row in store.ask(team, "orders").rows] == [0]
    assert not _differences(store, team)


def test_verify_finds_nothing_where_nothing_is_wrong(store: EventStore) -> None:
    """Every declared metric is recomputed from what was sent, and is the same."""
    team = next(store.teams)
    store.commit(team, SALES[:3])
    store.commit(team, SALES[3:])
    items = list(verify(store.runner, store.declared, team))
    assert not [item for item in items if isinstance(item, Difference)]
    ends = {item.metric: item for item in items if isinstance(item, Progress)}
    assert ends.keys() == set(METRICS) - {"share"}
    assert all(end.done == end.total == len(SALES) for end in ends.values())


def test_verify_finds_a_planted_difference(store: EventStore) -> None:
    """A typed column that says something else than the event did is found, in its bucket."""
    team = next(store.teams)
    store.commit(team, SALES)
    (column,) = [name for name in existing_columns(store.engine) if "price" in name]
    store.engine.execute(
        f"{store.engine.layout.altering} UPDATE `{column}` = 7"
        f" WHERE team = {team} AND id = 's3' SETTINGS mutations_sync = 1"
    )
    found = _differences(store, team)
    assert {(one.metric, one.bucket_us) for one in found} == {
        ("revenue", T0 + DAY_US),
        ("mean_price", T0 + DAY_US),
    }
    assert {(one.kept, one.recomputed) for one in found} == {(Decimal(7), 100), (Decimal(7), 100)}
    narrowed = verify(store.runner, store.declared, team, ["revenue"], (T0 + 2 * DAY_US, None))
    assert not [one for one in narrowed if isinstance(one, Difference)]


def test_a_declared_metric_is_answered_from_its_projection(store: EventStore) -> None:
    """The engine reads the projection for the metric's own dimensions and for fewer of them."""
    team = next(store.teams)
    store.commit(team, SALES)
    store.merge()
    asked: list[tuple[str, dict[str, Any]]] = [
        ("revenue", {"interval": "day", "tz": "Asia/Kathmandu", "by": "place.city,subject"}),
        ("revenue", {"interval": "month", "by": "subject"}),
        ("revenue", {"where": ["subject:ada", "!place.city:Oslo"]}),
        ("revenue", {"interval": "minute", "from_": "2026-01-01", "to": "2026-01-02"}),
        ("sales", {"interval": "week", "to": "2026-01-09T10:11:12.131415Z"}),
        ("mean_price", {}),
        ("orders", {"interval": "year", "tz": "Australia/Lord_Howe"}),
        ("last_due", {"interval": "day", "fill": "zero", "by": "paid"}),
    ]
    for name, parameters in asked:
        plans = _plans(store, team, name, parameters)
        used = parameters.get("interval") != "minute"
        assert all(("ReadFromMergeTree (p_" in plan) == used for plan in plans), (name, plans)


def test_a_metric_of_several_event_types_is_answered_from_its_projection(
    store: EventStore,
) -> None:
    """The engine rewrites what a question says of types, but not what its projection says."""
    team = next(store.teams)
    store.define(FULL, SEVERAL)
    events = [
        Told("paid", T0, "1", "ada", None, {"sum": Decimal("1.10")}),
        Told("repaid", T0, "2", "ada", None, {"sum": Decimal("0.30"), "reason": "late"}),
        Told("repaid", T0, "3", "ada", None, {"sum": Decimal("0.20")}),
        Told("asked", T0, "4", "bob", None, {}),
    ]
    store.commit(team, events)
    store.merge()
    for name, value in (("balance", Decimal("0.6")), ("doings", 3), ("payers", 2)):
        assert [row.value for row in store.ask(team, name, interval="day").rows] == [value]
        plans = _plans(store, team, name, {"interval": "month"})
        assert all("ReadFromMergeTree (p_" in plan for plan in plans), (name, plans)


def _plans(store: EventStore, team: int, name: str, parameters: dict[str, Any]) -> list[str]:
    """Return the engine's plan of each statement of a question."""
    plans: list[str] = []
    read = Engine.read_columns

    def watched(
        self: Engine, sql: str, parameters: object = None, settings: object = None
    ) -> object:
        if "FROM livetally.events" in sql and "m0" in sql:
            rows = self.read(f"EXPLAIN {sql}", parameters, settings)  # type: ignore[arg-type]
            plans.append("\n".join(row[0] for row in rows))
        return read(self, sql, parameters, settings)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "read_columns", watched)
        store.ask(team, name, **parameters)
    assert plans
    return plans


def _differences(store: EventStore, team: int) -> list[Difference]:
    items = verify(store.runner, store.declared, team)
    return [item for item in items if isinstance(item, Difference)]


def _drop_all(engine: Engine) -> None:
    """Make the table what it was before anything was declared."""
    # A projection that is still being made can't be dropped: a change that waits comes after it.
    engine.execute(f"{engine.layout.altering} DELETE WHERE 0 SETTINGS mutations_sync = 2")
    for projection in existing_projections(engine):
        engine.execute(f"{engine.layout.altering} DROP PROJECTION {projection}")
    declared = [name for name in existing_columns(engine) if name.startswith("f_")]
    for column in declared:
        for table in engine.layout.tables:
            engine.execute(f"ALTER TABLE {table}{engine.layout.on_cluster} DROP COLUMN `{column}`")


MIXED = """
application = "mixed"
[event.a]
data.n = "number"
data.i = "integer"
data.d = { type = "decimal", scale = 2 }
data.e = { type = "decimal", scale = 4 }
[event.b]
data.n = "number"
data.d = { type = "decimal", scale = 2 }
[metric.last]
event = "a"
aggregate = "latest"
value = "n"
by = ["n"]
[metric.total]
event = "a"
aggregate = "sum"
value = "n"
by = ["subject"]
[metric.mean_of_whole]
aggregate = "avg"
of = [ { event = "a", value = "i" }, { event = "b", value = "d" } ]
by = ["subject"]
[metric.mean_of_binary]
aggregate = "avg"
of = [ { event = "a", value = "n" }, { event = "b", value = "d" } ]
by = ["subject"]
[metric.earliest_of_two]
aggregate = "first"
of = [ { event = "a", value = "d" }, { event = "a", value = "e" } ]
by = ["subject"]
[metric.latest_of_two]
aggregate = "latest"
of = [ { event = "a", value = "e" }, { event = "a", value = "d" } ]
by = ["subject"]
"""


def test_verify_reads_numbers_as_answers_do(store: EventStore) -> None:
    """Long ones, means of several types where one has no event, two terms that one event meets."""
    team = next(store.teams)
    numbers: list[Any] = [0.1, 2**63, 2**64 - 1, -(2**63) - 1, 10**20, 1e300, 1e-13, 7]
    events = [
        Told("a", T0 + n, f"m{n}", f"s{n % 3}", None, {"n": value, "i": n, "d": n, "e": n + 1})
        for n, value in enumerate(numbers)
    ]
    events += [
        Told("a", T0 + 99 + n, f"w{n}", "whole", None, {"i": n % 2, "n": 1e-7}) for n in range(3)
    ]
    events.append(Told("b", T0 + 50, "b", "s1", None, {"d": Decimal("0.05"), "n": 1.5}))
    store.define(FULL, MIXED)
    try:
        store.commit(team, events)
        for _ in range(2):
            assert _differences(store, team) == []
            store.merge()
        values = {row.keys[0]: row.value for row in store.ask(team, "last", by="n").rows}
        assert values == {float(one): float(one) for one in (*numbers, 1e-7)}
        means = store.ask(team, "mean_of_whole", by="subject").rows
        assert {row.keys[0]: type(row.value) for row in means} == {
            "s0": float,
            "s1": Decimal,
            "s2": float,
            "whole": float,
        }
    finally:
        store.define(FULL)
