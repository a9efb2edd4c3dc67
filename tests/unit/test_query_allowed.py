"""Which actions a state allows, and metrics that nobody declared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from livetally.definitions import Action, Field, FieldType, parse_filters, read_toml
from livetally.errors import BadInput
from livetally.query import Declared
from livetally.query.adhoc import ADHOC, with_adhoc
from livetally.query.allowed import allowed_actions, forbidding

SHOP = """
application = "shop"
[event.order]
data.total = { type = "decimal", scale = 2, required = true }
data.channel = "string"
"""


@pytest.mark.parametrize(
    ("when", "value", "allowed"),
    [
        ("status:done", "done", True),
        ("status:done", None, False),
        ("!status:done", None, True),
        ("!status:done", "done", False),
        ("status:open,waiting", "waiting", True),
        ("status:w*", "waiting", True),
        ("status:*", None, False),
        ("!status:*", None, True),
        ("status:>9", 10, True),
        ("status:>9", "10", False),
        ("status:1..2.5", Decimal("2.50"), True),
        ("status:true", True, True),
    ],
)
def test_an_action_is_allowed_by_its_conditions(when: str, value: Any, *, allowed: bool) -> None:
    """Each form of a condition, on a field that is set or not."""
    action = Action("any", when=parse_filters([when]))
    fields = {"status": value}
    assert (allowed_actions({"go": action}, fields, {}) == ("go",)) is allowed
    assert (forbidding(action, fields, {}) is None) is allowed


@pytest.mark.parametrize(
    ("when", "kind", "value", "allowed"),
    [
        ("f:>2025-12-31T20:00:00-05:00", FieldType.TIME, "2026-01-01T00:00:00Z", False),
        ("f:2026-01-01T01:00:00+01:00", FieldType.TIME, "2026-01-01T00:00:00Z", True),
        (
            "f:0B0F6C1E-0C6F-4C5E-9F0E-4A5A7C0C8E11",
            FieldType.UUID,
            "0b0f6c1e-0c6f-4c5e-9f0e-4a5a7c0c8e11",
            True,
        ),
    ],
)
def test_a_condition_is_read_by_its_fields_type(
    when: str, kind: FieldType, value: str, *, allowed: bool
) -> None:
    """Times and UUIDs are compared as what they mean, however they are written."""
    action = Action("any", when=parse_filters([when]))
    assert (forbidding(action, {"f": value}, {"f": Field("f", kind)}) is None) is allowed


def test_the_first_condition_that_is_not_met_is_named() -> None:
    """All conditions have to hold; without events nothing but absence does."""
    action = Action("any", when=parse_filters(["a:1", "b:2", "c:3"]))
    found = forbidding(action, {"a": "1", "b": "1", "c": "1"}, {})
    assert found is not None
    assert found.field == "b"
    assert allowed_actions({"go": action, "always": Action("any")}, {}, {}) == ("always",)


def test_an_undeclared_metric_is_read_like_a_declared_one() -> None:
    """Field types come from the definition; the team's own names stay; the same object returns."""
    declared = Declared([read_toml(SHOP, "test")])
    found = with_adhoc(declared, "order", "sum", "total")
    metric = found.metric(ADHOC)
    assert not hasattr(metric, "numerator")
    assert metric.terms[0].fields["total"].scale == 2
    assert with_adhoc(declared, "order", "sum", "total") is found
    assert with_adhoc(declared, "unheard", "count", "").metric(ADHOC).name == ADHOC
    assert ADHOC not in declared.metrics


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (("order", "sum", ""), "value"),
        (("order", "sum", "channel"), "value"),
        (("order", "sum", "totl"), "value"),
        (("order", "som", "total"), "aggregate"),
        (("order", "count", "total"), "value"),
        (("", "count", ""), "event"),
    ],
)
def test_what_is_wrong_is_named(asked: tuple[str, str, str], field: str) -> None:
    """A mistake names the parameter, not a place in a definition that nobody wrote."""
    declared = Declared([read_toml(SHOP, "test")])
    with pytest.raises(BadInput) as refused:
        with_adhoc(declared, *asked)
    assert refused.value.field == field
