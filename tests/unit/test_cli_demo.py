"""The demo loads what is missing, sends what comes at its time, and ends when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any, cast

import pytest

from livetally.cli.demo_events import Api, keep_coming, load
from livetally.cli.demo_examples import find_examples
from livetally.cli.demo_stop import Stop, Stopped
from livetally.errors import LivetallyError, UnknownName
from livetally.testing import ManualClock


class TenEvents:
    """An example with a history of ten events, in bodies of four; live: one after each second."""

    title = "Ten"
    events_total = 10
    stored = "/v1/metrics/ten"

    def history(self, skip: int) -> Iterator[tuple[int, bytes]]:
        """Yield bodies of the numbers from ``skip`` on."""
        numbers = range(skip, self.events_total)
        for first in range(skip, self.events_total, 4):
            body = [n for n in numbers if first <= n < first + 4]
            yield len(body), bytes(body)

    def live(self, random: Random) -> Iterator[tuple[float, Callable[[int], bytes]]]:
        """Yield three events that say when they were sent, and what was drawn for them."""
        for _ in range(3):
            yield 1.0, partial(told, random.random())


def told(drawn: float, now_us: int) -> bytes:
    """Return what a live event says."""
    return f"{now_us} {drawn}".encode()


class Kept:
    """Stands for the server: keeps numbers, each once, as ids do; may lose what it is told to."""

    def __init__(self, numbers: set[int], *, loses: frozenset[int] = frozenset()) -> None:
        """Start with ``numbers``."""
        self.numbers = numbers
        self.sent: list[bytes] = []
        self._loses = loses

    def total(self, _request: str) -> int:
        """Count what is kept."""
        return len(self.numbers)

    def send(self, body: bytes) -> None:
        """Keep what is sent."""
        self.sent.append(body)
        self.numbers |= set(body) - self._loses


def loaded(kept: Kept) -> list[int]:
    """Load the ten events; return how the progress advanced."""
    steps: list[int] = []
    load(TenEvents(), cast("Api", kept), steps.append)
    return steps


def test_an_empty_store_gets_the_whole_history() -> None:
    """Everything is sent once, body by body."""
    kept = Kept(set())
    assert loaded(kept) == [0, 4, 4, 2]
    assert kept.numbers == set(range(10))
    assert len(kept.sent) == 3


def test_a_complete_store_gets_nothing() -> None:
    """What is there is not sent again."""
    kept = Kept(set(range(10)))
    assert loaded(kept) == [10]
    assert kept.sent == []


def test_an_interrupted_load_is_continued() -> None:
    """What is there is the beginning: only the rest is sent."""
    kept = Kept({0, 1, 2, 3, 4})
    assert loaded(kept) == [5, 4, 1]
    assert b"".join(kept.sent) == bytes(range(5, 10))


def test_what_is_there_need_not_be_the_beginning() -> None:
    """When the count is short after the rest was sent, everything is sent, and counts once."""
    kept = Kept({7, 8, 9})
    loaded(kept)
    assert kept.numbers == set(range(10))


def test_a_store_that_stays_short_is_an_error() -> None:
    """A number that never is what it must be is told, not passed over."""
    with pytest.raises(LivetallyError, match="9 events are stored, 10 were expected"):
        loaded(Kept(set(), loses=frozenset({6})))


class Passing(Stop):
    """A stop whose pauses let a manual clock pass, and that is set after a number of them."""

    def __init__(self, clock: ManualClock, pauses: int) -> None:
        """Be set at the pause after ``pauses``."""
        super().__init__()
        self._clock = clock
        self._pauses = pauses

    def pause(self, timeout_s: float | None = None) -> None:
        """Let the time pass."""
        if not self._pauses or timeout_s is None:
            raise Stopped
        self._pauses -= 1
        self._clock.advance(s=max(0, timeout_s))


def test_live_events_are_sent_when_they_are_due() -> None:
    """Of two examples each sends its events a second apart, with the time of their sending."""
    clock = ManualClock()
    start_us = clock.now_us()
    kept: Any = Kept(set())
    examples = [TenEvents(), TenEvents()]
    said: list[str] = []
    with pytest.raises(Stopped):
        keep_coming(examples, kept, Passing(clock, 100), clock, said.append)
    assert said == ["New events keep coming. Ctrl-C ends the demo."]
    sent = [body.decode().split() for body in kept.sent]
    assert [int(now_us) - start_us for now_us, _ in sent] == [
        *(1_000_000, 1_000_000, 2_000_000, 2_000_000, 3_000_000, 3_000_000)
    ]
    # Every example draws from the same seed: the same in every demo.
    assert [drawn for _, drawn in sent[0::2]] == [drawn for _, drawn in sent[1::2]]


def test_nothing_is_sent_after_the_stop() -> None:
    """Being told to end between two events ends it there."""
    clock = ManualClock()
    kept: Any = Kept(set())
    with pytest.raises(Stopped):
        keep_coming([TenEvents()], kept, Passing(clock, 2), clock, print)
    assert len(kept.sent) == 2


def test_an_example_without_live_events_does_not_promise_any() -> None:
    """It says so, and waits to be ended."""
    clock = ManualClock()
    said: list[str] = []
    with pytest.raises(Stopped):
        keep_coming([], cast("Any", Kept(set())), Passing(clock, 0), clock, said.append)
    assert said == ["Nothing more comes by itself. Ctrl-C ends the demo."]


def test_a_stop_ends_every_pause() -> None:
    """Once set it stays set, whoever waits and for however long."""
    stop = Stop()
    stop.pause(0)
    stop.set()
    for timeout_s in (0, 1_000, None):
        with pytest.raises(Stopped):
            stop.pause(timeout_s)
    assert stop.was_set
    stop.close()


def test_a_stop_tells_being_set_from_what_it_watches() -> None:
    """The end of something watched ends the pauses too, but is not a signal."""
    stop, other = Stop(), Stop()
    stop.watch(other.watchable)
    other.set()
    with pytest.raises(Stopped):
        stop.pause()
    assert not stop.was_set
    stop.close()
    other.close()


def test_examples_are_found_by_name() -> None:
    """Without a name all are shown; a definition file belongs to each."""
    for shown in (*find_examples([]), *find_examples(["flights", "flights"])):
        assert shown.definitions.is_file()
        assert shown.example.title
    assert [one.name for one in find_examples(["flights", "flights"])] == ["flights"]


def test_an_unknown_example_is_refused_with_the_nearest() -> None:
    """A mistyped name is answered with the one that was meant."""
    with pytest.raises(UnknownName, match="did you mean 'flights'"):
        find_examples(["flihgts"])
