"""The grammar of a filter, form by form.

In the flow: texts one by one; ``property/test_definitions_filters.py`` draws many.
Guarantee: each documented form means what the reference says, and what isn't one is refused.
"""

from __future__ import annotations

import pytest

from livetally.definitions import Filter, Op, format_filter, parse_filter, parse_filters
from livetally.errors import BadInput


@pytest.mark.parametrize(
    ("text", "filter_"),
    [
        ("carrier:UA", Filter("carrier", Op.IN, ("UA",))),
        ("carrier:UA,AA", Filter("carrier", Op.IN, ("UA", "AA"))),
        ("carrier: UA , AA ", Filter("carrier", Op.IN, ("UA", "AA"))),
        ("!carrier:UA,AA", Filter("carrier", Op.IN, ("UA", "AA"), negated=True)),
        ("dep_delay:>15", Filter("dep_delay", Op.GT, ("15",))),
        ("dep_delay:>= 15", Filter("dep_delay", Op.GE, ("15",))),
        ("dep_delay:<-15", Filter("dep_delay", Op.LT, ("-15",))),
        ("dep_delay:<=15", Filter("dep_delay", Op.LE, ("15",))),
        ("n:1..5", Filter("n", Op.RANGE, ("1", "5"))),
        ("n:-1.5..2.5", Filter("n", Op.RANGE, ("-1.5", "2.5"))),
        ("n:1..", Filter("n", Op.GE, ("1",))),
        ("n:..5", Filter("n", Op.LE, ("5",))),
        ("name:Ab*", Filter("name", Op.PREFIX, ("Ab",))),
        ("name:*", Filter("name", Op.EXISTS)),
        ("!name:*", Filter("name", Op.EXISTS, negated=True)),
        ("subject:a:b", Filter("subject", Op.IN, ("a:b",))),
        ("at:2013-01-01T10:00:00Z", Filter("at", Op.IN, ("2013-01-01T10:00:00Z",))),
        ('name:"*"', Filter("name", Op.IN, ("*",))),
        ('name:"a,b",c', Filter("name", Op.IN, ("a,b", "c"))),
        ('name:"a" , "b"', Filter("name", Op.IN, ("a", "b"))),
        ('name:">5"', Filter("name", Op.IN, (">5",))),
        ('name:""', Filter("name", Op.IN, ("",))),
        ('name:" a"*', Filter("name", Op.PREFIX, (" a",))),
        ('name:>"a.."', Filter("name", Op.GT, ("a..",))),
        ('name:"1".."\\u0035"', Filter("name", Op.RANGE, ("1", "5"))),
        ("data.type:x", Filter("data.type", Op.IN, ("x",))),
        ("data.carrier:x", Filter("carrier", Op.IN, ("x",))),
        ('address."post code":x', Filter('address."post code"', Op.IN, ("x",))),
    ],
)
def test_each_form_is_read(text: str, filter_: Filter) -> None:
    """Equality, lists, comparisons, ranges, prefixes, existence, negation and quoting."""
    assert parse_filter(text) == filter_


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "name is expected"),
        ("carrier", "no ':' after 'carrier'"),
        ("carrier :UA", "no ':' after 'carrier'"),
        ("carrier:", "a value is expected"),
        ("carrier:a,,b", "can't be read"),
        ("carrier:a,", "can't be read"),
        ("carrier:a*,b*", "can't be read"),
        ("carrier:a*b", "can't be read"),
        ("carrier:..", "can't be read"),
        ("carrier:1..2..3", "can't be read"),
        ("carrier:1..2,5", "can't be read"),
        ('carrier:"a"b', "can't be read"),
        ("carrier:!UA", "'!' stands before the field"),
        ("carrier:a,>5", "< and > first"),
        ("carrier:=UA", "needs no '='"),
        ("carrier:>=>UA", "< and > first"),
        ("carrier:>", "one value is expected after '>'"),
        ("carrier:>1,2", "one value is expected after '>'"),
        ("carrier:>>1", "< and > first"),
        ('carrier:"a', "opened and not closed"),
        ('carrier:"\\x"', "is not a JSON string"),
        ('carrier:"\\ud800"', "is not a JSON string"),
        ("!!carrier:a", "name is expected"),
        ("time:2013", "from and to"),
        ("carrier:" + "a" * 1_001, "over 1000 characters"),
        ("carrier:" + ",".join("a" * 1_001), "at most 1000 values"),
    ],
)
def test_what_is_no_filter_is_refused(text: str, part: str) -> None:
    """The error names the parameter and says what to write instead."""
    with pytest.raises(BadInput) as caught:
        parse_filter(text)
    assert caught.value.field == "where"
    assert part in caught.value.reason


def test_limits_themselves_are_allowed() -> None:
    """1,000 values of 1,000 characters are a filter."""
    values = tuple(f"{number:01000}" for number in range(1_000))
    assert parse_filter("n:" + ",".join(values)).values == values


def test_at_most_twenty_filters() -> None:
    """The twenty-first filter is refused."""
    assert len(parse_filters(["a:1"] * 20)) == 20
    with pytest.raises(BadInput, match="at most 20 filters, not 21"):
        parse_filters(["a:1"] * 21)


@pytest.mark.parametrize(
    ("filter_", "text"),
    [
        (Filter("a", Op.IN, ("x", "a b", "a,b")), 'a:x,a b,"a,b"'),
        (Filter("a", Op.RANGE, ("1.", ".5")), 'a:"1."..".5"'),
        (Filter("a", Op.EXISTS, negated=True), "!a:*"),
        (Filter("a", Op.PREFIX, ("Ab",)), "a:Ab*"),
        (Filter("a", Op.LE, ("<5",)), 'a:<="<5"'),
        (Filter("a", Op.GT, ("=5",)), 'a:>"=5"'),
    ],
)
def test_filter_is_written_with_quotes_only_where_needed(filter_: Filter, text: str) -> None:
    """The canonical text is as short as it can be read back."""
    assert format_filter(filter_) == text
