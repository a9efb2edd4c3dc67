"""The examples' histories: whole, the same each time, and each event once."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from livetally.cli.demo_examples import find_examples
from livetally.definitions import check_team
from livetally.server.registry import read_files

NAMES = ("taps", "circular", "revenue", "incidents")


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
