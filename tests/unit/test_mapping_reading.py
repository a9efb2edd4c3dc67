"""Mistakes in a mapping are reported at their key, all at once, with what was perhaps meant.

In the flow: reads mappings as ``definitions`` does.
Guarantee: reasons are compared word for word: a person reads them.
"""

from __future__ import annotations

from typing import Any

import pytest

from livetally.definitions.problems import Problems
from livetally.errors import BadInput
from livetally.mapping import (
    BadTemplate,
    Lookup,
    Template,
    lookup_rows,
    read_lookup,
    read_mapping,
)


def mistakes(raw: Any) -> dict[str, str]:
    """Return the reasons by key."""
    problems = Problems()
    read_mapping(raw, ("map",), problems, {"tags": Lookup("tags", {})}, ["id"])
    return {problem.key: problem.reason for problem in problems.located({})}


def test_every_mistake_is_reported_at_its_key() -> None:
    """One reading finds them all."""
    found = mistakes(
        {
            "eech": "@",
            "where": "n > ",
            "type": "tap'",
            "time": {"from": "at", "as": "tim", "format": "unixx"},
            "subject": "uper(id)",
            "id": {"hash": []},
            "data": {
                "a": {"fom": "v", "as": "decimal"},
                "b": {"from": "x", "lookup": "tag"},
                "c": {"value": 1, "as": "x"},
                "d": "param('ids')",
                "e": {"from": "x", "as": "time", "tz": "Oslo"},
                "f": {"from": "x", "format": "%Y"},
                "g": {"from": "x", "required": True, "default": 1},
                "h": "lookup(tag, x)",
                "i": "length()",
                "j": "x[::0]",
                "k": 17,
                "l": {"from": "x", "as": "integer", "default": "many"},
            },
        }
    )
    assert found == {
        "map.eech": "no key here is called 'eech'; did you mean 'each'?",
        "map.where": "is no JMESPath expression: it can't be read at its end; "
        "a text stands in 'single quotes'",
        "map.type": "is no JMESPath expression: it can't be read at '''; "
        "a text stands in 'single quotes'",
        "map.id.hash": "takes 1 to 50 expressions",
        "map.time.as": "no kind is called 'tim'; did you mean 'time'?; it is one of: "
        "string, integer, number, decimal, boolean, time, uuid",
        "map.time.format": "must be one of unix, unix_ms, unix_us, unix_ns, "
        "or a pattern such as '%d.%m.%Y %H:%M'",
        "map.subject": "calls 'uper', which is no function; ours: "
        "param, header, query, root, lookup, lower, upper, trim, split, day_after",
        "map.data.a.fom": "no key here is called 'fom'; did you mean 'from'?",
        "map.data.a": "says not where the value comes from: give one of from, value, hash",
        "map.data.b.lookup": "no look-up table is called 'tag'; did you mean 'tags'?; "
        "declare it as [lookup.tag]",
        "map.data.c.as": "no key here is called 'as'",
        "map.data.d": "no part of the path is called 'ids'; did you mean 'id'?",
        "map.data.e.tz": "no time zone is called 'Oslo'; did you mean 'Europe/Oslo'?",
        "map.data.f.format": "is for times only: add as = 'time'",
        "map.data.g.default": "can't be given with required = true",
        "map.data.h": "no look-up table is called ''; write its name as a 'constant text'",
        "map.data.i": "'length' takes 1 arguments, not 0",
        "map.data.j": "has a slice whose step is 0",
        "map.data.k": "must be a text: a JMESPath expression",
        "map.data.l.default": "is a text that is no number",
    }


@pytest.mark.parametrize(
    ("raw", "key", "reason"),
    [
        (None, "", "'map' is missing: it says how a record becomes an event"),
        ("x", "map", "must be a table that says how a record becomes an event"),
        ({}, "map", "'type' is missing; a constant stands in single quotes: type = \"'tap'\""),
        ({"type": "'t'", "data": 5}, "map.data",
         "must be a table of fields, or an expression that is an object"),
        ({"type": "x" * 5_000}, "map.type", "is over 4000 characters long"),
        ({"type": "a" + ".a" * 1_990 + "["}, "map.type",
         ("is no JMESPath expression: it can't be read at its end; "
          "a text stands in 'single quotes'")),
    ],
)  # fmt: skip
def test_a_mapping_of_the_wrong_shape(raw: Any, key: str, reason: str) -> None:
    """What is missing or of another kind is told too."""
    assert mistakes(raw) == {key: reason}


def test_rows_of_a_csv_become_a_lookup() -> None:
    """Columns are found by name, with a byte order mark, quotes and blank lines."""
    text = '\ufefftag, team ,x\r\n1,"a,b",\r\n\r\n2,c\r\n1,"a,b",\r\n'
    assert lookup_rows(text, "tag", "team") == {"1": "a,b", "2": "c"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no column 'k'; its columns are none: it is empty"),
        ("a,v\n", "has no column 'k'; its columns are a, v"),
        ("k,v\n1\n", "line 2 has only 1 columns"),
        ("k,v\n1,a\n1,b\n", "line 3: '1' has two values"),
        ('k,v\n"1,a\n', "line 2: unexpected end of data"),
    ],
)
def test_a_csv_that_is_no_lookup(text: str, reason: str) -> None:
    """The line and the reason are named."""
    with pytest.raises(BadInput) as caught:
        lookup_rows(text, "k", "v")
    assert caught.value.reason == reason


def test_rows_that_are_no_values() -> None:
    """A row has one plain value."""
    problems = Problems()
    read_lookup("t", {"a": [1], "b": 1}, ("lookup", "t", "rows"), problems)
    assert [problem.key for problem in problems.located({})] == ["lookup.t.rows.a"]


def test_a_template_is_filled_with_typed_values() -> None:
    """One placeholder keeps its type; within a text values are texts; braces can be written."""
    template = Template(
        {"a": "{param.id}", "b": ["x{param.n}{{y}}", "{rows[].{day: time, q: '}'}}"], "c": 1}
    )
    filled = template.fill({"param": {"id": 5, "n": None}, "rows": [{"time": 1}]})
    assert filled == {"a": 5, "b": ["x{y}", [{"day": 1, "q": "}"}]], "c": 1}


def test_what_was_filled_in_is_no_template() -> None:
    """A value with braces stays as it is."""
    assert Template("{a} {b}").fill({"a": "{b}", "b": "x"}) == "{b} x"


@pytest.mark.parametrize(
    ("raw", "path", "reason"),
    [
        ({"a": ["{x"]}, ("a", 0), "a brace is not closed; write {{ for one"),
        ("x}", (), "a brace is closed that was not opened; write }} for one"),
        ("{}", (), "'{}' is an empty text; an expression was expected"),
    ],
)
def test_a_template_with_a_mistake(raw: Any, path: tuple[Any, ...], reason: str) -> None:
    """The place within the template and the reason are told."""
    with pytest.raises(BadTemplate) as caught:
        Template(raw)
    assert (caught.value.path, str(caught.value)) == (path, reason)
