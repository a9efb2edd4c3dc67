"""``[alert.NAME]`` and ``keep``: what can be declared, and what is refused."""

from __future__ import annotations

import pytest

from livetally.definitions import (
    Alert,
    AlertKind,
    AlertTarget,
    AlertTargetKind,
    read_json,
    read_toml,
    to_json,
)
from livetally.errors import InvalidDefinition

SHOP = """\
application = "shop"
[event.sale]
keep = "2 years"
data.value = "integer"
data.shop = "string"
[metric.revenue]
event = "sale"
aggregate = "sum"
value = "value"
[alert.quiet]
"""
QUIET = """\
metric = "revenue"
below = 100
clear = 150.5
window = "15 minutes"
for = "5 minutes"
where = ["shop:north"]
notify = [{ webhook = "env:OPS", secret = "env:OPS_SECRET" }, { email = "ops@example.org" }]
"""


def mistakes(text: str) -> list[tuple[str, str]]:
    """Return key and reason of each mistake."""
    with pytest.raises(InvalidDefinition) as caught:
        read_toml(text, "a.toml")
    return [(problem.key, problem.reason) for problem in caught.value.problems]


def test_an_alert_is_read_whole() -> None:
    """With everything that can be said; every defaults to a minute."""
    found = read_toml(SHOP + QUIET, "a.toml")
    alert = found.alerts["quiet"]
    assert alert == Alert(
        "quiet",
        "shop",
        "revenue",
        AlertKind.BELOW,
        100.0,
        150.5,
        900,
        60,
        300,
        alert.where,
        (
            AlertTarget(AlertTargetKind.WEBHOOK, "OPS", "OPS_SECRET"),
            AlertTarget(AlertTargetKind.EMAIL, "ops@example.org"),
        ),
    )
    assert [one.field for one in alert.where] == ["shop"]
    assert read_json(to_json(found), "again").alerts == found.alerts


def test_keep_is_a_number_of_days() -> None:
    """Written canonically in days, and read again as such."""
    found = read_toml(SHOP + QUIET, "a.toml")
    assert found.events["sale"].keep_days == 730
    assert to_json(found)["event"]["sale"]["keep"] == "730 days"


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ('metric = "revenue"', 'metric = "revenu"', "metric", "did you mean 'revenue'?"),
        ("below = 100", "", "", "needs one of above, below, rises_by, falls_by"),
        ("below = 100", "below = 100\nabove = 1", "", "needs one of"),
        ("below = 100", 'below = "much"', "below", "must be a number"),
        ("clear = 150.5", "clear = 99", "clear", "on the bad side"),
        ('window = "15 minutes"', "", "", "'window' is missing"),
        ('window = "15 minutes"', 'window = "soon"', "window", "must be a length of time"),
        ('"shop:north"', '"shap:north"', "where[0]", "did you mean 'shop'?"),
        ('"env:OPS"', '"https://example.org"', "notify[0].webhook", "environment variable"),
        ('"env:OPS"', '"env:LIVETALLY_ROOT_KEY"', "notify[0].webhook", "own settings"),
        ("ops@example.org", "nobody", "notify[1].email", "is not an e-mail address"),
        ("{ email", "{ mail", "notify[1]", "needs one of 'webhook' and 'email'"),
        ("for =", "fore =", "fore", "did you mean 'for'?"),
    ],
)
def test_mistakes_are_named(old: str, new: str, key: str, reason: str) -> None:
    """Each with its key and what would be right."""
    assert old in QUIET
    found = mistakes(SHOP + QUIET.replace(old, new))
    path = f"alert.quiet.{key}" if key else "alert.quiet"
    assert any(where == path and reason in why for where, why in found), found


@pytest.mark.parametrize("keep", ["soon", "0 days", "101 years", "3 hours"])
def test_keep_has_bounds(keep: str) -> None:
    """From a day to a hundred years."""
    [(key, reason)] = mistakes((SHOP + QUIET).replace("2 years", keep))
    assert key == "event.sale.keep"
    assert "such as '90 days'" in reason
