"""Of several processes one changes an alert, and one delivers a notice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from livetally.store.catalog import AlertChange, AlertState, Catalog
from livetally.testing.clock import ManualClock

pytest_plugins = ("tests.contract.catalogs",)

BEGIN = AlertChange("firing", "12", "too much", ("webhook:OPS", "email:a@b.c"))
END = AlertChange("ok", "3", "over", ("webhook:OPS",))


def test_of_two_that_see_a_change_one_makes_it(catalog: Catalog, other: Catalog) -> None:
    """Each round of two processes makes one change, with its notices and no others."""
    for number, change in enumerate((BEGIN, END, BEGIN)):
        before = catalog.alert_state(1, "a")
        assert before.changes == number
        barrier = Barrier(2)

        def race(
            one: Catalog,
            barrier: Barrier = barrier,
            before: AlertState = before,
            change: AlertChange = change,
        ) -> bool:
            barrier.wait(10)
            return one.change_alert(1, "a", before, change)

        with ThreadPoolExecutor(2) as threads:
            assert sum(threads.map(race, (catalog, other))) == 1
        assert other.alert_state(1, "a").state == change.state
    told = [(one.state, one.target) for one in other.list_notices(1, limit=10)]
    assert told == [
        ("firing", "email:a@b.c"),
        ("firing", "webhook:OPS"),
        ("ok", "webhook:OPS"),
        ("firing", "email:a@b.c"),
        ("firing", "webhook:OPS"),
    ]
    assert other.list_notices(2, limit=10) == []


def test_a_notice_is_in_one_process_hands(
    catalog: Catalog, other: Catalog, clock: ManualClock
) -> None:
    """Taken once until the lease is over; delivered, it is due no more; failed, later again."""
    catalog.change_alert(1, "a", catalog.alert_state(1, "a"), END)
    (notice,) = catalog.due_notices()
    until_us = clock.now_us() + 60_000_000
    assert catalog.take_notice(notice, until_us)
    assert not other.take_notice(notice, until_us)
    assert other.due_notices() == []
    clock.advance(s=61)
    (again,) = other.due_notices()
    assert again.attempts == 1
    assert other.take_notice(again, clock.now_us() + 60_000_000)
    other.end_notice(again.id, "refused", clock.now_us() + 5_000_000)
    assert catalog.due_notices() == []
    clock.advance(s=6)
    (third,) = catalog.due_notices()
    assert third.last_error == "refused"
    catalog.take_notice(third, clock.now_us() + 60_000_000)
    catalog.end_notice(third.id, "", None)
    clock.advance(s=3600)
    assert catalog.due_notices() == []
    assert catalog.list_notices(1, limit=1)[0].delivered_us is not None


def test_an_alert_nobody_is_told_of_is_in_the_history(catalog: Catalog) -> None:
    """Without a target, the change is kept and nothing is due."""
    change = AlertChange("firing", "", "x", ())
    assert catalog.change_alert(3, "a", catalog.alert_state(3, "a"), change)
    assert catalog.due_notices() == []
    assert catalog.list_notices(3, limit=5)[0].target == ""
