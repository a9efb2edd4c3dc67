"""What becomes of an event type that several applications declare.

In the flow: pairs of declarations, and applications beside each other.
Guarantee: what either says holds; what can't hold beside the rest is refused, or left out and told.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from livetally.definitions import (
    Application,
    EventType,
    Field,
    FieldType,
    check_team,
    joined_event,
    narrowed,
    read_json,
    read_toml,
    to_json,
)
from livetally.errors import InvalidDefinition

TEXT, WHOLE = FieldType.STRING, FieldType.INTEGER


def app(name: str, data: str, event: str = "sale") -> Application:
    """Return an application that declares one event type; its data begins on line 3."""
    return read_toml(f'application = "{name}"\n[event.{event}]\n{data}\n', f"{name}.toml")


def refused(new: Application, *others: Application) -> list[tuple[int, str, str]]:
    """Return line, key and reason of each conflict of an application with others."""
    with pytest.raises(InvalidDefinition) as caught:
        check_team(new, others, "new.toml")
    return [(line, key, reason) for line, key, reason in caught.value.problems]


def test_no_field_holds_a_field_of_another_application() -> None:
    """As in one file, whichever of the two was applied first; other event types don't count."""
    text = app("a", 'data.address = "string"')
    nested = app("b", 'data.x = "string"\ndata.address.city = "string"')
    for written, line in ((nested, 4), (read_json(to_json(nested), "json"), 1)):
        assert refused(written, text) == [
            (
                line,
                "event.sale.data.address.city",
                (
                    "'address' can't be a string, as application 'a' declares it, "
                    "and hold 'address.city'"
                ),
            )
        ]
    assert refused(text, nested) == [
        (
            3,
            "event.sale.data.address",
            "'address' can't be a string and hold 'address.city', which application 'b' declares",
        )
    ]
    deep = app("c", 'data.address.city.part = "integer"')
    assert [key for _, key, _ in refused(deep, text, nested)] == [
        "event.sale.data.address.city.part",
    ] * 2
    check_team(app("b", 'data.address.city = "string"', "refund"), [text], "b.toml")
    check_team(app("b", 'data.addresses.city = "string"'), [text], "b.toml")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (
            Field("f", WHOLE, minimum=0, maximum=20),
            Field("f", WHOLE, minimum=5),
            Field("f", WHOLE, minimum=5, maximum=20),
        ),
        (
            Field("f", FieldType.DECIMAL, scale=2, minimum=Decimal("0.5")),
            Field("f", FieldType.DECIMAL, scale=2, maximum=10, required=True),
            Field(
                "f", FieldType.DECIMAL, required=True, scale=2, minimum=Decimal("0.5"), maximum=10
            ),
        ),
        (
            Field("f", TEXT, one_of=("x", "y"), description="one"),
            Field("f", TEXT, one_of=("z", "y")),
            Field("f", TEXT, one_of=("y",), description="one"),
        ),
        (
            Field("f", TEXT, one_of=("x", "yy")),
            Field("f", TEXT, max_length=1),
            Field("f", TEXT, one_of=("x", "yy"), max_length=1),
        ),
        (
            Field("f", TEXT, max_length=3, required=True),
            Field("f", TEXT, max_length=5, description="other"),
            Field("f", TEXT, max_length=3, required=True, description="other"),
        ),
        (Field("f", WHOLE, minimum=5), Field("f", WHOLE, maximum=4), None),
        (Field("f", TEXT, one_of=("x",)), Field("f", TEXT, one_of=("y",)), None),
        (Field("f", TEXT, one_of=("xxx",)), Field("f", TEXT, max_length=2), None),
        (Field("f", WHOLE, one_of=(1, 2)), Field("f", WHOLE, minimum=3), None),
    ],
)
def test_what_either_says_of_a_field_holds(one: Field, other: Field, both: Field | None) -> None:
    """Bounds narrow each other, from both sides alike; None where no value is left."""
    assert narrowed(one, other) == both
    turned = narrowed(other, one)
    assert (turned is None) == (both is None)
    if both and turned:
        limits = [(f.required, f.minimum, f.maximum, f.max_length) for f in (both, turned)]
        assert limits[0] == limits[1]
        assert set(both.one_of) == set(turned.one_of)


def test_bounds_that_contradict_each_other_are_refused() -> None:
    """At the line of the field, also where only three applications together leave no value."""
    low = app("low", 'data.i = { type = "integer", maximum = 4 }')
    check_team(app("high", 'data.i = { type = "integer", minimum = 4 }'), [low], "high.toml")
    new = app("high", 'data.x = "string"\ndata.i = { type = "integer", minimum = 5 }')
    reason = (
        "with the bounds that application 'low' declares for it, no value is left that it takes"
    )
    assert refused(new, low) == [(4, "event.sale.data.i", reason)]
    pairs = [
        app(name, f'data.s = {{ type = "string", one_of = ["{first}", "{second}"] }}')
        for name, first, second in (("a", "x", "y"), ("b", "y", "z"), ("c", "z", "x"))
    ]
    for i, one in enumerate(pairs):
        check_team(one, [pairs[i - 1]], "pair.toml")
    [(line, key, reason)] = refused(pairs[2], *pairs[:2])
    assert (line, key) == (3, "event.sale.data.s")
    assert "application 'b'" in reason


def test_longest_time_is_kept() -> None:
    """Who says nothing has no say; whoever takes precedence has the only one."""
    one = EventType("sale", keep_days=30, keep_data_days=7)
    other = EventType("sale", keep_days=10, keep_bytes=5)
    for first, second in ((one, other), (other, one)):
        event, clashes = joined_event(first, second)
        assert (event.keep_days, event.keep_data_days, event.keep_bytes) == (30, 7, 5)
        assert not clashes
    event, _ = joined_event(one, other, precedes=True)
    assert (event.keep_days, event.keep_data_days, event.keep_bytes) == (10, 7, 5)


def test_later_declaration_holds_where_both_can_not() -> None:
    """Of the earlier one that is told which doesn't hold; all else of it does."""
    fields = (
        Field("a", TEXT),
        Field("b.c", TEXT, required=True),
        Field("t", TEXT),
        Field("n", WHOLE, maximum=4),
        Field("good", TEXT, required=True),
    )
    later = (
        Field("a.x", TEXT),
        Field("b", TEXT),
        Field("t", WHOLE),
        Field("n", WHOLE, minimum=5),
        Field("good", TEXT),
    )
    event, clashes = joined_event(
        EventType("sale", fields={field.name: field for field in fields}),
        EventType("sale", fields={field.name: field for field in later}),
    )
    assert event.fields == {
        "good": Field("good", TEXT, required=True),
        **{field.name: field for field in later[:4]},
    }
    assert {(clash.event, clash.field): clash.reason for clash in clashes} == {
        ("sale", "a"): "left out: it can't hold 'a.x', which is declared too",
        ("sale", "b.c"): "left out: 'b' is declared as string",
        ("sale", "t"): "left out as string: it is declared as integer too",
        ("sale", "n"): (
            "its bounds don't hold: with those of the other declaration no value is left"
        ),
    }
