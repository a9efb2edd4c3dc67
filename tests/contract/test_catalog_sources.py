"""What the catalog promises about sources, on every database.

In the flow: two processes on one catalog take, hold and end runs.
Guarantee: one at a time holds a source, and only who holds it writes down how its run ended.
"""

from __future__ import annotations

from contextlib import closing

import pytest

from livetally.errors import UnknownName
from livetally.store.catalog import Catalog, SourceEnd, open_catalog
from livetally.tenancy import DEFAULT_TEAM
from livetally.testing.clock import ManualClock

pytest_plugins = ("tests.contract.catalogs",)

SECOND = 1_000_000


def add(catalog: Catalog, *, running: bool = True) -> None:
    """Let the catalog know a source."""
    catalog.add_source(DEFAULT_TEAM, "nobel", running=running, next_us=5)


def test_a_source_is_added_once(catalog: Catalog, other: Catalog) -> None:
    """What is known stays as it is, whoever adds it again."""
    add(catalog)
    state = other.add_source(DEFAULT_TEAM, "nobel", running=False, next_us=9)
    assert (state.running, state.next_us, state.runs) == (True, 5, 0)
    assert other.source_states() == [state]


def test_one_at_a_time_holds_a_source(catalog: Catalog, other: Catalog, clock: ManualClock) -> None:
    """Another one gets it when the hold has run out, and the first one has then lost it."""
    add(catalog)
    until = clock.now_us() + 30 * SECOND
    assert catalog.take_source(DEFAULT_TEAM, "nobel", "one", until)
    assert catalog.hold_source(DEFAULT_TEAM, "nobel", "one", until)
    assert not other.take_source(DEFAULT_TEAM, "nobel", "two", until)
    clock.advance(s=31)
    assert other.take_source(DEFAULT_TEAM, "nobel", "two", clock.now_us() + 30 * SECOND)
    assert not catalog.hold_source(DEFAULT_TEAM, "nobel", "one", until)
    assert not catalog.end_source(DEFAULT_TEAM, "nobel", "one", SourceEnd(stored=7))
    assert other.end_source(DEFAULT_TEAM, "nobel", "two", SourceEnd(stored=1))
    (state,) = catalog.source_states()
    assert (state.holder, state.stored, state.runs) == (None, 1, 1)


def test_how_runs_ended_adds_up(catalog: Catalog, clock: ManualClock) -> None:
    """Counts are sums; an error is kept until a good run, what is known until it is replaced."""
    add(catalog)
    ends = [
        SourceEnd(known="first", next_us=10, stored=3, duplicates=1),
        SourceEnd(error="it is down", next_us=20),
        SourceEnd(error="it is still down", next_us=30, rejected=2),
    ]
    for end in ends:
        assert catalog.take_source(DEFAULT_TEAM, "nobel", "one", clock.now_us() + SECOND)
        assert catalog.end_source(DEFAULT_TEAM, "nobel", "one", end)
        clock.advance(s=60)
    (state,) = catalog.source_states()
    assert (state.last_error, state.failures, state.known) == ("it is still down", 2, "first")
    assert (state.stored, state.duplicates, state.rejected, state.next_us) == (3, 1, 2, 30)
    assert state.last_us is not None
    assert state.last_ok_us == state.last_us - 120 * SECOND
    catalog.take_source(DEFAULT_TEAM, "nobel", "one", clock.now_us() + SECOND)
    catalog.end_source(DEFAULT_TEAM, "nobel", "one", SourceEnd(known="second"))
    (state,) = catalog.source_states()
    assert (state.last_error, state.failures, state.known, state.next_us) == ("", 0, "second", 30)


def test_what_a_person_wants_outlives_the_process(url: str, catalog: Catalog) -> None:
    """Stopped is stopped after a restart; the audit log says by whom."""
    add(catalog)
    catalog.set_source(
        DEFAULT_TEAM,
        "nobel",
        running=False,
        schedule='{"every":"1 day"}',
        action="source.stop",
        by="me",
    )
    with closing(open_catalog(url, ManualClock())) as later:
        (state,) = later.source_states()
        assert (state.running, state.schedule) == (False, '{"every":"1 day"}')
        assert later.list_audit(DEFAULT_TEAM)[0].who == "me"
        later.set_source(DEFAULT_TEAM, "nobel", schedule="", wanted=True, action="source.run")
    (state,) = catalog.source_states()
    assert (state.schedule, state.wanted) == (None, True)


def test_only_what_is_known_can_be_set(catalog: Catalog) -> None:
    """Another name is an error that says so."""
    with pytest.raises(UnknownName, match="no source is called 'nobl'"):
        catalog.set_source(DEFAULT_TEAM, "nobl", running=True, action="source.start")


def test_what_goes_on_is_counted_while_it_is_held(
    catalog: Catalog, other: Catalog, clock: ManualClock
) -> None:
    """Counts and the last error of messages, without an end; not of one that was taken over."""
    add(catalog)
    until = clock.now_us() + 30 * SECOND
    catalog.take_source(DEFAULT_TEAM, "nobel", "one", until)
    so_far = SourceEnd(stored=3, duplicates=1)
    assert catalog.hold_source(DEFAULT_TEAM, "nobel", "one", until, so_far=so_far)
    bad = SourceEnd("1 records gave no event", rejected=1)
    assert catalog.hold_source(DEFAULT_TEAM, "nobel", "one", until, so_far=bad)
    assert not other.hold_source(DEFAULT_TEAM, "nobel", "two", until, so_far=so_far)
    (state,) = other.source_states()
    assert (state.stored, state.duplicates, state.rejected, state.runs) == (3, 1, 1, 0)
    assert (state.last_error, state.holder) == ("1 records gave no event", "one")
    assert state.last_ok_us == clock.now_us()


def test_who_is_alone_frees_what_a_dead_one_held(catalog: Catalog, clock: ManualClock) -> None:
    """Before the hold has run out."""
    add(catalog)
    until = clock.now_us() + 30 * SECOND
    assert catalog.take_source(DEFAULT_TEAM, "nobel", "one", until)
    catalog.free_sources()
    assert catalog.take_source(DEFAULT_TEAM, "nobel", "two", until)
