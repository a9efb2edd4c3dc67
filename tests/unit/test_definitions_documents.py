"""The reference and the shipped example are definitions without a mistake.

In the flow: reads ``docs/reference/definitions.md`` and ``examples/flights/livetally.toml``.
Guarantee: what a reader pastes works, and what the reference says about the example's file is so.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from livetally.definitions import (
    Aggregate,
    FieldType,
    Metric,
    PanelKind,
    Ratio,
    format_filter,
    materialised,
    parse_filter,
    read_json,
    read_toml,
    to_json,
)
from livetally.definitions.reading import EXTRA

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs/reference/definitions.md").read_text(encoding="utf-8")
FLIGHTS = (ROOT / "examples/flights/livetally.toml").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(REFERENCE)
GUIDES = [
    pytest.param(text, id=f"{path.stem}{number}")
    for path in sorted((ROOT / "docs/guides").glob("*.md"))
    for number, (kind, text) in enumerate(BLOCK.findall(path.read_text(encoding="utf-8")))
    if kind == "toml" and "application =" in text
]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(text, id=f"block{number}")
        for number, (kind, text) in enumerate(BLOCKS)
        if kind == "toml"
    ],
)
def test_toml_in_the_reference_is_a_definition(block: str) -> None:
    """Each block can be pasted into a file, and survives its canonical form."""
    application = read_toml(block, "definitions.md")
    assert application.metrics or application.entities or application.events
    whole = to_json(application)
    assert to_json(read_json(whole, "again")) == whole


@pytest.mark.parametrize("block", GUIDES)
def test_toml_in_the_guides_is_a_definition(block: str) -> None:
    """What a reader pastes has no mistake."""
    assert read_toml(block, "guide").events


def test_json_in_the_reference_is_a_definition_in_canonical_form() -> None:
    """It is what the server would answer, but for defaults."""
    [text] = [text for kind, text in BLOCKS if kind == "json"]
    whole = msgspec.json.decode(text)
    assert to_json(read_json(whole, "definitions.md")) == whole | {"unknown_types": "store"}


def test_conditions_in_the_reference_are_filters() -> None:
    """Every condition in the table can be read."""
    table = REFERENCE.partition("| condition |")[2].partition("\n\n")[0]
    texts = [
        text
        for line in table.splitlines()[2:]
        for text in re.findall(r"`([^`]+:[^`]+)`", line.split("|")[1])
    ]
    assert len(texts) == 15
    for text in texts:
        assert format_filter(parse_filter(text))


def test_reference_names_every_word_of_the_grammar() -> None:
    """Types, aggregates, kinds of panels and the tables of other rooms."""
    for word in (*FieldType, *Aggregate, *PanelKind, *EXTRA):
        assert f"`{word}`" in REFERENCE, word


def test_flights_declare_what_the_main_job_needs() -> None:
    """Six metrics and a ratio, by carrier and origin, all in one projection."""
    application = read_toml(FLIGHTS, "livetally.toml")
    assert {name: metric.aggregate.value for name, metric in application.metrics.items()} == {
        "departures": "count",
        "cancellations": "count",
        "mean_departure_delay": "avg",
        "p90_departure_delay": "p90",
        "distance_flown": "sum",
        "aircraft": "unique",
    }
    assert list(application.ratios) == ["cancellation_rate"]
    [projection] = materialised([application]).projections
    assert projection.dimensions == ("f_carrier__string", "f_origin__string")
    statistics: dict[str, Metric | Ratio] = {**application.metrics, **application.ratios}
    for statistic in statistics.values():
        assert statistic.by == ("carrier", "origin")
        assert statistic.title
        assert statistic.description
    for field in application.events["departure"].fields.values():
        assert field.description


def test_cancelled_flights_fly_no_distance() -> None:
    """Distance counts flights that departed; cancellations those that did not."""
    metrics = read_toml(FLIGHTS, "livetally.toml").metrics
    conditions = {
        name: [format_filter(filter_) for filter_ in metric.terms[0].where]
        for name, metric in metrics.items()
    }
    assert conditions["distance_flown"] == ["dep_delay:*"]
    assert conditions["cancellations"] == ["!dep_delay:*"]
    assert conditions["departures"] == []
