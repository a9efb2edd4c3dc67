"""What the catalog promises about alerts, on every database.

In the flow: two processes on one catalog look at alerts and send messages.
Guarantee: a change of state is written down once with its messages, by whoever holds the alert.
"""

from __future__ import annotations

from livetally.store.catalog import AlertEnd, AlertState, Catalog
from livetally.tenancy import DEFAULT_TEAM, TeamId
from livetally.testing.clock import ManualClock

pytest_plugins = ("tests.contract.catalogs",)

SECOND = 1_000_000
MANY = (DEFAULT_TEAM, "many")


def fire(catalog: Catalog, clock: ManualClock, holder: str = "one") -> bool:
    """Let a process find that an alert fires, and tell two channels."""
    end = AlertEnd(
        state="firing",
        since_us=clock.now_us(),
        value="51",
        next_us=clock.now_us() + 30 * SECOND,
        told=True,
        body='{"state":"firing"}',
        channels=("a", "b"),
    )
    return catalog.end_alert(*MANY, holder, end)


def test_an_alert_is_added_once_and_begins_as_ok(catalog: Catalog, other: Catalog) -> None:
    """What is known stays as it is, whoever adds it again."""
    state = catalog.add_alert(*MANY)
    assert (state.state, state.value, state.checked_us) == ("ok", None, None)
    assert other.add_alert(*MANY) == state
    assert other.alert_states() == [state]
    other.forget_alert(*MANY)
    assert catalog.alert_states() == []


def test_one_process_looks_at_a_due_alert(
    catalog: Catalog, other: Catalog, clock: ManualClock
) -> None:
    """Not two at a time, and not again before its time; one that is gone is replaced."""
    catalog.add_alert(*MANY)
    until_us = clock.now_us() + 60 * SECOND
    assert catalog.take_alert(*MANY, "one", until_us)
    assert not other.take_alert(*MANY, "two", until_us)
    clock.advance(s=61)
    assert other.take_alert(*MANY, "two", clock.now_us() + 60 * SECOND)
    assert not fire(catalog, clock, "one"), "it has lost the alert"
    assert catalog.alert_history(DEFAULT_TEAM, None) == []
    assert fire(other, clock, "two")
    assert not catalog.take_alert(*MANY, "one", until_us), "it was looked at just now"
    (state,) = catalog.alert_states()
    now_us = clock.now_us()
    assert state == AlertState(*MANY, "firing", now_us, "51", now_us, now_us + 30 * SECOND, "")


def test_a_change_and_its_messages_are_one(
    catalog: Catalog, other: Catalog, clock: ManualClock
) -> None:
    """Each message is sent by one process at a time, again after a failure, and then no more."""
    catalog.add_alert(*MANY)
    catalog.take_alert(*MANY, "one", clock.now_us() + SECOND)
    assert fire(catalog, clock)
    first, second = other.due_messages(10)
    assert [(one.channel, one.body) for one in (first, second)] == [
        ("a", '{"state":"firing"}'),
        ("b", '{"state":"firing"}'),
    ]
    until_us = clock.now_us() + 60 * SECOND
    assert catalog.take_message(first.id, "one", until_us)
    assert not other.take_message(first.id, "two", until_us)
    assert [one.id for one in other.due_messages(10)] == [second.id]
    catalog.end_message(first.id, "one")
    assert other.take_message(second.id, "two", until_us)
    other.end_message(second.id, "two", error="it is down", next_us=clock.now_us() + 5 * SECOND)
    assert catalog.due_messages(10) == []
    assert catalog.waiting_messages() == 1
    clock.advance(s=6)
    (again,) = catalog.due_messages(10)
    assert (again.id, again.attempts, again.last_error) == (second.id, 1, "it is down")
    assert catalog.take_message(again.id, "one", clock.now_us() + SECOND)
    catalog.end_message(again.id, "one", error="it is gone")
    assert catalog.waiting_messages() == 0
    (change,) = catalog.alert_history(*MANY)
    delivered, given_up = change.messages
    assert (delivered.waiting, delivered.delivered_us) == (False, clock.now_us() - 6 * SECOND)
    assert (given_up.waiting, given_up.delivered_us, given_up.attempts) == (False, None, 2)


def test_history_has_pages_is_a_teams_own_and_ends(catalog: Catalog, clock: ManualClock) -> None:
    """Newest first; what is old is forgotten, messages and all."""
    catalog.add_alert(*MANY)
    for _ in range(5):
        catalog.take_alert(*MANY, "one", clock.now_us() + SECOND)
        assert fire(catalog, clock)
        clock.advance(s=60)
    newest = catalog.alert_history(*MANY, limit=2)
    rest = catalog.alert_history(*MANY, before=newest[-1].id)
    numbers = [change.id for change in (*newest, *rest)]
    assert len(numbers) == 5
    assert numbers == sorted(numbers, reverse=True)
    assert catalog.alert_history(TeamId(77), None) == []
    assert catalog.alert_history(DEFAULT_TEAM, "other") == []
    catalog.drop_alert_history(clock.now_us() - 150 * SECOND)
    kept = catalog.alert_history(*MANY)
    assert [change.id for change in kept] == numbers[:2]
    assert all(len(change.messages) == 2 for change in kept)
