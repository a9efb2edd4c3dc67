"""What the catalog promises about quotas: exact, across restarts and processes.

In the flow: drives ``Catalog.charge_quota`` as api does, on every database.
Guarantee: the verdicts are those of ``tenancy.MovingWindow`` on the full list of hits.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from livetally.store.catalog import open_catalog
from livetally.store.catalog.database import open_database
from livetally.store.catalog.tables import quota_hits
from livetally.tenancy import Admission, MovingWindow

if TYPE_CHECKING:
    from livetally.store.catalog import Catalog
    from livetally.testing.clock import ManualClock

pytest_plugins = ("tests.contract.catalogs",)

HOUR_US = 3_600_000_000
HUNDRED = MovingWindow(100, HOUR_US)
FIVE = MovingWindow(5, 10_000_000)


def test_hundred_and_first_in_an_hour(catalog: Catalog, clock: ManualClock) -> None:
    """The 101st query in a moving hour is refused, and admitted when the first has left."""
    for number in range(100):
        assert catalog.charge_quota("key", HUNDRED) == Admission(
            True, 99 - number, 3_600 - 10 * number, 0
        )
        clock.advance(s=10)
    refused = Admission(False, 0, 2_600, 2_600)
    assert catalog.charge_quota("key", HUNDRED) == refused
    clock.advance(us=2_600_000_000 - 1)
    assert catalog.charge_quota("key", HUNDRED) == Admission(False, 0, 1, 1)
    clock.advance(us=1)
    assert catalog.charge_quota("key", HUNDRED) == Admission(True, 0, 10, 0)
    assert catalog.charge_quota("key", HUNDRED) == Admission(False, 0, 10, 10)


def test_processes_share_a_quota(catalog: Catalog, other: Catalog) -> None:
    """What one process has charged, another one counts; another key's quota is its own."""
    for one in (catalog, other, catalog, other, catalog):
        assert one.charge_quota("key", FIVE).allowed
    assert not other.charge_quota("key", FIVE).allowed
    assert other.charge_quota("another", FIVE) == Admission(True, 4, 10, 0)


def test_quota_survives_a_restart(catalog: Catalog, url: str, clock: ManualClock) -> None:
    """A new process on the same catalog goes on counting."""
    for _ in range(5):
        catalog.charge_quota("key", FIVE)
    clock.advance(s=3)
    with closing(open_catalog(url, clock)) as restarted:
        assert restarted.charge_quota("key", FIVE) == Admission(False, 0, 7, 7)


def test_refused_hits_do_not_count(catalog: Catalog, clock: ManualClock) -> None:
    """Who keeps asking while refused is not kept out any longer for it."""
    for _ in range(5):
        catalog.charge_quota("key", FIVE)
    for _ in range(9):
        clock.advance(s=1)
        assert not catalog.charge_quota("key", FIVE).allowed
    clock.advance(s=1)
    assert catalog.charge_quota("key", FIVE) == Admission(True, 4, 10, 0)


def test_hits_that_have_left_are_not_kept(catalog: Catalog, url: str, clock: ManualClock) -> None:
    """What is stored for a key is bounded by its limit, however long it has been used."""
    for _ in range(40):
        catalog.charge_quota("key", FIVE)
        clock.advance(s=3)
    with closing(open_database(url)) as database, database.reading() as connection:
        stored = connection.execute(select(func.count()).select_from(quota_hits)).scalar_one()
    assert 1 <= stored <= FIVE.limit


def test_asking_costs_nothing(catalog: Catalog) -> None:
    """What is left can be asked without charging, before the first hit as well."""
    assert catalog.quota_left("key", FIVE) == Admission(True, 4, 10, 0)
    catalog.charge_quota("key", FIVE)
    for _ in range(9):
        assert catalog.quota_left("key", FIVE) == Admission(True, 3, 10, 0)


def test_changed_limit(catalog: Catalog, clock: ManualClock) -> None:
    """A limit that was lowered waits until enough hits have left, a raised one lets on at once."""
    for _ in range(5):
        catalog.charge_quota("key", FIVE)
        clock.advance(s=1)
    three, nine = MovingWindow(3, FIVE.window_us), MovingWindow(9, FIVE.window_us)
    assert catalog.charge_quota("key", three) == Admission(False, 0, 7, 7)
    assert catalog.charge_quota("key", nine) == Admission(True, 3, 5, 0)


def test_exactly_the_limit_gets_through_at_once(catalog: Catalog, other: Catalog) -> None:
    """Of eighty simultaneous hits through two processes exactly the limit is admitted."""
    window = MovingWindow(30, HOUR_US)
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(
            threads.map(lambda one: one.charge_quota("key", window), [catalog, other] * 40)
        )
    left = sorted(verdict.remaining for verdict in verdicts if verdict.allowed)
    assert left == list(range(30))


def test_hits_of_a_clock_that_was_far_ahead(catalog: Catalog, clock: ManualClock) -> None:
    """Hits from a clock that was a year ahead do not shut the key out for that year."""
    now_us = clock.now_us()
    clock.jump_to(now_us + 365 * 24 * HOUR_US)
    for _ in range(100):
        catalog.charge_quota("key", HUNDRED)
    clock.jump_to(now_us)
    assert catalog.quota_left("key", HUNDRED).remaining == 99
    assert catalog.charge_quota("key", HUNDRED) == Admission(True, 99, 3_600, 0)
    assert catalog.charge_quota("key", HUNDRED) == Admission(True, 98, 3_600, 0)


def test_hits_of_a_clock_that_is_a_little_ahead(catalog: Catalog, clock: ManualClock) -> None:
    """Hits from another machine whose clock is seconds ahead count, and keep their order."""
    for _ in range(3):
        catalog.charge_quota("key", FIVE)
    clock.jump_to(clock.now_us() - 4_000_000)
    assert catalog.charge_quota("key", FIVE).remaining == 1
    assert catalog.charge_quota("key", FIVE) == Admission(True, 0, 10, 0)
    assert not catalog.charge_quota("key", FIVE).allowed


def test_same_verdicts_as_on_the_full_list(catalog: Catalog, clock: ManualClock) -> None:
    """Over random waits and changing limits, every verdict equals the pure window's."""
    seed = 20_261_121
    random = Random(seed)
    hits: list[int] = []
    for step in range(250):
        clock.advance(us=random.choice([0, 1, 400_000, 999_999, 2_000_000, 12_000_000]))
        window = MovingWindow(random.choice([1, 3, 3, 5]), FIVE.window_us)
        wanted = window.admit(hits, clock.now_us())
        assert catalog.quota_left("key", window) == wanted, (seed, step)
        assert catalog.charge_quota("key", window) == wanted, (seed, step)
        if wanted.allowed:
            hits.append(clock.now_us())
    assert 50 < len(hits) < 250
