"""An action's template becomes an event's data."""

from __future__ import annotations

import pytest

from livetally.definitions import Action, Entity, Field, FieldType
from livetally.errors import BadInput
from livetally.query.actions import action_data, with_key

FIELDS = {"n": Field("n", FieldType.INTEGER), "o.id": Field("o.id", FieldType.STRING)}


def test_a_template_is_filled_by_its_grammar_with_json_forms() -> None:
    """Doubled braces stand for themselves, names may hold hyphens, values are written as JSON."""
    action = Action("any", {"t": "{{x}} {my-param} {a} {b}"})
    given = {"my-param": True, "a": None, "b": [1, "x"]}
    assert action_data(action, "k", None, "c", given) == {"t": '{x} true null [1,"x"]'}


def test_a_parameter_is_no_field_of_the_entity() -> None:
    """A body can't give what only the entity's state may."""
    with pytest.raises(BadInput):
        action_data(Action("any", {"t": "{entity.s}"}), "k", None, "c", {"entity.s": "x"})


@pytest.mark.parametrize(
    ("key", "text", "data", "made"),
    [
        ("subject", "7", {"a": 1}, {"a": 1}),
        ("n", "-7", {"a": 1}, {"a": 1, "n": -7}),
        ("o.id", "7", {"o": {"a": 1}}, {"o": {"a": 1, "id": "7"}}),
        ("o.id", "7", {}, {"o": {"id": "7"}}),
        ("data.type", "x", {}, {"type": "x"}),
        ("n", "7", {"n": 8}, {"n": 8}),
    ],
)
def test_the_key_goes_where_the_entity_reads_it_from(
    key: str, text: str, data: dict[str, object], made: dict[str, object]
) -> None:
    """As the type that is declared, within the object that holds it, and not over the template."""
    assert with_key(data, Entity("e", "app", key, ("x",), {}), FIELDS, text) == made


@pytest.mark.parametrize("text", ["x", "1.5", "", "\u0663"])
def test_a_key_that_is_no_integer_is_refused(text: str) -> None:
    """The event would be refused anyway, for a reason that names no parameter."""
    with pytest.raises(BadInput, match="whole number"):
        with_key({}, Entity("e", "app", "n", ("x",), {}), FIELDS, text)
