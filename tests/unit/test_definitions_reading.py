"""A definition as a whole: what is at its top, how large it may be, and what is no TOML.

In the flow: whole texts, in TOML and as JSON.
Guarantee: whatever comes in, the answer is an application or one error with every mistake.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from livetally import definitions
from livetally.definitions import UnknownTypes, read_json, read_text, read_toml, to_json
from livetally.errors import DefinitionProblem, InvalidDefinition
from tests.declaring import SHOP, mistakes, shop


def test_top_of_a_definition() -> None:
    """Name, title, description and what happens to unknown types; the text is kept as written."""
    text = 'application = "a"\ntitle = "T"\ndescription = "D"\nunknown_types = "reject"\n'
    found = read_toml(text, "a.toml")
    assert (found.name, found.title, found.description) == ("a", "T", "D")
    assert found.unknown_types is UnknownTypes.REJECT
    assert found.text == text
    assert read_toml('application = "a"', "a.toml").unknown_types == "store"


def test_every_mistake_is_listed_in_the_order_of_lines() -> None:
    """With line, dotted key and reason each."""
    text = (
        'aplication = "a"\n'
        "[event.sale]\n"
        'data.value = "decimel"\n'
        "\n"
        "[metric.revenue]\n"
        'aggregate = "sum"\n'
        "of = [\n"
        '  { event = "sale", value = "value" },\n'
        '  { event = "sael", value = "value" },\n'
        "]\n"
        'by = ["subjekt"]\n'
    )
    found = mistakes(text)
    assert [(line, key) for line, key, _ in found] == [
        (1, "application"),
        (1, "aplication"),
        (3, "event.sale.data.value.type"),
        (9, "metric.revenue.of[1].value"),
        (11, "metric.revenue.by[0]"),
    ]


def test_error_is_readable_by_itself() -> None:
    """Its message names the file, the first line and how many more there are."""
    with pytest.raises(InvalidDefinition) as caught:
        read_toml("application = 5\nx = 1", "shop.toml")
    assert caught.value.message == (
        "shop.toml, line 1, application: must be a text, not a number (and 2 more)"
    )


@pytest.mark.parametrize("name", ["", "1a", "a b", "x" * 65])
def test_application_needs_a_name(name: str) -> None:
    """One that can stand in a URL."""
    [(line, key, _)] = mistakes(f'title = "T"\napplication = "{name}"')
    assert (line, key) == (2, "application")


def test_tables_of_other_rooms_are_kept_as_plain_values() -> None:
    """Dates become texts, fractions floats; each has to be a table."""
    found = read_toml(
        'application = "a"\n[retention]\nrate = 1.5\nstart = 2026-01-01\nnested = [{ a = 1 }]\n',
        "a.toml",
    )
    assert found.extra == {
        "retention": {"rate": 1.5, "start": "2026-01-01", "nested": [{"a": 1}]},
    }
    assert type(found.extra["retention"]["rate"]) is float
    assert mistakes('application = "a"\nsink = 5') == [(2, "sink", "must be a table, not a number")]


def test_unknown_table_gets_the_nearest_name() -> None:
    """Plural forms among them."""
    [(line, key, reason)] = mistakes('application = "a"\n\n[metrics.x]\n')
    assert (line, key) == (3, "metrics")
    assert "did you mean 'metric'?" in reason


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ('application = "a"\n[event', 2, "Expected"),
        ('application = "a"\nb == 1\n', 2, "Invalid value"),
        ('application = "a"\na = 1\na = 2\n', 3, "overwrite"),
        ('application = "a"\nb = """\n\n', 4, ""),
        ("a = " + "9" * 5_000, 1, "too many digits"),
        ("a = " + "[" * 100_000, 1, "nested too deeply"),
        ("\n" + ".".join("a" * 40) + " = 1", 2, "over 32 parts"),
        ('application = "a"\nb = "\ud800"', 2, "surrogate"),
    ],
)
def test_what_is_no_toml_is_one_mistake_with_its_line(text: str, line: int, part: str) -> None:
    """The parser's own reason, without its position in words."""
    [(found_line, key, reason)] = mistakes(text)
    assert (found_line, part in reason) == (line, True)
    assert "(at " not in reason
    assert key == "syntax"


def test_size_is_bounded() -> None:
    """A definition of over 1 MiB is refused before it is parsed."""
    largest = 'application = "a"\n#'.ljust(1024 * 1024, "x")
    assert read_toml(largest, "a.toml").name == "a"
    assert mistakes(f"{largest}x")[0][1:] == ("definition", "is over 1048576 bytes long")
    assert mistakes('a = "' + "é" * 600_000)[0][1] == "definition"


def test_byte_order_mark_is_passed_over() -> None:
    """Some editors write one; lines count as without it."""
    assert read_toml(f"\ufeff{SHOP}", "a.toml").name == "shop"
    assert mistakes('\ufeffapplication = "a"\r\nx = 1\r\n')[0][0] == 2


