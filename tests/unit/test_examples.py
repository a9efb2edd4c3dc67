"""The examples' histories: whole, the same each time, and each event once."""

from __future__ import annotations

import json
import sys
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from livetally.cli.demo_examples import find_examples
from livetally.definitions import check_team
from livetally.server.registry import read_files
from livetally.sources import mapped_lines

NAMES = ("taps", "circular", "revenue", "incidents", "nobel")


@pytest.mark.parametrize("name", NAMES)
def test_a_history_is_whole_and_repeatable(name: str) -> None:
    """As many events as are announced, each with an id of its own, in order; the rest after any."""
    (shown,) = find_examples([name])
    example = shown.example
    bodies = list(example.history(0))
    events = [event for _, body in bodies for event in msgspec.json.Decoder().decode_lines(body)]
    assert sum(count for count, _ in bodies) == len(events) == example.events_total
    assert len({event["id"] for event in events}) == len(events)
    times = [event["time"] for event in events]
    assert times == sorted(times)
    again = b"".join(body for _, body in example.history(example.events_total - 5))
    assert msgspec.json.Decoder().decode_lines(again) == events[-5:]


@pytest.mark.parametrize("name", NAMES)
def test_every_event_is_declared(name: str) -> None:
    """History and live events have the types and fields that the definition declares."""
    (shown,) = find_examples([name])
    declared = read_files([str(shown.definitions)])[0].events
    _, body = next(iter(shown.example.history(max(0, shown.example.events_total - 2_000))))
    events = msgspec.json.Decoder().decode_lines(body)
    for (_, make), _ in zip(shown.example.live(Random(1)), range(300), strict=False):
        events.append(msgspec.json.decode(make(1_790_000_000_000_000)))
    for event in events:
        fields = declared[event["type"]].fields
        assert event["data"].keys() <= fields.keys(), event
        required = {path for path, field in fields.items() if field.required}
        assert required <= event["data"].keys(), event


def test_all_of_them_can_be_shown_together() -> None:
    """No two examples use the same name for different things."""
    applications = read_files([str(shown.definitions) for shown in find_examples([])])
    for place, application in enumerate(applications):
        check_team(application, applications[:place], application.name)


def test_the_excerpt_gives_the_events_that_the_sources_would() -> None:
    """The records in the API's shape, by the definition's mappings; only ids and sources differ."""
    (shown,) = find_examples(["nobel"])
    module = sys.modules["livetally_example_nobel"]
    sources = read_files([str(shown.definitions)])[0].sources
    assert {urlsplit(one.url).hostname for one in sources.values()} == {"api.nobelprize.org"}
    found = []
    for source in sources.values():
        page = module.page(f"{urlsplit(source.url).path}?limit=100")
        mapped, lines = mapped_lines(source, page)
        assert not mapped.faults
        found += msgspec.json.Decoder().decode_lines(lines)
    (_, body), *_ = shown.example.history(0)
    expected = msgspec.json.Decoder().decode_lines(body)
    assert sorted(map(_told, found)) == sorted(map(_told, expected))


def _told(event: dict[str, Any]) -> str:
    told = {name: event[name] for name in ("type", "subject", "data")}
    return f"{event['time'][:10]} {json.dumps(told, sort_keys=True)}"
