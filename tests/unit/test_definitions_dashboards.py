"""Dashboards and their panels, as a definition declares them.

In the flow: a shop with statistics and one dashboard.
Guarantee: every panel that is accepted has something to show.
"""

from __future__ import annotations

import pytest

from livetally.calendar import Interval
from livetally.definitions import Dashboard, Filter, Op, Panel, PanelKind
from tests.declaring import shop, shop_mistakes

# Twelve lines; the test's own begin on line 13.
PAGE = """\
[metric.sales]
aggregate = "count"
event = "sale"
[metric.refunds]
aggregate = "count"
event = "refund"
[metric.rate]
ratio = ["refunds", "sales"]
[entity.buyer]
key = "subject"
events = ["sale"]
fields.paid = { latest = "paid" }
"""


def test_everything_said_is_kept() -> None:
    """Panels in reading order, with their own interval, conditions and width."""
    page = shop(
        PAGE
        + '[dashboard.d]\ntitle = "T"\ndescription = "D"\nrange = "12 months"\ninterval = "week"\n'
        '[[dashboard.d.panels]]\nkind = "line"\nmetric = ["sales", "rate"]\nby = ["paid"]\n'
        'where = ["paid:true"]\ninterval = "hour"\ntitle = "P"\nwidth = 12\nlimit = 3\n'
        '[[dashboard.d.panels]]\nkind = "entities"\nentity = "buyer"\nwhere = { paid = true }\n'
    ).dashboards["d"]
    paid = (Filter("paid", Op.IN, ("true",)),)
    assert page == Dashboard(
        "d",
        "shop",
        (
            Panel(
                PanelKind.LINE,
                metrics=("sales", "rate"),
                by=("paid",),
                where=paid,
                interval=Interval.HOUR,
                limit=3,
                title="P",
                width=12,
            ),
            Panel(PanelKind.ENTITIES, entity="buyer", where=paid),
        ),
        "T",
        "D",
        "12 months",
        Interval.WEEK,
    )


def test_dashboard_shows_thirty_days_unless_said_otherwise() -> None:
    """By day."""
    page = shop(f"{PAGE}[dashboard.d]\npanels = [{{ kind = 'number', metric = 'sales' }}]")
    assert (page.dashboards["d"].range, page.dashboards["d"].interval) == ("30 days", Interval.DAY)


@pytest.mark.parametrize("range_", ["all", "1 day", "90 minutes", "2013-01-01..2014-01-01"])
def test_range_has_three_forms(range_: str) -> None:
    """Everything, a length that ends now, or two dates."""
    page = shop(f"{PAGE}[dashboard.d]\nrange = '{range_}'\npanels = []")
    assert page.dashboards["d"].range == range_


@pytest.mark.parametrize(
    "range_",
    [
        "0 days",
        "30days",
        "1 fortnight",
        "2013-01-01",
        "2014-01-01..2013-01-01",
        "2013-02-29..2014-01-01",
    ],
)
def test_other_ranges_are_refused(range_: str) -> None:
    """Also dates that don't exist or end before they begin."""
    [(line, key, _)] = shop_mistakes(f"{PAGE}[dashboard.d]\nrange = '{range_}'\npanels = []")
    assert (line, key) == (14, "dashboard.d.range")


@pytest.mark.parametrize(
    ("panel", "line", "key", "part"),
    [
        ('metric = "sales"', 14, "", "'kind' is missing"),
        ('kind = "pie"', 15, ".kind", "it is one of: number, line, bar, table, top, entities"),
        ('kind = "line"', 14, "", "'metric' is missing"),
        ('kind = "line"\nmetric = "sale"', 16, ".metric", "did you mean 'sales'?"),
        ('kind = "line"\nmetric = "sales"\nby = ["reason"]', 17, ".by[0]", "no field is called"),
        ('kind = "line"\nmetric = "sales"\nwhere = ["reason:x"]', 17, ".where[0]", "no field"),
        ('kind = "line"\nmetric = "sales"\ninterval = "dai"', 17, ".interval", "mean 'day'?"),
        ('kind = "line"\nmetric = "sales"\nwidth = 13', 17, ".width", "from 1 to 12"),
        ('kind = "line"\nmetric = "sales"\nentity = "buyer"', 17, ".entity", "no key here"),
        ('kind = "top"\nmetric = "sales"', 14, "", "'by' is missing"),
        ('kind = "entities"', 14, "", "'entity' is missing"),
        ('kind = "entities"\nentity = "buyr"', 16, ".entity", "did you mean 'buyer'?"),
        (
            'kind = "entities"\nentity = "buyer"\nwhere = ["x:1"]',
            17,
            ".where[0]",
            "no field of this",
        ),
    ],
)
def test_mistake_in_a_panel_is_named(panel: str, line: int, key: str, part: str) -> None:
    """One mistake gives one problem, at its line and key."""
    [(found_line, found_key, reason)] = shop_mistakes(
        f"{PAGE}[dashboard.d]\n[[dashboard.d.panels]]\n{panel}"
    )
    assert (found_line, found_key) == (line, f"dashboard.d.panels[0]{key}")
    assert part in reason


def test_ratio_can_be_split_by_fields_of_both_metrics() -> None:
    """The events of a ratio are those of its metrics."""
    page = shop(
        f"{PAGE}[dashboard.d]\n"
        "panels = [{ kind = 'bar', metric = 'rate', by = ['reason', 'paid'] }]"
    )
    assert page.dashboards["d"].panels[0].by == ("reason", "paid")


def test_dashboard_without_panels_is_a_mistake() -> None:
    """Whoever declares a page says what is on it."""
    assert shop_mistakes(f"{PAGE}[dashboard.d]") == [
        (13, "dashboard.d", "'panels' is missing: what does it show?")
    ]
