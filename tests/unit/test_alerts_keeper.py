"""Two processes look after the same alerts: each change is told once, whoever is killed when.

In the flow: keepers on one catalog, with answers and couriers that a test decides.
Guarantee: what was told is compared with what the judge says of the same values, alone.
"""

from __future__ import annotations

import random
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from livetally.alerts import Couriers, Keeper, NotDelivered, Watched
from livetally.alerts.judge import State, judge
from livetally.definitions import read_toml
from livetally.errors import Overloaded, StoreFailed
from livetally.query import Answer, AnswerRow, Declared
from livetally.store.catalog import open_catalog
from livetally.tenancy import DEFAULT_TEAM
from livetally.testing.clock import ManualClock

DEFINITION = """
application = "shop"
[event.sale]
[metric.sales]
event = "sale"
aggregate = "count"
[alert.many]
metric = "sales"
window = "1 hour"
above = 5
clear = 3
every = "10 seconds"
notify = [{ email = "a@example.org" }]
"""


class FakeRunner:
    """Answers every question with ``value``; fails when that is an error."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.value: Any = 0
        self.late: Exception | None = None
        self.previous: Any = None

    async def caught_up(self) -> None:
        """Have nothing that is still on its way; fail when it never comes."""
        if self.late is not None:
            raise self.late

    async def answer(self, query: Any, *_: object) -> Answer:
        """Answer one total."""
        await anyio.lowlevel.checkpoint()
        if isinstance(self.value, Exception):
            raise self.value
        rows = [AnswerRow(None, (), self.value, 7, previous=self.previous)]
        return Answer(query, 7, query.start_us, query.end_us, rows)


class FakeCouriers(Couriers):
    """Notes what it is given; refuses as often as ``failures`` says."""

    def __init__(self) -> None:
        """Refuse nothing."""
        self.failures = 0
        self.got: list[tuple[str, str]] = []

    async def deliver(self, number: str, channel: Any, body: str) -> None:  # noqa: ARG002
        """Take a message, or refuse it."""
        await anyio.lowlevel.checkpoint()
        if self.failures:
            self.failures -= 1
            raise NotDelivered("it is down")
        self.got.append((number, body))


class Room:
    """Two keepers on one catalog."""

    def __init__(self, place: Path, text: str = DEFINITION) -> None:
        """Open a catalog in ``place`` twice."""
        application = read_toml(text, "shop.toml")
        self.alert = application.alerts["many"]
        self.declared = [Watched(DEFAULT_TEAM, Declared([application]), self.alert)]
        self.clock = ManualClock()
        self.runner = FakeRunner()
        self.couriers = FakeCouriers()
        self.catalogs = [open_catalog(place / "catalog.db", self.clock) for _ in range(2)]
        self.keepers = [
            Keeper(
                catalog,
                lambda: self.declared,
                self.runner,  # type: ignore[arg-type] # as much of it as is asked
                self.runner.caught_up,
                self.couriers,
                self.clock,
                f"process {number}",
                90,
            )
            for number, catalog in enumerate(self.catalogs)
        ]

    async def tick(self) -> None:
        """Let both look at the same time."""
        async with anyio.create_task_group() as tasks:
            for keeper in self.keepers:
                tasks.start_soon(keeper.tick)

    def close(self) -> None:
        """Close the catalogs."""
        for catalog in self.catalogs:
            catalog.close()


@pytest.mark.anyio
async def test_each_change_is_told_once(tmp_path: Path) -> None:
    """By two processes that look at the same instants."""
    rng = random.Random(4)
    with closing(Room(tmp_path)) as room:
        state, since_us, expected = State.OK, 0, []
        for _ in range(30):
            room.runner.value = rng.randrange(9)
            value, now_us = Decimal(room.runner.value), room.clock.now_us()
            state, since_us, tell = judge(room.alert, state, since_us, value, now_us)
            if tell:
                expected.append((state.value, str(value)))
            await room.tick()
            room.clock.advance(s=10)
        changes = room.catalogs[0].alert_history(DEFAULT_TEAM, "many")
        assert [(one.state, one.value) for one in reversed(changes)] == expected
        assert len(room.couriers.got) == len({number for number, _ in room.couriers.got})
        assert len(room.couriers.got) == len(expected) > 4


@pytest.mark.anyio
async def test_a_message_is_tried_again_for_a_day(tmp_path: Path) -> None:
    """Then it is given up, and the history says so."""
    with closing(Room(tmp_path)) as room:
        room.runner.value = 9
        room.couriers.failures = 10**6
        tries = set()
        for _ in range(26 * 6):
            await room.tick()
            tries.add(10**6 - room.couriers.failures)
            room.clock.advance(s=600)
        (change,) = room.catalogs[0].alert_history(DEFAULT_TEAM, "many")
        (message,) = change.messages
        assert (message.attempts, message.waiting, message.delivered_us) == (11, False, None)
        assert max(tries) == 11


@pytest.mark.anyio
async def test_what_can_not_be_measured_changes_no_state(tmp_path: Path) -> None:
    """The reason is kept until the next look that works."""
    with closing(Room(tmp_path)) as room:
        for value in (9, Overloaded("too many questions"), 9):
            room.runner.value = value
            await room.tick()
            (state,) = room.catalogs[0].alert_states()
            assert (state.state, state.value) == ("firing", "9")
            assert bool(state.last_error) == isinstance(value, Exception)
            room.clock.advance(s=10)
        room.runner.late, room.runner.value = StoreFailed("not in the event store yet"), 0
        await room.tick()
        (state,) = room.catalogs[0].alert_states()
        assert (state.state, state.value) == ("firing", "9")
        assert "not in the event store" in state.last_error
        assert len(room.couriers.got) == 1


@pytest.mark.anyio
async def test_a_change_is_a_percentage_of_the_window_before(tmp_path: Path) -> None:
    """With nothing before there is nothing to compare with."""
    text = DEFINITION.replace('window = "1 hour"', 'window = "1 hour"\nmeasure = "change"')
    with closing(Room(tmp_path, text)) as room:
        seen = []
        for value, previous in ((3, 0), (3, None), (21, 20), (22, 20), (-3, -4)):
            room.runner.value, room.runner.previous = value, previous
            await room.tick()
            (state,) = room.catalogs[0].alert_states()
            seen.append((state.value, state.state))
            room.clock.advance(s=10)
        assert seen == [
            (None, "ok"),
            (None, "ok"),
            ("5.00", "ok"),
            ("10.0", "firing"),
            ("25.00", "firing"),
        ]


@pytest.mark.anyio
async def test_an_alert_that_is_gone_is_forgotten_but_its_messages_go_out(tmp_path: Path) -> None:
    """Declared anew it begins as ok."""
    with closing(Room(tmp_path)) as room:
        room.runner.value = 9
        room.couriers.failures = 1
        await room.tick()
        room.declared = []
        room.clock.advance(s=10)
        await room.tick()
        assert room.catalogs[0].alert_states() == []
        assert len(room.couriers.got) == 1
