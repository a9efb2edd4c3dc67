"""The applier: what goes into one insert, when, who waits for it, and what happens when it fails.

In the flow: drives ``ingest.applying`` over a store in memory.
Guarantee: when an insert answers is under the test's control, so each order of events can be had.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import pytest

from livetally.errors import StoreFailed
from livetally.ingest.applying import Applier, ApplierLimits, Applying
from livetally.ingest.commits import Notice
from livetally.store.events import Encoded, Engine, EngineError
from livetally.store.journal import Journal
from livetally.testing import ManualClock

WAIT_S = 20
# Twenty thousand of them take a tenth of it; one by one against all others, minutes.
_TOLD_S_MAX = 5


class FakeEngine:
    """Notes what was inserted; an insert waits for ``gate`` and fails while ``error`` is set."""

    def __init__(self, clock: ManualClock) -> None:
        """Begin willing; an insert takes ``took_s``."""
        self.inserts: list[tuple[Sequence[str], bytes]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.error: Exception | None = None
        self.took_s = 0.0
        self._clock = clock

    def insert(self, _table: str, names: Sequence[str], block: bytes, _settings: str) -> None:
        """Take blocks."""
        self.entered.release()
        assert self.gate.wait(WAIT_S)
        if self.error:
            raise self.error
        self._clock.advance(s=self.took_s)
        self.inserts.append((names, block))


class FakeJournal:
    """Notes what it was asked."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.let_go_to = 0
        self.cleared = 0

    def let_go(self, position: int) -> None:
        """Note how far."""
        self.let_go_to = position

    def clear(self) -> None:
        """Note that."""
        self.cleared += 1


class House:
    """An applier with everything around it."""

    def __init__(self, limits: ApplierLimits | None = None) -> None:
        """Build it; it is not started."""
        self.clock = ManualClock()
        self.engine = FakeEngine(self.clock)
        self.journal = FakeJournal()
        self.failed: list[BaseException] = []
        self.notices: list[int] = []
        self.applier = Applier(
            cast("Engine", self.engine), cast("Journal", self.journal), self.clock, 0, limits
        )
        self.applier.on_failure = self.failed.append
        self.applier.listen(lambda notice: self.notices.append(notice.position))

    def put(self, position: int, events: int = 1, more: str = "") -> None:
        """Put a commit; the values of its first column are its position."""
        columns = [(name, "UInt8", bytes([position])) for name in ("id", *more)]
        encoded = Encoded(events, tuple(columns))
        self.applier.put(Applying(encoded, Notice(position, 0, events, {})))

    def busy(self) -> None:
        """Put a commit and return when the store is at it and will stay there."""
        self.engine.gate.clear()
        self.applier.start()
        self.put(1)
        assert self.engine.entered.acquire(timeout=WAIT_S)


def blocks(house: House) -> list[list[int]]:
    """Return the positions of each insert: of a block, what stands before the next column."""
    found = []
    for names, block in house.engine.inserts:
        head = bytes([len(names)])
        rest, positions = block, []
        while rest:
            assert rest.startswith(head)
            at = rest.index(b"\x02id\x05UInt8") + len(b"\x02id\x05UInt8")
            positions.append(rest[at])
            rest = rest[at + 1 :]
            for name in names[1:]:
                rest = rest.removeprefix(b"\x01%s\x05UInt8" % name.encode())[1:]
        found.append(positions)
    return found


def test_what_comes_during_an_insert_is_the_next_one() -> None:
    """Alone, a commit is applied at once; listeners are told of each, in order."""
    house = House()
    house.busy()
    for position in (2, 3, 4):
        house.put(position)
    assert house.applier.position == 0
    assert house.notices == []
    house.engine.gate.set()
    house.applier.close()
    assert blocks(house) == [[1], [2, 3, 4]]
    assert house.notices == [1, 2, 3, 4]
    assert house.applier.position == house.journal.let_go_to == 4


def test_an_insert_is_bounded() -> None:
    """What is too much is another insert; a large commit is not cut."""
    house = House(ApplierLimits(insert_events_max=10))
    house.busy()
    for position, events in zip((2, 3, 4, 5), (4, 6, 1, 40), strict=True):
        house.put(position, events)
    house.engine.gate.set()
    house.applier.close()
    assert blocks(house) == [[1], [2, 3], [4], [5]]


def test_small_commits_of_different_columns_share_an_insert() -> None:
    """It has the columns that all of them have; many events of different ones are apart."""
    house = House(ApplierLimits(mixed_events_max=10))
    house.busy()
    for position, more in zip((2, 3, 4), ("ab", "b", "bc"), strict=True):
        house.put(position, 1, more)
    house.put(5, 40, "b")
    house.put(6, 40, "b")
    house.put(7, 40, "c")
    house.engine.gate.set()
    house.applier.close()
    assert blocks(house) == [[1], [2, 3, 4], [5, 6], [7]]
    assert [names for names, _ in house.engine.inserts] == [
        ("id",),
        ("id", "b"),
        ("id", "b"),
        ("id", "c"),
    ]


