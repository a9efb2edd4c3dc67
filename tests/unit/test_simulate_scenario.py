"""A simulation as a stream of events: repeatable, at the right rate, with lives that make sense.

In the flow: a definition's simulation is run without a server.
Guarantee: what a seed stands for is the same everywhere, down to the ids.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from livetally.calendar import to_us
from livetally.definitions import Simulation, Step, read_toml
from livetally.simulate import Pace, Scenario, Simulated, merged

DAY_US = 86_400_000_000
MONDAY_US = to_us(datetime(2026, 1, 5, tzinfo=UTC))

PLANT = """
application = "plant"
[event.opened]
data.severity = { type = "string", required = true }
[event.changed]
data.status = "string"
data.cost = "decimal"
data.severity = "string"
[entity.incident]
key = "subject"
events = ["opened", "changed"]
fields.status = { latest = "status" }
[simulation.plant]
rate = 0.05
seed = 7
tz = "Europe/Oslo"
daily = "office"
weekly = "office"
[simulation.plant.entity.incident]
key = { sequence = "INC-{n}" }
[simulation.plant.entity.worker]
count = 5
key = { name = "person" }
[[simulation.plant.events]]
event = "opened"
weight = 3
creates = "incident"
to = "open"
data.severity = { choice = { low = 6, high = 2 } }
[[simulation.plant.events]]
event = "changed"
weight = 5
changes = "incident"
states = ["open"]
to = "completed"
data.status = "completed"
data.cost = { lognormal = [120, 0.6], maximum = 5000 }
data.severity = { last = "severity" }
data.by.name = { one_of = "worker", missing = 0.25 }
[[simulation.plant.events]]
event = "changed"
weight = 1
changes = "incident"
states = ["completed"]
to = "open"
overrides = true
where = ["status:completed"]
data.status = "open"
"""


def plant(change: str = "", by: str = "") -> Simulation:
    """Return the plant's simulation, with a part of its definition replaced."""
    text = PLANT.replace(change, by).replace(
        'data.cost = "decimal"', 'data.cost = "decimal"\ndata.by.name = "string"'
    )
    return read_toml(text, "plant.toml").simulations["plant"]


def run(simulation: Simulation, days: int, **options: Any) -> list[Simulated]:
    """Return the events of some days from a Monday on."""
    scenario = Scenario(simulation, MONDAY_US, **options)
    return list(scenario.events(MONDAY_US + days * DAY_US))


def test_the_same_seed_makes_the_same_events() -> None:
    """Ids, times and all; another seed, rate or beginning makes others."""
    simulation = plant()
    events = run(simulation, 2)
    assert events == run(simulation, 2)
    ids = {one.event["id"] for one in events}
    assert len(ids) == len(events) > 1_000
    for other in (run(simulation, 2, seed=8), run(simulation, 2, rate=0.06)):
        assert ids.isdisjoint(one.event["id"] for one in other)
    later = Scenario(simulation, MONDAY_US + 1).events(MONDAY_US + DAY_US)
    assert ids.isdisjoint(one.event["id"] for one in later)


def test_words_for_people_change_no_event() -> None:
    """A title is not part of what is drawn."""
    named = plant("rate = 0.05", 'rate = 0.05\ntitle = "The plant"')
    assert run(named, 1) == run(plant(), 1)


def test_what_a_seed_stands_for_never_changes() -> None:
    """The first event of a seed, as every version and machine makes it."""
    (first,) = islice(Scenario(plant(), MONDAY_US).events(), 1)
    assert first.occurred_us - MONDAY_US == 480_156_008
    assert (first.event["type"], first.event["subject"]) == ("opened", "INC-1")
    assert first.event["data"] == {"severity": "low"}


def test_the_rate_is_that_of_a_week() -> None:
    """Two weeks have as many events as the rate says, within four deviations."""
    events = run(plant(), 14)
    expected = 0.05 * 14 * 86_400
    assert abs(len(events) - expected) < 4 * expected**0.5


def test_the_rhythm_is_that_of_the_zone() -> None:
    """Office hours are those of Oslo, an hour ahead of UTC in winter; Sunday is quiet."""
    events = run(plant(), 7)
    hours = Counter(one.event["time"].hour for one in events)
    assert hours[9] > 20 * hours[2]
    assert hours[6] > hours[17]  # 7 and 18 o'clock in Oslo
    days = Counter(one.event["time"].weekday() for one in events)
    assert days[1] > 4 * days[6]


def test_times_rise_and_stay_within_the_range() -> None:
    """Each event is at the one before it or later."""
    times = [one.occurred_us for one in run(plant(), 1)]
    assert times == sorted(times)
    assert times[0] >= MONDAY_US
    assert times[-1] < MONDAY_US + DAY_US


