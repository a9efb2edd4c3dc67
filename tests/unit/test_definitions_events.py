"""Event types and the fields of their data, as a definition declares them.

In the flow: definitions with one thing declared or one mistake.
Guarantee: a field has the limits that were written, and a limit that makes no sense is named.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from livetally.definitions import Field, FieldType, read_toml
from tests.declaring import mistakes


def fields(data: str) -> dict[str, Field]:
    """Return the fields of an event type whose table holds ``data``."""
    text = f'application = "a"\n[event.e]\n{data}'
    return read_toml(text, "a.toml").events["e"].fields


def test_short_form_is_the_type() -> None:
    """A field may be declared by its type alone."""
    assert fields('data.value = "integer"') == {"value": Field("value", FieldType.INTEGER)}


def test_decimal_has_nine_decimals_unless_said_otherwise() -> None:
    """Only a decimal has a scale."""
    assert fields('data.v = "decimal"')["v"].scale == 9
    assert fields('data.v = { type = "decimal", scale = 0 }')["v"].scale == 0
    assert fields('data.v = "number"')["v"].scale is None


def test_every_limit_is_kept() -> None:
    """Limits are exact, also those with a fraction."""
    found = fields(
        'data.a = { type = "decimal", minimum = 0.1, maximum = 5, required = true }\n'
        'data.b = { type = "string", max_length = 3, one_of = ["x", "y"], description = "D" }\n'
        'data.c = { type = "integer", one_of = [1, 2] }\n'
    )
    assert found["a"] == Field(
        "a", FieldType.DECIMAL, required=True, scale=9, minimum=Decimal("0.1"), maximum=5
    )
    assert found["b"] == Field(
        "b", FieldType.STRING, one_of=("x", "y"), max_length=3, description="D"
    )
    assert found["c"].one_of == (1, 2)


def test_listed_uuids_are_written_as_they_are_stored() -> None:
    """In capitals, or without dashes, they would be another value than any event has."""
    one = "550e8400-e29b-41d4-a716-446655440000"
    listed = f'["{one.upper()}", "{one.replace("-", "")}", "none"]'
    found = fields(f'data.u = {{ type = "uuid", one_of = {listed} }}')["u"]
    assert found.one_of == (one, one, "none")


@pytest.mark.parametrize(
    "data",
    [
        'data.address.city = "string"',
        'data."address.city" = "string"',
        'data.address = { city = "string" }',
        "[event.e.data.address]\ncity = { type = 'string' }",
    ],
)
def test_nested_field_is_named_by_its_path(data: str) -> None:
    """A table without a type holds nested fields, however it is written."""
    assert list(fields(data)) == ["address.city"]


def test_field_called_like_a_key_of_fields_can_be_declared() -> None:
    """A nested ``type`` or ``description`` is a field where its value is a table."""
    assert list(fields('data.a = { type = { type = "string" } }')) == ["a.type"]
    assert list(fields('data.a = { description = "string" }')) == ["a.description"]


@pytest.mark.parametrize("name", ["order.created", "a/b", "A-1_", "x" * 100])
def test_event_type_name(name: str) -> None:
    """Letters, digits, ``_ - . /`` up to 100."""
    assert name in read_toml(f'application = "a"\n[event."{name}"]', "a.toml").events


@pytest.mark.parametrize(
    ("data", "key", "part"),
    [
        ('data.v = "integr"', "data.v.type", "did you mean 'integer'?"),
        ("data.v = 5", "data.v", "must be a type"),
        ("data.v = { required = true }", "data.v", "'type' is missing"),
        ('data.v = { typ = "string", required = true }', "data.v.typ", "did you mean 'type'?"),
        ('data.v = { type = "string", scale = 2 }', "data.v.scale", "only a decimal"),
        ('data.v = { type = "decimal", scale = 19 }', "data.v.scale", "from 0 to 18"),
        ('data.v = { type = "decimal", scale = true }', "data.v.scale", "from 0 to 18"),
        ('data.v = { type = "string", minimum = 2 }', "data.v.minimum", "only a numeric"),
        ('data.v = { type = "integer", minimum = 2.5 }', "data.v.minimum", "whole number"),
        ('data.v = { type = "integer", minimum = "2" }', "data.v.minimum", "must be a number"),
        ('data.v = { type = "integer", minimum = 2, maximum = 1 }', "data.v.minimum", "above"),
        (
            'data.v = { type = "decimal", scale = 1, maximum = 0.25 }',
            "data.v.maximum",
            "at most 1 decimals",
        ),
        ('data.v = { type = "number", minimum = nan }', "data.v.minimum", "not a finite number"),
        ('data.v = { type = "integer", max_length = 2 }', "data.v.max_length", "only a string"),
        ('data.v = { type = "boolean", one_of = ["x"] }', "data.v.one_of", "only a string"),
        ('data.v = { type = "string", one_of = [] }', "data.v.one_of", "list of 1 to 1000"),
        ('data.v = { type = "string", one_of = ["x", 1] }', "data.v.one_of[1]", "must be a text"),
        ('data.v = { type = "integer", one_of = [true] }', "data.v.one_of[0]", "a whole number"),
        ('data.v = { type = "string", one_of = ["x", "x"] }', "data.v.one_of[1]", "listed twice"),
        ('data.v = { type = "string", required = "yes" }', "data.v.required", "true or false"),
        ('data.v = { type = "string", foo = 1 }', "data.v.foo", "no key here"),
        ('data."1v" = "string"', "data.1v", "a field's name is"),
        ('data.a = "string"\ndata."a.b" = "string"', "data", "can't be a string and hold 'a.b'"),
        ('data."a.b" = "string"\ndata.a.b = "string"', "data.a.b", "declared twice"),
        ('descripton = "x"', "descripton", "did you mean 'description'?"),
        ("description = 5", "description", "must be a text, not a number"),
        ('data = "string"', "data", "must be a table"),
    ],
)
def test_mistake_in_a_field_is_named(data: str, key: str, part: str) -> None:
    """One mistake gives one problem, at its own key."""
    found = mistakes(f'application = "a"\n[event.e]\n{data}')
    assert (f"event.e.{key}", True) in [(name, part in reason) for _, name, reason in found]
    assert len(found) <= 2


def test_event_type_with_a_forbidden_name() -> None:
    """A name is up to 100 letters, digits and four marks."""
    for name in ("a b", "", "x" * 101):
        [(line, _, reason)] = mistakes(f'application = "a"\n[event."{name}"]')
        assert (line, reason[:13]) == (2, "an event type")


def test_dots_in_an_event_type_need_quotes() -> None:
    """Without them TOML makes a table within a table, which is an unknown key."""
    assert mistakes('application = "a"\n[event.order.created]')[0][1] == "event.order.created"


def test_at_most_five_hundred_fields() -> None:
    """An event type with 501 fields is refused."""
    data = "\n".join(f'data.f{number} = "string"' for number in range(501))
    assert len(fields(data.rpartition("\n")[0])) == 500
    assert [key for _, key, _ in mistakes(f'application = "a"\n[event.e]\n{data}')] == [
        "event.e.data"
    ]