def test_numbers_outside_every_format_are_refused() -> None:
    """Whole numbers have 64 bits, fractions are finite."""
    found = mistakes(
        'application = "a"\n[retention]\na = 9223372036854775808\nb = inf\nc = 1e400\n'
        "d = 1e99999999999999999999\n"
    )
    assert [line for line, _, _ in found] == [3, 4, 5, 6]


def test_nesting_is_bounded() -> None:
    """Beyond 32 levels a value is refused, wherever it stands."""

    def nested(levels: int) -> str:
        return f'application = "a"\n[retention]\nx = {"[" * levels}{"]" * levels}'

    read_toml(nested(31), "a.toml")
    [(line, _, reason)] = mistakes(nested(32))
    assert (line, reason) == (3, "is nested over 32 levels deep")
    for levels in range(300, 500, 7):  # where the parser or the locator gives up first
        assert "nested" in mistakes(nested(levels))[0][2]


def test_json_has_the_same_keys() -> None:
    """What TOML declares can come as JSON, with fractions as Decimal or float."""
    declared = {
        "application": "a",
        "title": None,
        "event": {"e": {"data": {"v": {"type": "decimal", "minimum": 0.1}, "w": "string"}}},
        "metric": {"m": {"aggregate": "sum", "event": "e", "value": "v"}},
    }
    found = read_json(declared, "request body")
    assert found.events["e"].fields["v"].minimum == Decimal("0.1")
    assert '"minimum": 0.1' in found.text
    assert to_json(read_json(to_json(found), "again")) == to_json(found)


@pytest.mark.parametrize(
    ("declared", "key", "reason"),
    [
        ([], "definition", "must be an object"),
        (None, "definition", "must be an object"),
        ({"application": "a", 5: "x"}, "", "a key must be a text"),
        ({"application": "a", "title": b"x"}, "title", "definitions don't have: bytes"),
        ({"application": "a", "retention": {"x": [None]}}, "retention.x[0]", "null can't stand"),
        ({"application": "a", "retention": {"x": float("nan")}}, "retention.x", "not a finite"),
        (
            {"application": "a", "retention": {"x": "y" * 2**20}},
            "definition",
            "over 1048576 bytes",
        ),
    ],
)
def test_json_that_is_no_definition_is_refused(declared: object, key: str, reason: str) -> None:
    """With the key and the reason; lines are not known."""
    with pytest.raises(InvalidDefinition) as caught:
        read_json(declared, "request body")
    [problem] = caught.value.problems
    assert (problem.line, problem.key) == (1, key)
    assert reason in problem.reason


def test_json_problems_are_all_listed() -> None:
    """As for TOML."""
    with pytest.raises(InvalidDefinition) as caught:
        read_json({"application": "a", "x": 1, "event": 5}, "request body")
    assert caught.value.problems == (
        DefinitionProblem(1, "event", "must be a table, not a number"),
        DefinitionProblem(1, "x", "no key here is called 'x'"),
    )


def test_canonical_form_is_the_same_however_it_was_written() -> None:
    """Short and long forms of the same declarations are equal."""
    short = shop('[metric.m]\naggregate = "count"\nevent = "sale"\nwhere = { paid = true }\n')
    long = shop(
        '[metric.m]\naggregate = "count"\nof = [{ event = "sale", where = ["paid:true"] }]\n'
    )
    assert to_json(short) == to_json(long)
    assert to_json(short)["event"]["sale"]["data"]["value"] == {"type": "decimal", "scale": 9}


def test_thousand_entries_of_a_kind() -> None:
    """More are refused, as one mistake."""
    text = 'application = "a"\n' + "".join(f"[event.e{number}]\n" for number in range(1_001))
    assert mistakes(text) == [(2, "event", "takes at most 1000 entries, not 1001")]


@pytest.mark.parametrize(
    "struct",
    [
        definitions.Action,
        definitions.Application,
        definitions.Change,
        definitions.Dashboard,
        definitions.Entity,
        definitions.EntityField,
        definitions.EventType,
        definitions.Field,
        definitions.Filter,
        definitions.Materialised,
        definitions.Metric,
        definitions.Panel,
        definitions.Plan,
        definitions.ProjectionSpec,
        definitions.Ratio,
        definitions.Term,
    ],
)
def test_what_is_declared_can_not_be_changed(struct: type[msgspec.Struct]) -> None:
    """Rooms and threads share definitions, so none of them may change one."""
    assert struct.__struct_config__.frozen


def test_what_was_kept_is_read_again_whichever_way_it_came() -> None:
    """The text of an application gives the same application; a mistake in it is named."""
    source = {
        "application": "bakery",
        "event": {"bun": {"data": {"price": {"type": "decimal", "minimum": 0.05}}}},
    }
    kept = read_json(source, "sent")
    assert read_text(kept.text, "kept") == kept
    toml = read_toml('application = "bakery"\n[event.bun]\n', "sent")
    assert read_text(toml.text, "kept") == toml
    with pytest.raises(InvalidDefinition, match="line 2, syntax: is no JSON"):
        read_text('{\n"application": }', "kept")
