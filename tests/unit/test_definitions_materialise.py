"""What the store has to keep, and whether applications can live beside each other.

In the flow: several small applications, of one team and of several.
Guarantee: equal declarations share a column and a projection, whoever makes them.
"""

from __future__ import annotations

import pytest

from livetally.definitions import (
    Application,
    check_team,
    materialised,
    projection_dimensions,
    read_json,
    read_toml,
    to_json,
)
from livetally.errors import InvalidDefinition
from tests.declaring import shop


def app(text: str, name: str = "b") -> Application:
    """Return another application."""
    return read_toml(f'application = "{name}"\n{text}', f"{name}.toml")


def metric(name: str, event: str, by: str = "[]") -> str:
    """Write a count."""
    return f'[metric.{name}]\naggregate = "count"\nevent = {event}\nby = {by}\n'


def test_equal_fields_share_a_column() -> None:
    """Of all event types and applications; limits are left out, as they may differ."""
    other = app('[event.x]\ndata.value = { type = "decimal", required = true, minimum = 5 }')
    columns = materialised([shop(), other]).columns
    assert sorted(columns) == list(columns)
    assert columns == materialised([other, shop()]).columns
    assert columns["f_value__decimal9"].minimum is None
    assert list(columns) == [
        "f_address__city__string",
        "f_count__integer",
        "f_order__uuid",
        "f_paid__boolean",
        "f_reason__string",
        "f_value__decimal9",
        "f_weight__number",
    ]


def test_metrics_of_equal_dimensions_share_a_projection() -> None:
    """The order in which dimensions are written makes no difference; ratios have none."""
    first = shop(
        metric("m1", '"sale"', '["paid", "subject"]')
        + metric("m2", '"sale"', '["subject", "paid", "type"]')
        + metric("m3", '"sale"')
        + '[metric.r]\nratio = ["m1", "m2"]'
    )
    second = app('[event.x]\ndata.paid = "boolean"\n' + metric("m4", '"x"', '["subject", "paid"]'))
    found = materialised([second, first])
    assert found == materialised([first, second])
    assert [
        (spec.dimensions, [(metric.application, metric.name) for metric in spec.metrics])
        for spec in found.projections
    ] == [
        ((), [("shop", "m3")]),
        (("f_paid__boolean", "subject"), [("b", "m4"), ("shop", "m1"), ("shop", "m2")]),
    ]


def test_field_of_two_types_is_two_dimensions() -> None:
    """A metric over event types that declare a field differently groups by both columns."""
    other = app(
        '[event.x]\ndata.k = "string"\n[event.y]\ndata.k = "integer"\n'
        + metric("m", '["x", "y", "z"]', '["k"]')
    )
    assert projection_dimensions(other.metrics["m"]) == ("f_k__integer", "f_k__string")


def test_applications_of_a_team_need_different_names() -> None:
    """A metric, a ratio, an entity or a dashboard is found by its name alone."""
    text = (
        metric("m", '"sale"') + metric("n", '"sale"') + '[metric.r]\nratio = ["m", "n"]\n'
        '[entity.e]\nkey = "subject"\nevents = ["sale"]\n[dashboard.d]\npanels = []'
    )
    new = app(f"[event.sale]\n{text}", "new")
    with pytest.raises(InvalidDefinition) as caught:
        check_team(new, [shop(text)], "new.toml")
    assert [(line, key) for line, key, _ in caught.value.problems] == [
        (3, "metric.m"),
        (7, "metric.n"),
        (11, "metric.r"),
        (13, "entity.e"),
        (16, "dashboard.d"),
    ]
    assert "application 'shop' has a metric of this name" in caught.value.problems[2].reason


def test_field_has_one_type_in_a_team() -> None:
    """The same event type may be declared twice, but not with another type or scale."""
    check_team(app('[event.sale]\ndata.value = "decimal"\ndata.more = "string"'), [shop()], "b")
    new = app('[event.refund]\n\ndata.address.city = "integer"')
    for written, line in ((new, 4), (read_json(to_json(new), "json"), 1)):
        with pytest.raises(InvalidDefinition) as caught:
            check_team(written, [shop()], "b.toml")
        [problem] = caught.value.problems
        assert (problem.line, problem.key) == (line, "event.refund.data.address.city")
        assert problem.reason == "application 'shop' declares it as string, not integer"


def test_older_version_of_an_application_is_no_conflict() -> None:
    """Applying a definition again replaces it."""
    check_team(shop(metric("m", '"sale"')), [shop(metric("m", '"refund"'))], "shop.toml")
