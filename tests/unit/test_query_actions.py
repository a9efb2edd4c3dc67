"""An action's template becomes an event's data."""

from __future__ import annotations

import pytest

from livetally.definitions import Action
from livetally.errors import BadInput
from livetally.query.actions import action_data


def test_a_template_is_filled_by_its_grammar_with_json_forms() -> None:
    """Doubled braces stand for themselves, names may hold hyphens, values are written as JSON."""
    action = Action("any", {"t": "{{x}} {my-param} {a} {b}"})
    given = {"my-param": True, "a": None, "b": [1, "x"]}
    assert action_data(action, "k", None, "c", given) == {"t": '{x} true null [1,"x"]'}


def test_a_parameter_is_no_field_of_the_entity() -> None:
    """A body can't give what only the entity's state may."""
    with pytest.raises(BadInput):
        action_data(Action("any", {"t": "{entity.s}"}), "k", None, "c", {"entity.s": "x"})
