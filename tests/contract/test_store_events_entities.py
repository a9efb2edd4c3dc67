"""Pages of entities: the same as a model's, whatever they are sorted by, while events come in."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from livetally.errors import BadInput
from livetally.query.entities import EntityState, ask_entity_page, one_entity, parse_entities
from livetally.store.events import Engine
from tests.event_store import KINDS, EventStore, event_store
from tests.query_model import Told

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00Z
SHOP = """
application = "shop"
[event.sale]
data.amount = { type = "decimal", scale = 2 }
data.shop = "string"
data.order = "integer"
[event.refund]
data.amount = { type = "decimal", scale = 2 }
data.order = "integer"
[metric.revenue]
aggregate = "sum"
of = [ { event = "sale", value = "amount" }, { event = "refund", value = "-amount" } ]
by = ["subject", "order"]
[entity.customer]
key = "subject"
events = ["sale", "refund"]
fields.spent = { metric = "revenue" }
fields.last_shop = { latest = "shop" }
fields.most = { max = "amount" }
fields.since = { first = "time" }
fields.sales = { count = "sale" }
fields.via = { latest = "source" }
fields.time = { latest = "time" }
[entity.store]
key = "shop"
events = ["sale"]
fields.takings = { sum = "amount" }
[entity.order]
key = "order"
events = ["sale", "refund"]
fields.balance = { metric = "revenue" }
"""
# Keys that are not in the order of their numbers, one that every quoting must survive.
PEOPLE = [f"p{i * 37 % 60}" for i in range(60)] + ["it's", 'a"b\\', "æ😀"]


@pytest.fixture(scope="module", params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventStore]:
    """Open one store of each kind; each test has its own team."""
    with event_store(tmp_path_factory.mktemp("events"), SHOP, kind=request.param) as opened:
        yield opened


def sales(first: int, count: int) -> list[Told]:
    """Return sales and refunds of many people."""
    events = []
    for n in range(first, first + count):
        person = PEOPLE[n * 11 % len(PEOPLE)]
        amount = Decimal(n * 7919 % 1000).scaleb(-2)
        data: dict[str, Any] = {"amount": amount, "order": n % 11}
        if n % 5:
            data |= {"shop": f"s{n % 7}"}
        kind = "sale" if n % 3 else "refund"
        if kind == "refund":
            data.pop("shop", None)
        events.append(Told(kind, T0 + n * 1_000_000 // 3, f"e{n:05}", person, None, data))
    return events


def pages(store: EventStore, team: int, entity: str, **parameters: str) -> list[EntityState]:
    """Return all pages, one after the other."""
    found: list[EntityState] = []
    cursor = ""
    while True:
        asked = parameters | ({"cursor": cursor} if cursor else {})
        query = parse_entities(entity, {name: [text] for name, text in asked.items()})
        page = ask_entity_page(store.engine, query, store.declared, team)
        found += page.states
        cursor = page.next
        if not cursor:
            return found


def model(events: list[Told]) -> dict[str, dict[str, Any]]:
    """Return each customer's fields, worked out in plain Python."""
    states: dict[str, dict[str, Any]] = {}
    for event in sorted(events, key=lambda one: (one.at_us, one.id)):
        state = states.setdefault(
            event.subject or "", {"spent": Decimal(0), "last_shop": None, "most": None, "sales": 0}
        )
        amount = event.data["amount"]
        state["spent"] += amount if event.type == "sale" else -amount
        state["sales"] += event.type == "sale"
        state["last_shop"] = event.data.get("shop") or state["last_shop"]
        state["most"] = amount if state["most"] is None else max(state["most"], amount)
    return states


@pytest.mark.parametrize("sort", ["", "-key", "spent", "-spent", "last_shop", "-sales"])
def test_pages_together_are_the_model(store: EventStore, sort: str) -> None:
    """Every key once, in the order asked for; merged or not, with a projection or without."""
    team = next(store.teams)
    events = sales(0, 300)
    store.commit(team, events[:170])
    store.merge()
    store.commit(team, events[170:])
    wanted = model(events)
    asked = {"limit": "7"} | ({"sort": sort} if sort else {})
    for _ in range(2):
        found = pages(store, team, "customer", **asked)
        shown = {
            state.key: {name: state.fields[name] for name in ("spent", "last_shop", "most")}
            | {"sales": state.fields["sales"]}
            for state in found
        }
        assert len(found) == len(wanted)
        assert shown == wanted
        field = sort.removeprefix("-")
        places = [_place(state, field, wanted) for state in found]
        some = [place for place in places if place[0] is not None]
        assert some == sorted(some, reverse=sort.startswith("-"))
        assert places[len(some) :] == [place for place in places if place[0] is None]
        store.merge()


def _place(state: EntityState, field: str, wanted: dict[str, dict[str, Any]]) -> tuple[Any, str]:
    key = state.key.encode().decode()
    return ("", key) if field in ("", "key") else (wanted[state.key][field], key)


def test_a_filter_is_met_by_every_row_of_every_page(store: EventStore) -> None:
    """Filtered by one field and sorted by another."""
    team = next(store.teams)
    events = sales(0, 200)
    store.commit(team, events)
    found = pages(store, team, "customer", where="last_shop:s3", sort="-spent", limit="2")
    wanted = {key for key, state in model(events).items() if state["last_shop"] == "s3"}
    assert len(wanted) > 2
    assert [state.key for state in found] == sorted(
        wanted, key=lambda key: (model(events)[key]["spent"], key), reverse=True
    )


