"""Entities and their actions, as a definition declares them.

In the flow: the small shop with one entity added.
Guarantee: every documented form is kept; what no event could ever give is refused.
"""

from __future__ import annotations

import pytest

from livetally.definitions import (
    Action,
    Entity,
    EntityField,
    EntityFieldKind,
    Filter,
    Op,
    placeholders,
)
from tests.declaring import shop, shop_mistakes

# Ten lines; what a test adds to the entity begins on line 11.
BUYER = """\
[metric.revenue]
aggregate = "sum"
event = "sale"
value = "value"
by = ["subject"]
[entity.buyer]
key = "subject"
events = ["sale", "refund"]
fields.state = { latest = "type" }
fields.paid = { latest = "paid" }
"""


def buyer(declaration: str) -> Entity:
    """Return the entity with something added."""
    return shop(BUYER + declaration).entities["buyer"]


def test_fields_follow_from_events() -> None:
    """Latest and first take any value or attribute, the rest numbers, events or a metric."""
    found = buyer(
        'fields.since = { first = "time", title = "Since" }\n'
        'fields.total = { sum = "value", where = ["paid:true"], unit = "EUR" }\n'
        'fields.most = { max = "count" }\n'
        "fields.events = { count = true }\n"
        'fields.refunds = { count = "refund" }\n'
        'fields.revenue = { metric = "revenue" }\n'
    ).fields
    kinds = {name: (field.kind, field.of) for name, field in found.items()}
    assert kinds == {
        "state": (EntityFieldKind.LATEST, "type"),
        "paid": (EntityFieldKind.LATEST, "paid"),
        "since": (EntityFieldKind.FIRST, "time"),
        "total": (EntityFieldKind.SUM, "value"),
        "most": (EntityFieldKind.MAX, "count"),
        "events": (EntityFieldKind.COUNT, None),
        "refunds": (EntityFieldKind.COUNT, "refund"),
        "revenue": (EntityFieldKind.METRIC, "revenue"),
    }
    assert found["since"].title == "Since"
    assert found["total"].unit == "EUR"
    assert found["total"].where == (Filter("paid", Op.IN, ("true",)),)
    assert {event: field.column for event, field in found["total"].fields.items()} == {
        "sale": "f_value__decimal9",
        "refund": "f_value__decimal9",
    }


def test_key_may_be_a_field_that_all_its_events_declare() -> None:
    """An entity can be known by a data field."""
    found = shop('[entity.order]\nkey = "order"\nevents = ["refund"]').entities["order"]
    assert (found.key, found.events) == ("order", ("refund",))


def test_how_it_is_shown_is_kept() -> None:
    """Title, description, the field that names it, the order of a list."""
    found = buyer('title = "Buyers"\ndescription = "D"\ntitle_field = "state"\nsort = "-paid"')
    assert (found.title, found.description, found.title_field, found.sort) == (
        "Buyers",
        "D",
        "state",
        "-paid",
    )


def test_action_appends_an_event() -> None:
    """With data from parameters, from the entity and constants, in the states that allow it."""
    found = buyer(
        'actions.refund = { event = "refund", title = "Refund", undo = "charge", '
        'when = ["paid:true", "key:a*"], '
        'data = { value = "{value}", reason = "{{by}} {caller} of {entity.state}", '
        'address = { city = "Oslo" } } }\n'
        'actions.charge = { event = "sale", data = { value = 1.5, count = 1 } }'
    )
    assert found.actions["refund"] == Action(
        "refund",
        {
            "value": "{value}",
            "reason": "{{by}} {caller} of {entity.state}",
            "address": {"city": "Oslo"},
        },
        (Filter("paid", Op.IN, ("true",)), Filter("key", Op.PREFIX, ("a",))),
        "charge",
        "Refund",
    )


def test_placeholders_are_read_off_a_text() -> None:
    """Double braces stand for braces."""
    assert placeholders("{a} {{b}} {entity.c}{key}") == ("a", "entity.c", "key")


