"""Metrics, filters and dimensions for the property tests: as they are asked, and what they mean.

In the flow: ``tests/property/test_query_exact.py`` draws questions from here.
Guarantee: each meaning is written in plain Python over the event as it was sent.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.query_model import Told

__all__ = [
    "DEFINITIONS",
    "DIMENSIONS",
    "FILTERS",
    "METRICS",
    "SALE_DIMENSIONS",
    "SALE_ONLY",
    "member",
]

DEFINITIONS = """
application = "model"
[event.sale]
data.s = "string"
data.i = "integer"
data.n = "number"
data.b = "boolean"
data.t = "time"
data.u = "uuid"
data.d = { type = "decimal", scale = 4 }
data.big = { type = "decimal", scale = 18 }
data.address.city = "string"
data.type = { type = "string" }
[event.refund]
data.s = "string"
data.i = "integer"
data.d = { type = "decimal", scale = 4 }
data.e = { type = "decimal", scale = 2 }

[metric.sales]
event = "sale"
aggregate = "count"
by = ["s", "subject"]
[metric.good_sales]
event = "sale"
aggregate = "count"
where = ["i:>=0", "!s:a"]
by = ["s", "subject"]
[metric.net]
aggregate = "sum"
of = [ { event = "sale", value = "d" }, { event = "refund", value = "-e" } ]
by = ["s"]
[metric.balance]
aggregate = "count"
of = [ { event = "sale" }, { event = "sale", where = ["b:true"], sign = -1 }, { event = "refund" } ]
by = ["s"]
[metric.total]
aggregate = "sum"
event = "sale"
value = "i"
by = ["b"]
[metric.weight]
aggregate = "sum"
event = "sale"
value = "n"
[metric.mean]
aggregate = "avg"
event = "sale"
value = "i"
by = ["s", "subject"]
[metric.mean_paid]
aggregate = "avg"
of = [ { event = "sale", value = "d" }, { event = "refund", value = "d" } ]
by = ["type"]
[metric.least]
aggregate = "min"
of = [ { event = "sale", value = "big" }, { event = "refund", value = "e" } ]
[metric.most]
aggregate = "max"
event = "sale"
value = "i"
by = ["address.city", "data.type"]
[metric.people]
aggregate = "unique"
of = [ { event = "sale" }, { event = "refund" } ]
by = ["s"]
[metric.names]
aggregate = "unique"
of = [ { event = "sale", value = "s", where = ["i:>0"] }, { event = "refund", value = "s" } ]
[metric.last_name]
aggregate = "latest"
event = "sale"
value = "s"
by = ["subject"]
[metric.first_price]
aggregate = "first"
of = [ { event = "sale", value = "d", where = ["b:true"] }, { event = "refund", value = "d" } ]
[metric.last_flag]
aggregate = "latest"
event = "sale"
value = "b"
[metric.median]
aggregate = "p50"
event = "sale"
value = "i"
by = ["s", "subject"]
[metric.p90]
aggregate = "p90"
of = [ { event = "sale", value = "d" }, { event = "sale", value = "big" } ]
[metric.p99]
aggregate = "p99"
of = [ { event = "sale", value = "i" }, { event = "refund", value = "d" } ]
by = ["source"]
"""


def text_of(value: Any) -> str | None:
    """Return what an undeclared member is compared and grouped as."""
    if value is None or isinstance(value, (list, dict)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else str(value)
    return str(value)


def member(event: Told, name: str) -> Any:
    """Return a member of an event as a filter or a dimension sees it, None where it lacks it."""
    match name:
        case "subject" | "source":
            return getattr(event, name) or None
        case "type":
            return event.type
        case "address.city":
            return event.data.get("address", {}).get("city")
        case "data.type":
            return event.data.get("type")
        case "adhoc" | '"odd key"':
            return text_of(event.data.get(name.strip('"')))
    return event.data.get(name)


# Each filter with what it means, for members that both event types declare alike or not at all.
FILTERS: list[tuple[str, Any]] = [
    ("s:a", lambda e: member(e, "s") == "a"),
    ("!s:a,b", lambda e: member(e, "s") not in ("a", "b")),
    (
        's:"it\'s","q\\"\\\\","a\\tb\\n",""',
        lambda e: member(e, "s") in ("it's", 'q"\\', "a\tb\n", ""),
    ),
    ("s:{x:String}", lambda e: member(e, "s") == "{x:String}"),
    ('s:"\\\\N"', lambda e: member(e, "s") == "\\N"),
    ("s:æ*", lambda e: (member(e, "s") or "").startswith("æ")),
    ("!s:*", lambda e: member(e, "s") is None),
    ("s:b..it", lambda e: member(e, "s") is not None and "b" <= member(e, "s") <= "it"),
    ("i:>0", lambda e: member(e, "i") is not None and member(e, "i") > 0),
    ("!i:-2..2", lambda e: not (member(e, "i") is not None and -2 <= member(e, "i") <= 2)),
    ("i:1,2,9223372036854775807", lambda e: member(e, "i") in (1, 2, 2**63 - 1)),
    ("d:<=-0.0001", lambda e: member(e, "d") is not None and member(e, "d") <= Decimal("-0.0001")),
    ("!d:0", lambda e: member(e, "d") != 0),
    ("subject:ada", lambda e: member(e, "subject") == "ada"),
    ("!subject:ada", lambda e: member(e, "subject") != "ada"),
    ("subject:*", lambda e: member(e, "subject") is not None),
    ("subject:<b", lambda e: member(e, "subject") is not None and member(e, "subject") < "b"),
    ("!source:*", lambda e: member(e, "source") is None),
    ("type:refund", lambda e: e.type == "refund"),
    ("adhoc:5", lambda e: member(e, "adhoc") == "5"),
    ("adhoc:5.0", lambda e: member(e, "adhoc") in ("5", "5.0")),
    ("adhoc:0.5,true", lambda e: member(e, "adhoc") in ("0.5", "true")),
    ("!adhoc:*", lambda e: member(e, "adhoc") is None),
    ("adhoc:>=1", lambda e: _number(member(e, "adhoc")) >= 1),
    ("!adhoc:..1", lambda e: not _number(member(e, "adhoc"), 10**9) <= 1),
    ('adhoc:"it\'s"', lambda e: member(e, "adhoc") == "it's"),
    ('"odd key":x', lambda e: member(e, '"odd key"') == "x"),
    ('"no\'; DROP TABLE livetally.events --":x', lambda _: False),
]


def _number(text: str | None, otherwise: float = -(10**9)) -> float:
    try:
        return float(text or "")
    except ValueError:
        return otherwise


def is_sale(event: Told) -> bool:
    """Tell a sale."""
    return event.type == "sale"


def is_refund(event: Told) -> bool:
    """Tell a refund."""
    return event.type == "refund"


def of(name: str) -> Any:
    """Return what reads a member."""
    return lambda event: member(event, name)


def both(*tests: Any) -> Any:
    """Return the test that all of these hold."""
    return lambda event: all(test(event) for test in tests)


BOOKED = both(is_sale, lambda e: member(e, "b") is True)
# name -> aggregate, terms, scale of its decimals
METRICS: dict[str, tuple[str, list[Any], int | None]] = {
    "sales": ("count", [(is_sale, None, 1)], None),
    "good_sales": (
        "count",
        [
            (
                both(
                    is_sale,
                    lambda e: (member(e, "i") or 0) >= 0 and member(e, "i") is not None,
                    lambda e: member(e, "s") != "a",
                ),
                None,
                1,
            )
        ],
        None,
    ),
    "net": ("sum", [(is_sale, of("d"), 1), (is_refund, of("e"), -1)], 4),
    "balance": ("count", [(is_sale, None, 1), (BOOKED, None, -1), (is_refund, None, 1)], None),
    "total": ("sum", [(is_sale, of("i"), 1)], None),
    "weight": ("sum", [(is_sale, of("n"), 1)], None),
    "mean": ("avg", [(is_sale, of("i"), 1)], None),
    "mean_paid": ("avg", [(is_sale, of("d"), 1), (is_refund, of("d"), 1)], 4),
    "least": ("min", [(is_sale, of("big"), 1), (is_refund, of("e"), 1)], 18),
    "most": ("max", [(is_sale, of("i"), 1)], None),
    "people": ("unique", [(is_sale, of("subject"), 1), (is_refund, of("subject"), 1)], None),
    "names": (
        "unique",
        [(both(is_sale, lambda e: (member(e, "i") or 0) > 0), of("s"), 1), (is_refund, of("s"), 1)],
        None,
    ),
    "last_name": ("latest", [(is_sale, of("s"), 1)], None),
    "first_price": ("first", [(BOOKED, of("d"), 1), (is_refund, of("d"), 1)], None),
    "last_flag": ("latest", [(is_sale, of("b"), 1)], None),
    "median": ("p50", [(is_sale, of("i"), 1)], None),
    "p90": ("p90", [(is_sale, of("d"), 1), (is_sale, of("big"), 1)], None),
    "p99": ("p99", [(is_sale, of("i"), 1), (is_refund, of("d"), 1)], None),
}
# Of these both event types have the same; "b" is declared for sales only.
DIMENSIONS = ["s", "subject", "source", "type", "i", "d", "adhoc", '"odd key"']
SALE_DIMENSIONS = ["address.city", "data.type", "b"]
SALE_ONLY = {
    "sales",
    "good_sales",
    "total",
    "weight",
    "mean",
    "most",
    "last_name",
    "last_flag",
    "median",
    "p90",
}