def test_a_field_may_be_called_time(store: EventStore) -> None:
    """Of an entity it is a field like any other: it is filtered and sorted by."""
    team = next(store.teams)
    store.commit(team, [sales(1, 1)[0]._replace(subject="p1"), sales(9, 1)[0]])
    wanted = [PEOPLE[9 * 11 % len(PEOPLE)]]
    assert [
        one.key for one in pages(store, team, "customer", where="time:>=2026-01-01T00:00:03Z")
    ] == wanted
    assert [one.key for one in pages(store, team, "customer", sort="-time")] == [*wanted, "p1"]


def test_the_latest_of_two_sources_is_the_same_in_any_order(store: EventStore) -> None:
    """Id, time and commit may be those of another source's event: the source decides.

    No source is no value, as everywhere else: an earlier one's stays.
    """
    kinds = {"b": "south", "a": "north", None: "west"}
    told = [
        sales(1, 1)[0]._replace(subject="p1", source=source, data={"amount": 1, "shop": shop})
        for source, shop in kinds.items()
    ]
    for events in (told, told[::-1]):
        team = next(store.teams)
        store.commit(team, [*events, sales(4, 1)[0]._replace(subject="p2")])
        for _ in range(2):
            one, other = pages(store, team, "customer")
            assert (one.fields["last_shop"], one.fields["via"]) == ("south", "b")
            assert other.fields["via"] is None
            store.merge()


@pytest.mark.parametrize(
    ("entity", "keys"),
    [
        ("store", [f"s{i}" for i in range(7)]),
        ("order", sorted(str(i) for i in range(11))),
    ],
)
def test_a_key_may_be_a_field(store: EventStore, entity: str, keys: list[str]) -> None:
    """Of texts or of numbers: in the order of the keys as texts."""
    team = next(store.teams)
    store.commit(team, sales(0, 120))
    assert [one.key for one in pages(store, team, entity, limit="3")] == keys
    assert [one.key for one in pages(store, team, entity, limit="4", sort="-key")] == keys[::-1]


def test_a_page_is_of_one_moment(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes between the two statements of a page is asked again, not half shown."""
    team = next(store.teams)
    store.commit(team, sales(0, 90))
    read = Engine.read
    late = iter(sales(90, 3))
    largest = {"amount": Decimal(9999)}

    def between(self: Engine, sql: str, *rest: Any) -> Any:
        rows = read(self, sql, *rest)
        if "entity_key" in sql and "events" not in sql.partition("FROM")[0]:
            for event in late:
                on_page = event._replace(type="sale", subject=rows[-1][0], data=largest)
                store.commit(team, [on_page])
                break
        return rows

    monkeypatch.setattr(Engine, "read", between)
    query = parse_entities("customer", {"sort": ["-spent"], "limit": ["5"]})
    page = ask_entity_page(store.engine, query, store.declared, team).states
    spent = [state.fields["spent"] for state in page]
    assert not list(late), "it was asked until nothing changed"
    assert spent == sorted(spent, reverse=True)
    assert spent[0] >= 9999


def test_a_page_is_read_from_the_projection(store: EventStore) -> None:
    """One entity and a page of them cost the same however many events there are."""
    team = next(store.teams)
    store.commit(team, sales(0, 300))
    store.merge()
    for query in (
        one_entity("customer", "p7"),
        parse_entities("customer", {}),
        parse_entities("customer", {"sort": ["-spent"], "where": ["last_shop:s1"]}),
        parse_entities("store", {}),
    ):
        plans = _plans(store, team, query)
        assert plans
        assert all("ReadFromMergeTree (p_" in plan for plan in plans), plans
        if not query.sort and query.key is None:
            assert "Read type: InOrder" in plans[0], "as far as the page is full, and no further"


def _plans(store: EventStore, team: int, query: Any) -> list[str]:
    plans: list[str] = []
    read = Engine.read

    def watched(self: Engine, sql: str, *rest: Any) -> Any:
        if "entity_key" in sql:
            plans.append("\n".join(row[0] for row in read(self, f"EXPLAIN {sql}", *rest)))
        return read(self, sql, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "read", watched)
        ask_entity_page(store.engine, query, store.declared, team)
    return plans


def test_a_cursor_goes_on_in_the_order_that_it_was_made_for(store: EventStore) -> None:
    """A name is no amount: with another order, or another type of the field, it says where not."""
    team = next(store.teams)
    store.commit(team, sales(0, 100))

    def page(sort: str, cursor: str = "", entity: str = "customer") -> str:
        asked = {"limit": ["2"], "sort": [sort]} | ({"cursor": [cursor]} if cursor else {})
        query = parse_entities(entity, asked)
        return ask_entity_page(store.engine, query, store.declared, team).next

    made = page("last_shop")
    assert page("last_shop", made)
    for sort in ("-last_shop", "spent", "since", "sales", "key"):
        with pytest.raises(BadInput, match="cursor"):
            page(sort, made)
    made = page("most")
    store.define(SHOP.replace("scale = 2", "scale = 3"))
    try:
        with pytest.raises(BadInput, match="cursor"):
            page("most", made)
    finally:
        store.define(SHOP)