@pytest.mark.parametrize(
    ("declaration", "key", "part"),
    [
        ("fields.x = {}", "fields.x", "exactly one of: latest, first"),
        ('fields.x = { latest = "type", first = "type" }', "fields.x", "exactly one of"),
        ('fields.x = "latest"', "fields.x", "must be a table"),
        ('fields.x = { latest = "" }', "fields.x.latest", "must be a name"),
        ("fields.x = { latest = 1 }", "fields.x.latest", "must be a text"),
        ('fields.x = { latest = "reson" }', "fields.x.latest", "did you mean 'reason'?"),
        ('fields.x = { sum = "reason" }', "fields.x.sum", "is a string; sum needs"),
        ('fields.x = { max = "time" }', "fields.x.max", "can't be used here"),
        ('fields.x = { count = "sal" }', "fields.x.count", "did you mean 'sale'?"),
        ("fields.x = { count = 1 }", "fields.x.count", "must be true"),
        ('fields.x = { metric = "revenu" }', "fields.x.metric", "did you mean 'revenue'?"),
        (
            'fields.x = { metric = "revenue", where = ["paid:true"] }',
            "fields.x.where",
            "its own conditions",
        ),
        ('fields.x = { count = true, where = ["payd:1"] }', "fields.x.where[0]", "mean 'paid'?"),
        ("fields.x = { count = true, wher = 1 }", "fields.x.wher", "did you mean 'where'?"),
        ('fields."a b" = { count = true }', 'fields."a b"', "a name has only"),
        ('title_field = "stat"', "title_field", "did you mean 'state'?"),
        ('sort = "-stat"', "sort", "did you mean 'state'?"),
        ("actions.a = {}", "actions.a", "'event' is missing"),
        ('actions.a = { event = "sal" }', "actions.a.event", "did you mean 'sale'?"),
        ('actions.a = { event = "sale", undo = "a" }', "actions.a.undo", "no other action"),
        ('actions.a = { event = "sale", undo = "b" }', "actions.a.undo", "no other action"),
        ('actions.a = { event = "sale", when = ["stat:1"] }', "actions.a.when[0]", "mean 'state'?"),
        ('actions.a = { event = "sale", when = ["paid:5"] }', "actions.a.when[0]", "true or false"),
        (
            'actions.a = { event = "sale", creates = true, when = ["paid:true"] }',
            "actions.a.when",
            "has no fields",
        ),
        ('actions.a = { event = "sale", data = 5 }', "actions.a.data", "must be a table"),
        ('actions.a = { event = "sale", data = { valu = 1 } }', "actions.a.data.valu", "'value'?"),
        (
            'actions.a = { event = "sale", data = { count = "1" } }',
            "actions.a.data.count",
            "integer",
        ),
        ('actions.a = { event = "sale", data = { paid = 1 } }', "actions.a.data.paid", "boolean"),
        (
            'actions.a = { event = "sale", data = { weight = true } }',
            "actions.a.data.weight",
            "num",
        ),
        (
            'actions.a = { event = "refund", data = { order = "x" } }',
            "actions.a.data.order",
            "uuid",
        ),
        ('actions.a = { event = "sale", data = { value = "{" } }', "actions.a.data.value", "brace"),
        (
            'actions.a = { event = "sale", data = { value = "{a b}" } }',
            "actions.a.data.value",
            "is not",
        ),
        (
            'actions.a = { event = "sale", data = { value = "{entity.stat}" } }',
            "actions.a.data.value",
            "did you mean 'state'?",
        ),
        (
            'actions.a = { event = "x", data = { "a b" = 1 } }',
            'actions.a.data."a b"',
            "name of a field",
        ),
    ],
)
def test_mistake_in_an_entity_is_named(declaration: str, key: str, part: str) -> None:
    """One mistake gives one problem, at its line and key."""
    [(line, found_key, reason)] = shop_mistakes(BUYER + declaration)
    assert (line, found_key) == (11, f"entity.buyer.{key}")
    assert part in reason


@pytest.mark.parametrize(
    ("declaration", "line", "key", "part"),
    [
        ('events = ["sale"]', 1, "", "'key' is missing"),
        ('key = "subject"', 1, "", "'events' is missing"),
        ('key = "subject"\nevents = ["sal"]', 3, ".events[0]", "did you mean 'sale'?"),
        ('key = "id"\nevents = ["sale"]', 2, ".key", "'id' can't be used here"),
        ('key = "ordr"\nevents = ["refund"]', 2, ".key", "did you mean 'order'?"),
        (
            'key = "order"\nevents = ["refund", "sale"]',
            2,
            ".key",
            "'sale' does not declare 'order'",
        ),
        ('key = "value"\nevents = ["sale"]', 2, ".key", "a decimal can't be a key"),
        ('key = "a b"\nevents = ["sale"]', 2, ".key", "is not a name"),
    ],
)
def test_entity_needs_a_key_in_all_its_events(
    declaration: str, line: int, key: str, part: str
) -> None:
    """Without one, an event could not be told to concern it."""
    [(found_line, found_key, reason)] = shop_mistakes(f"[entity.e]\n{declaration}")
    assert (found_line, found_key) == (line, f"entity.e{key}")
    assert part in reason


