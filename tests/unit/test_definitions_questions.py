"""The parameters of a published answer: what a request fills in stays one value.

In the flow: reads an answer's ``where`` and ``by`` and fills them as a request would.
Guarantee: whatever is filled in, the parser of questions reads the condition that was written, with
exactly this text as its value.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetally.definitions import Answer, Filter, Op, parse_filters, read_toml
from livetally.errors import InvalidDefinition

BASE = """\
application = "taps"
[event.tap]
data = { tag = "string", size = "integer" }
[metric.taps]
aggregate = "count"
event = "tap"
[entity.tag]
key = "tag"
events = ["tap"]
fields.size = { latest = "size" }
"""
SIGNS = (
    "*", "a*", "a,b", ">a", ">=1", "<1", "!a", "=a", "1..2", "..", ".", '"', '","', 'a","b', "\\",
    '\\"', "a\\", " a ", " ", "\n", "\0", "{query.x}", "{{", "\ue000", "ünï 日本 😀", "tag:b", "",
)  # fmt: skip


def answer(parameters: str, of: str = 'metric = "taps"') -> Answer:
    """Read an answer with these parameters."""
    text = f'{BASE}[answer.a]\npath = "/a/{{p}}/{{q}}"\n{of}\n{parameters}\n'
    return read_toml(text, "taps.toml").answers["a"]


def asked(where: str, p: Any = "", q: Any = "") -> list[Filter]:
    """Return the conditions that are asked when ``p`` and ``q`` are filled in."""
    template = answer(f"parameters.where = {where}").parameters["where"]
    return list(parse_filters(template.fill({"param": {"p": p, "q": q}})))


@pytest.mark.parametrize("text", SIGNS)
@pytest.mark.parametrize("written", ["tag:{param.p}", 'tag:"{param.p}"', "tag: {param.p} "])
def test_what_is_filled_in_is_one_value(written: str, text: str) -> None:
    """Bare or in quotes, alone or in a list of conditions."""
    assert asked(f"'{written}'", text) == [Filter("tag", Op.IN, (text,))]
    both = [Filter("tag", Op.IN, (text,)), Filter("size", Op.IN, ("1",), negated=True)]
    assert asked(f"['{written}', '!size:1']", text) == both


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_no_text_gets_out_of_its_value(text: str) -> None:
    """Whatever the condition is, alone in its value or beside other text."""
    cases = {
        "!tag:{param.p}": Filter("tag", Op.IN, (text,), negated=True),
        "tag:x,{param.p}": Filter("tag", Op.IN, ("x", text)),
        "tag:t-{param.p}.{param.p}": Filter("tag", Op.IN, (f"t-{text}.{text}",)),
        'tag:"{param.p}, {param.p}"': Filter("tag", Op.IN, (f"{text}, {text}",)),
        "tag:{param.p}*": Filter("tag", Op.PREFIX, (text,)),
        "tag:>={param.p}": Filter("tag", Op.GE, (text,)),
        "tag:{param.p}..z": Filter("tag", Op.RANGE, (text, "z")),
        "tag:..{param.p}": Filter("tag", Op.LE, (text,)),
    }
    written = ", ".join(f"'{one}'" for one in cases)
    assert asked(f"[{written}]", text) == list(cases.values())


def test_numbers_are_written_as_such() -> None:
    """What a number or a boolean is written as can be compared as one."""
    for value, text in ((5, "5"), (-5, "-5"), (Decimal("1.50"), "1.50"), (True, "true")):
        assert asked("'size:>{param.p}'", value) == [Filter("size", Op.GT, (text,))]


def test_what_is_not_there_leaves_one_end_of_a_range_open() -> None:
    """Anything else can't be compared with it; it never becomes an empty text."""
    between = "'size:{param.p}..{param.q}'"
    assert asked(between, None, 5) == [Filter("size", Op.LE, ("5",))]
    assert asked(between, 5, None) == [Filter("size", Op.GE, ("5",))]
    for where in (between, "'tag:{param.p}'", "'tag:x,{param.p}'", "'tag:{param.p}*'"):
        with pytest.raises(ValueError, match="is not there"):
            asked(where, None, None)
    assert asked("'tag:t-{param.p}'", None) == [Filter("tag", Op.IN, ("t-",))]
    with pytest.raises(ValueError, match="is a list"):
        asked("'tag:{param.p}'", ["a"])


def test_a_text_that_is_one_placeholder_is_the_whole_condition() -> None:
    """The definition leaves it to the client: one, several, or none."""
    both = [Filter("tag", Op.IN, ("a", "b")), Filter("size", Op.GT, ("1",))]
    assert asked("'{param.p}'", "tag:a,b") == both[:1]
    assert asked("'{param.p}'", ["tag:a,b", "size:>1"]) == both
    assert asked("['{param.p}', 'size:>{param.q}']", "tag:a,b", "1") == both
    template = answer("parameters.where = '{param.p}'").parameters["where"]
    assert template.fill({"param": {}}) == [None]


def test_a_name_beside_others_is_one_name() -> None:
    """A comma in it would be another dimension; a text that is one placeholder may be several."""

    def names(by: str, text: str) -> list[str]:
        template = answer(f"parameters.by = {by}").parameters["by"]
        return list(template.fill({"param": {"p": text}}))

    assert names("'{param.p}'", "tag,size") == ["tag,size"]
    assert names("['subject', '{param.p}']", "tag") == ["subject", "tag"]
    assert names("'subject,data.{param.p}'", "tag") == ["subject,data.tag"]
    with pytest.raises(ValueError, match=r"'\{param\.p\}' stands for one name here"):
        names("'subject,{param.p}'", "tag,size")


@pytest.mark.parametrize(
    ("where", "key", "part"),
    [
        ("'tag'", "where", "there is no ':' after 'tag'"),
        ("'tag:{param.p'", "where", "a brace is not closed"),
        ("'tag:{param.x}'", "where", "no 'param' is called 'x'"),
        ("'tag:>a,{param.p}'", "where", "one value is expected after '>'"),
        ("'tag:\"{param.p}'", "where", "a double quote is opened and not closed"),
        ("'{param.p}:a'", "where", "a name is expected at '{...}:a'"),
        ("'\"{param.p}\":a'", "where", "not for a field"),
        ("['tag:a', 5]", "where[1]", "must be a filter such as"),
        ("['tag:a', 'time:{param.p}']", "where[1]", "narrow the time by from and to"),
    ],
)
def test_a_condition_that_can_not_be_read_is_told(where: str, key: str, part: str) -> None:
    """When the definition is read, and not to the first who asks."""
    with pytest.raises(InvalidDefinition) as caught:
        answer(f"parameters.where = {where}")
    assert [one.key for one in caught.value.problems] == [f"answer.a.parameters.{key}"]
    assert part in caught.value.problems[0].reason


def test_conditions_on_an_entity_name_its_fields() -> None:
    """Those of a metric may name undeclared data."""
    asked("'other:{param.p}'", "x")
    with pytest.raises(InvalidDefinition, match="did you mean 'size'"):
        answer("parameters.where = 'sise:{param.p}'", 'entity = "tag"')
