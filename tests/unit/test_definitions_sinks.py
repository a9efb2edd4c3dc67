"""Sinks, as a definition declares them.

In the flow: a shop with a metric, an entity and sinks.
Guarantee: a sink that is accepted has a table, a source for each column, and no secret.
"""

from __future__ import annotations

import pytest

from livetally.calendar import Interval
from livetally.definitions import Sink, SinkKind
from tests.declaring import shop, shop_mistakes

# Eight lines; the test's own begin on line 9.
KEPT = """\
[metric.sales]
aggregate = "count"
event = "sale"
by = ["paid"]
[entity.buyer]
key = "subject"
events = ["sale"]
fields.last_value = { latest = "value" }
"""


def test_everything_said_is_kept() -> None:
    """Places in their order, columns in theirs, interval, zone, dimensions and channel."""
    sinks = shop(
        KEPT + '[sink.a]\nto = ["env:DB", "sqlite:a.db"]\ntable = "t"\nmetric = "sales"\n'
        'interval = "week"\ntz = "Europe/Oslo"\nby = ["paid"]\nnotify = "n"\n'
        'columns = { at = "time", p = "paid", v = "value" }\n'
        '[sink.b]\nto = "env:DB"\nentity = "buyer"\ncolumns = { id = "key" }\n'
    ).sinks
    assert sinks["a"] == Sink(
        "a",
        "shop",
        ("env:DB", "sqlite:a.db"),
        "t",
        SinkKind.METRIC,
        ("sales",),
        {"at": "time", "p": "paid", "v": "value"},
        Interval.WEEK,
        "Europe/Oslo",
        ("paid",),
        "n",
    )
    assert sinks["b"].columns == {"id": "key"}
    assert sinks["b"].table == "b"


def test_without_columns_there_is_one_for_everything() -> None:
    """An entity's key and fields; a metric's time, dimensions and value; an event's data."""
    sinks = shop(
        KEPT + '[sink.a]\nto = "env:DB"\nmetric = "sales"\ninterval = "day"\nby = ["paid"]\n'
        '[sink.b]\nto = "env:DB"\nentity = "buyer"\n'
        '[sink.c-d]\nto = "env:DB"\nevent = "refund"\n'
    ).sinks
    assert list(sinks["a"].columns) == ["time", "paid", "value"]
    assert list(sinks["b"].columns) == ["key", "last_value"]
    expected = [
        "id",
        "time",
        "subject",
        "source",
        "type",
        "value",
        "reason",
        "address_city",
        "order",
    ]
    assert list(sinks["c-d"].columns) == expected
    assert sinks["c-d"].table == "c_d"


@pytest.mark.parametrize(
    ("added", "key", "reason"),
    [
        ('to = "postgresql://me:secret@host/db"\nentity = "buyer"', "to", "must be 'env:NAME'"),
        ('to = "env:LIVETALLY_CATALOG"\nentity = "buyer"', "to", "must be 'env:NAME'"),
        ('to = "sqlite:../x.db"\nentity = "buyer"', "to", "must be 'env:NAME'"),
        ('entity = "buyer"', "", "'to' is missing"),
        ('to = "env:A"', "", "needs one of"),
        ('to = "env:A"\nentity = "buyer"\nmetric = "sales"', "", "needs one of"),
        ('to = "env:A"\nentity = "byer"', "entity", "did you mean 'buyer'?"),
        ('to = "env:A"\nmetric = "sale"', "metric", "did you mean 'sales'?"),
        ('to = "env:A"\nmetric = "sales"\ntz = "Oslo"', "tz", ""),
        ('to = "env:A"\nmetric = "sales"\nby = ["pid"]', "by[0]", "did you mean 'paid'?"),
        (
            'to = "env:A"\nevent = "sale"\ncolumns = { a = "id", b = "valu" }',
            "columns.b",
            "'value'",
        ),
        ('to = "env:A"\nevent = "sale"\ncolumns = { b = "value" }', "columns", "holds 'id'"),
        ('to = "env:A"\nentity = "buyer"\ncolumns = { "a b" = "key" }', 'columns."a b"', "letters"),
        ('to = "env:A"\nentity = "buyer"\ntable = "a; drop"', "table", "letters"),
        ('to = "env:A"\nentity = "buyer"\ntable = "livetally_sinks"', "table", "own"),
        ('to = "env:A"\nentity = "buyer"\nnotify = "a b"', "notify", "letters"),
        ('to = "env:A"\nentity = "buyer"\ncolum = 1', "colum", "no key here"),
    ],
)
def test_mistakes_are_told(added: str, key: str, reason: str) -> None:
    """Each at its key, with what to do."""
    found = shop_mistakes(f"{KEPT}[sink.x]\n{added}\n")
    name = f"sink.x.{key}" if key else "sink.x"
    assert [said for _, at, said in found if at == name and reason in said], found
    assert "secret" not in str(found)


def test_two_sinks_keep_no_table_together() -> None:
    """The same table at the same place is a mistake."""
    one = 'to = "env:A"\ntable = "t"\nentity = "buyer"\n'
    other = one.replace('"t"', '"T"')
    found = shop_mistakes(f"{KEPT}[sink.x]\n{one}[sink.y]\n{other}")
    assert [said for _, at, said in found if at == "sink.y.table"], found