def test_metric_of_an_entity_needs_its_key_as_dimension() -> None:
    """Otherwise it has no value for one entity."""
    [(_, key, reason)] = shop_mistakes(
        '[metric.all]\naggregate = "count"\nevent = "sale"\n'
        '[entity.e]\nkey = "subject"\nevents = ["sale"]\nfields.n = { metric = "all" }'
    )
    assert key == "entity.e.fields.n.metric"
    assert "needs the entity's key in its dimensions: 'subject'" in reason


@pytest.mark.parametrize(
    ("metric", "part"),
    [
        (
            'aggregate = "p50"\nevent = "sale"\nvalue = "value"',
            "has the aggregate p50; a field needs one",
        ),
        (
            'aggregate = "avg"\nevent = "sale"\nvalue = "value"',
            "has the aggregate avg; a field needs one",
        ),
        (
            'aggregate = "unique"\nevent = "sale"\nvalue = "value"',
            "has the aggregate unique; a field",
        ),
        (
            'aggregate = "count"\nof = [{ event = "sale" }, { event = "refund" }]',
            "counts 'refund', which is not among the entity's events",
        ),
        (
            'aggregate = "max"\nof = TWICE',
            "looks at one event type twice",
        ),
        (
            'aggregate = "sum"\nof = TWICE',
            "takes its values from decimal of scale 9, integer: a field needs one type and scale",
        ),
    ],
)
def test_metric_of_an_entity_has_one_value_of_one_type(metric: str, part: str) -> None:
    """Otherwise the store could not keep it, or the field would say something else."""
    twice = '[{ event = "sale", value = "value" }, { event = "sale", value = "count" }]'
    [(_, key, reason), *_] = shop_mistakes(
        f'[metric.m]\nby = ["subject"]\n{metric.replace("TWICE", twice)}\n'
        '[entity.e]\nkey = "subject"\nevents = ["sale"]\nfields.n = { metric = "m" }'
    )
    assert key == "entity.e.fields.n.metric"
    assert part in reason


def test_ratio_is_no_field_of_an_entity() -> None:
    """Its halves are."""
    [(_, _, reason)] = shop_mistakes(
        '[metric.a]\naggregate = "count"\nevent = "sale"\nby = ["subject"]\n'
        '[metric.r]\nratio = ["a", "a"]\n'
        '[entity.e]\nkey = "subject"\nevents = ["sale"]\nfields.n = { metric = "r" }'
    )
    assert "'r' is a ratio; a field needs a metric" in reason


def test_a_field_adds_up_values_of_one_scale() -> None:
    """Two scales would be added at the larger one, which overflows."""
    [(_, key, reason)] = shop_mistakes(
        '[event.other]\ndata.value = { type = "decimal", scale = 18 }\n'
        '[entity.e]\nkey = "subject"\nevents = ["sale", "other"]\n'
        'fields.s = { sum = "value" }'
    )
    assert key == "entity.e.fields.s.sum"
    assert "is declared as decimal of scale 18, decimal of scale 9" in reason


def test_latest_needs_one_type() -> None:
    """A field that two events declare differently has no type."""
    [(_, key, reason)] = shop_mistakes(
        '[event.other]\ndata.reason = "integer"\n'
        '[entity.e]\nkey = "subject"\nevents = ["refund", "other"]\n'
        'fields.r = { latest = "reason" }'
    )
    assert key == "entity.e.fields.r.latest"
    assert "is declared as integer, string" in reason


def test_action_gives_what_its_event_requires() -> None:
    """A required field that the template leaves out is a mistake; the entity's key is filled in."""
    events = (
        '[event.done]\ndata.item = { type = "string", required = true }\n'
        'data.by = { type = "string", required = true }\n'
        '[entity.item]\nkey = "item"\nevents = ["done"]\n'
    )
    shop(events + 'actions.complete = { event = "done", data = { by = "{caller}" } }')
    [(line, key, reason)] = shop_mistakes(f'{events}actions.complete = {{ event = "done" }}')
    assert (line, key) == (7, "entity.item.actions.complete.data")
    assert reason == "event type 'done' requires 'by'"


def test_bounds_of_an_entity() -> None:
    """At most 100 fields and 50 actions."""
    fields = "\n".join(f"fields.f{number} = {{ count = true }}" for number in range(99))
    assert any("at most 100 fields" in reason for _, _, reason in shop_mistakes(BUYER + fields))
    actions = "\n".join(f'actions.a{number} = {{ event = "sale" }}' for number in range(51))
    assert any("at most 50 actions" in reason for _, _, reason in shop_mistakes(BUYER + actions))


def test_entity_field_carries_the_fields_it_reads() -> None:
    """Of each event type that declares the value."""
    assert buyer("").fields["paid"] == EntityField(
        EntityFieldKind.LATEST, "paid", fields={"sale": shop().events["sale"].fields["paid"]}
    )
