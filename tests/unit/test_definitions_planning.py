"""The plan of a change, in words.

In the flow: two versions of a small definition.
Guarantee: whoever reads a plan knows what applying it does to the numbers that people look at.
"""

from __future__ import annotations

from livetally.definitions import Change, ChangeKind, plan, plan_text, read_toml
from tests.declaring import shop

BEFORE = """\
application = "a"
title = "Old"
[event.e]
data = { v = "decimal", w = "string" }
[event.gone]
[metric.m]
aggregate = "sum"
event = "e"
value = "v"
[metric.same]
aggregate = "count"
event = "e"
by = ["w"]
[entity.x]
key = "subject"
events = ["e"]
fields.v = { latest = "v" }
fields.n = { count = true }
actions.go = { event = "e" }
[dashboard.d]
panels = []
[alert.s]
metric = "m"
window = "1 hour"
above = 1
"""
AFTER = """\
application = "a"
title = "New"
[event.e]
data = { v = { type = "decimal", scale = 2 }, w = "string", u = { type = "uuid", required = true } }
[metric.m]
aggregate = "sum"
event = "e"
value = "v"
[metric.same]
aggregate = "count"
of = [{ event = "e" }]
by = ["w"]
[metric.r]
ratio = ["m", "same"]
[entity.x]
key = "subject"
events = ["e"]
title = "X"
fields.v = { latest = "v" }
actions.go = { event = "e", when = ["v:>0"], data = { w = "x", u = "{id}" } }
[dashboard.d]
panels = [{ kind = "line", metric = "m" }]
[alert.s]
metric = "m"
window = "1 hour"
above = 2
"""


def test_every_change_is_named() -> None:
    """Also that of a metric which reads a field that has changed, though it is written the same."""
    made = plan(read_toml(BEFORE, "old"), read_toml(AFTER, "new"))
    assert [(change.kind.value, change.what, change.name) for change in made.changes] == [
        ("changed", "application", "a"),
        ("changed", "field", "e.v"),
        ("added", "field", "e.u"),
        ("changed", "metric", "m"),
        ("added", "metric", "r"),
        ("changed", "entity", "x"),
        ("changed", "entity field", "x.v"),
        ("changed", "action", "x.go"),
        ("changed", "dashboard", "d"),
        ("changed", "alert", "s"),
        ("removed", "event", "gone"),
        ("removed", "entity field", "x.n"),
    ]
    details = {(change.what, change.name): change.detail for change in made.changes}
    assert details["application", "a"] == "title Old -> New"
    assert details["field", "e.v"] == "scale 9 -> 2; stored events are read by the new declaration"
    assert details["field", "e.u"] == "uuid, required"
    assert details["metric", "m"] == (
        "a field that it reads has changed; answers change over all history"
    )
    assert details["metric", "r"] == "m / same"
    assert details["entity", "x"] == "title (none) -> X"
    assert details["entity field", "x.v"] == (
        "a field that it reads has changed; every entity is derived anew"
    )
    assert details["action", "x.go"].startswith('data (none) -> {"w":"x","u":"{id}"}, when (none)')
    assert details["event", "gone"] == "its events stay stored"


def test_first_application_adds_everything() -> None:
    """Each declaration with what it is, in a few words."""
    made = plan(None, shop('[metric.m]\naggregate = "count"\nevent = "sale"\nby = ["paid"]'))
    assert {change.kind for change in made.changes} == {ChangeKind.ADDED}
    assert made.changes[-1] == Change(ChangeKind.ADDED, "metric", "m", "count of sale by paid")
    assert Change(ChangeKind.ADDED, "field", "sale.value", "decimal of 9 decimals") in made.changes


def test_plan_is_written_for_a_terminal() -> None:
    """A line for each change, then their number."""
    old, new = shop(), shop('[metric.m]\naggregate = "count"\nevent = "sale"')
    assert plan_text(plan(old, new)) == "+ metric m: count of sale\nshop: 1 added."
    assert plan_text(plan(new, old)) == (
        "- metric m: it can't be asked for any more; the events stay stored\nshop: 1 removed."
    )
    assert plan_text(plan(new, new)) == "shop: nothing changes."


def test_comments_and_spelling_are_no_change() -> None:
    """Only what is declared counts."""
    text = '[metric.m]\naggregate = "count"\nevent = "sale"\n'
    assert plan(shop(text), shop(f"# hello\n{text}where = []\n")).changes == ()


def test_long_values_are_cut() -> None:
    """A plan stays readable."""
    new = shop(f'[metric.m]\naggregate = "count"\nevent = "sale"\ntitle = "{"x" * 500}"')
    old = shop('[metric.m]\naggregate = "count"\nevent = "sale"')
    assert len(plan(old, new).changes[0].detail) < 150


def test_taking_an_application_away_removes_all_of_it() -> None:
    """Every declaration is in the plan, and nothing else."""
    old = read_toml(BEFORE, "before.toml")
    gone = plan(old, None)
    assert gone.application == "a"
    assert {change.kind for change in gone.changes} == {ChangeKind.REMOVED}
    added = plan(None, old)
    assert [(one.what, one.name) for one in gone.changes] == [
        (one.what, one.name) for one in added.changes
    ]