def test_an_entity_lives_its_life() -> None:
    """It is opened first; it is completed only while open, reopened only while completed."""
    states: dict[str, str] = {}
    for one in run(plant(), 3):
        key, event = one.event["subject"], one.event
        if event["type"] == "opened":
            assert key not in states
            states[key] = "open"
            continue
        assert states[key] != event["data"]["status"]
        states[key] = event["data"]["status"]


def test_values_follow_their_distribution() -> None:
    """Weights, a median, a bound, a share that is missing, and the last value of the entity."""
    events = [one.event for one in run(plant(), 7)]
    severities = Counter(e["data"]["severity"] for e in events if e["type"] == "opened")
    assert severities["low"] == pytest.approx(3 * severities["high"], rel=0.15)
    completed = [e["data"] for e in events if e["data"].get("status") == "completed"]
    costs = [data["cost"] for data in completed]
    assert statistics.median(costs) == pytest.approx(120, rel=0.1)
    assert max(costs) <= 5000
    assert all(round(cost, 2) == cost for cost in costs)
    missing = sum("by" not in data for data in completed) / len(completed)
    assert missing == pytest.approx(0.25, abs=0.03)
    given = {e["subject"]: e["data"]["severity"] for e in events if e["type"] == "opened"}
    changed = [e for e in events if "cost" in e["data"]]
    assert all(e["data"]["severity"] == given[e["subject"]] for e in changed)


def test_a_persons_action_is_overridden() -> None:
    """What the server says people have done is undone; no other event differs."""
    asked: list[tuple[str, ...]] = []

    def acted(step: Step, _occurred_us: int) -> Sequence[str]:
        asked.append(tuple(one.field for one in step.where))
        return ["by-a-person"]

    alone, watched = run(plant(), 2), run(plant(), 2, acted=acted)
    assert asked[0] == ("status",)
    undone = [one for one in watched if one.event["subject"] == "by-a-person"]
    assert len(undone) == len(asked)
    assert all(one.event["data"] == {"status": "open"} for one in undone)
    same = [one for one in watched if one.event["subject"] != "by-a-person"]
    ids = {one.event["id"] for one in same}
    assert same == [one for one in alone if one.event["id"] in ids]
    assert len(alone) == len(watched)
    assert ids.isdisjoint(one.event["id"] for one in undone)


def test_what_ends_is_left_alone() -> None:
    """Nothing happens to an entity after the event that ends it."""
    ended: set[str] = set()
    simulation = plant('to = "completed"', 'to = "completed"\nends = true')
    for one in run(simulation, 2):
        assert one.event["subject"] not in ended
        if one.event["data"].get("status") == "completed":
            ended.add(one.event["subject"])
    assert ended


def test_the_oldest_are_forgotten() -> None:
    """With more than living_max the oldest one has no events any more."""
    simulation = plant(
        'key = { sequence = "INC-{n}" }', 'key = { sequence = "INC-{n}" }\nliving_max = 3'
    )
    newest = 0
    for one in run(simulation, 2):
        number = int(one.event["subject"].removeprefix("INC-"))
        newest = max(newest, number)
        assert number > newest - 3


def test_a_key_in_the_data_goes_there() -> None:
    """An entity that is keyed by a data field gets its key written into that field."""
    text = PLANT.replace('key = "subject"', 'key = "ref.number"').replace(
        "[event.changed]",
        'data.ref.number = "string"\n[event.changed]\ndata.ref.number = "string"\n'
        'data.by.name = "string"',
    )
    simulation = read_toml(text, "plant.toml").simulations["plant"]
    (first,) = islice(Scenario(simulation, MONDAY_US).events(), 1)
    assert first.event["data"]["ref"] == {"number": "INC-1"}
    assert "subject" not in first.event


def test_nothing_is_due_before_it_happens() -> None:
    """The past is due at once, or with a speed as much sooner; the future at its time."""
    now = 1_000_000_000_000
    at_once = Pace(now - 60_000_000, now, None)
    assert at_once.wait_s(now - 30_000_000, now) == 0
    assert at_once.wait_s(now + 2_000_000, now) == 2
    fast = Pace(now - 60_000_000, now, 10)
    assert fast.wait_s(now - 30_000_000, now) == 3
    assert fast.wait_s(now, now) == 6
    # It has caught up 6.67 s after now, and then goes on with the clock.
    assert fast.wait_s(now + 20_000_000, now) == 20


def test_streams_are_joined_in_order_of_time() -> None:
    """Two simulations in one run take turns."""
    first, second = (Scenario(plant(), MONDAY_US, seed=seed) for seed in (1, 2))
    both = list(merged(one.events(MONDAY_US + DAY_US) for one in (first, second)))
    assert [one.occurred_us for one in both] == sorted(one.occurred_us for one in both)
    assert len({one.event["id"].partition("-")[0] for one in both}) == 2