def test_what_makes_answers_right_is_told_before_the_position_says_so() -> None:
    """Whoever sees the position may ask at once, and be answered from what was kept."""
    house = House()
    seen: list[tuple[str, int, int]] = []

    def note(kind: str, notice: Notice) -> None:
        seen.append((kind, notice.position, house.applier.position))

    house.applier.listen(partial(note, "first"), first=True)
    house.applier.listen(partial(note, "then"))
    house.busy()
    house.put(2)
    house.put(3)
    house.engine.gate.set()
    house.applier.close()
    assert seen == [
        ("first", 1, 0),
        ("then", 1, 1),
        ("first", 2, 1),
        ("first", 3, 1),
        ("then", 2, 3),
        ("then", 3, 3),
    ]


async def test_thousands_may_wait() -> None:
    """They are told in one pass, and those who have gone are forgotten."""
    house = House()
    house.busy()
    house.put(2)
    waiting = asyncio.gather(*[house.applier.reached(2, WAIT_S) for _ in range(20_000)])
    await asyncio.sleep(0)
    began_s = time.perf_counter()
    house.engine.gate.set()
    await asyncio.wait_for(waiting, WAIT_S)
    assert time.perf_counter() - began_s < _TOLD_S_MAX
    house.applier.close()


def test_after_an_insert_there_is_a_pause() -> None:
    """What comes then is one insert; it is made when somebody wants to know, or it is much."""
    house = House(ApplierLimits(no_pause_events=50, pause_s_max=1_000, pause_factor=1_000))
    house.engine.took_s = 1.0
    house.applier.start()
    house.put(1)
    house.applier.wait(1, WAIT_S)
    assert house.engine.entered.acquire(timeout=WAIT_S)
    for position in (2, 3):
        house.put(position)
    assert not house.engine.entered.acquire(timeout=0.05)
    house.applier.wait(2, WAIT_S)
    assert blocks(house) == [[1], [2, 3]]
    house.put(4)
    assert house.engine.entered.acquire(timeout=WAIT_S)
    assert not house.engine.entered.acquire(timeout=0.05)
    house.put(5, events=49)
    assert house.engine.entered.acquire(timeout=WAIT_S)
    house.applier.close()
    assert blocks(house) == [[1], [2, 3], [4, 5]]


async def test_readers_wait_on_the_loop() -> None:
    """Each goes on when the store has its commit; one who has waited too long is told so."""
    house = House()
    house.busy()
    house.put(2)
    first = asyncio.gather(house.applier.reached(1, WAIT_S))
    second = asyncio.gather(house.applier.reached(2, WAIT_S))
    await asyncio.sleep(0)
    assert not first.done()
    with pytest.raises(StoreFailed, match="not in the event store yet"):
        await house.applier.reached(2, 0.01)
    house.engine.gate.set()
    await asyncio.wait_for(asyncio.gather(first, second), WAIT_S)
    assert house.applier.position == 2
    await house.applier.reached(2, 0)
    house.applier.close()


def test_settling_has_all_applied_and_the_journal_cleared() -> None:
    """It waits for what was put, also for the insert that is under way."""
    house = House()
    house.busy()
    house.put(2)
    settling = threading.Thread(target=house.applier.settle)
    settling.start()
    settling.join(0.05)
    assert settling.is_alive()
    assert house.journal.cleared == 0
    house.engine.gate.set()
    settling.join(WAIT_S)
    assert house.journal.cleared == 1
    assert house.notices == [1, 2]
    house.applier.close()


@pytest.mark.parametrize(
    "limits",
    [
        ApplierLimits(waiting_events_max=4),
        ApplierLimits(waiting_bytes_max=2),
        ApplierLimits(waiting_s_max=-1),
    ],
    ids=["events", "bytes", "time"],
)
def test_who_puts_too_much_waits(limits: ApplierLimits) -> None:
    """Memory is bounded: the writer goes on when the store has taken some."""
    house = House(limits)
    house.busy()
    house.put(2, events=4)
    putting = threading.Thread(target=house.put, args=(3,))
    putting.start()
    putting.join(0.05)
    assert putting.is_alive()
    house.engine.gate.set()
    putting.join(WAIT_S)
    assert not putting.is_alive()
    house.applier.close()
    assert [one for group in blocks(house) for one in group] == [1, 2, 3]


async def test_a_failed_insert_ends_it_and_everybody_is_told() -> None:
    """Nothing more is applied or let go; who waits, puts or settles is told why."""
    house = House()
    house.busy()
    house.put(2)
    waiting = asyncio.gather(house.applier.reached(2, WAIT_S))
    await asyncio.sleep(0)
    house.engine.error = EngineError("the disk is full")
    house.engine.gate.set()
    with pytest.raises(StoreFailed, match="the disk is full"):
        await asyncio.wait_for(waiting, WAIT_S)
    calls: list[Callable[[], None]] = [
        partial(house.put, 3),
        partial(house.applier.wait, 2, WAIT_S),
        house.applier.settle,
    ]
    for call in calls:
        with pytest.raises(StoreFailed, match="the disk is full"):
            call()
    with pytest.raises(StoreFailed, match="the disk is full"):
        await house.applier.reached(2, WAIT_S)
    house.applier.close()
    assert [str(error) for error in house.failed] == ["the disk is full"]
    assert (house.applier.position, house.notices) == (0, [])
    assert (house.journal.let_go_to, house.journal.cleared) == (0, 0)
