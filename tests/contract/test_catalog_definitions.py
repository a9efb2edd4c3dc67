"""What the catalog promises about definitions, facts, the audit log and changes.

In the flow: drives ``Catalog`` as server, api and sources do, on every database.
Guarantee: history is complete, and whoever remembers something hears of its change.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from livetally.errors import BadInput, UnknownName
from livetally.store.catalog import DefinitionsMoved, open_catalog
from livetally.store.catalog.tables import definitions
from livetally.tenancy import DEFAULT_TEAM, MovingWindow, Scope
from livetally.testing.clock import ManualClock

if TYPE_CHECKING:
    from livetally.store.catalog import Catalog

pytest_plugins = ("tests.contract.catalogs",)

LONG_TEXT = "# 🙂\n" + "x = 1\r\n" * 140_000


def versions(catalog: Catalog, application: str) -> list[tuple[int, bool]]:
    """Return version and state of an application's shared definitions, newest first."""
    return [(one.version, one.active) for one in catalog.definition_history(application, None)]


def test_definition_is_kept_verbatim(catalog: Catalog, other: Catalog, clock: ManualClock) -> None:
    """A file of almost a megabyte comes back letter by letter, with who applied it and when."""
    assert catalog.save_definition("shop", None, LONG_TEXT, by="first key") == 1
    (found,) = other.active_definitions(None)
    assert found.text == LONG_TEXT
    assert (found.application, found.team, found.version) == ("shop", None, 1)
    assert (found.applied_us, found.applied_by) == (clock.now_us(), "first key")


def test_versions_count_up(catalog: Catalog) -> None:
    """Each new text is the next version, and the only active one."""
    assert [catalog.save_definition("shop", None, text, by="me") for text in "abc"] == [1, 2, 3]
    assert versions(catalog, "shop") == [(3, True), (2, False), (1, False)]


def test_same_text_is_no_new_version(catalog: Catalog) -> None:
    """Applying what is active already, as every start does, changes nothing."""
    catalog.save_definition("shop", None, "a", by="me")
    before = catalog.change_counter()
    assert catalog.save_definition("shop", None, "a", by="start") == 1
    assert catalog.change_counter() == before
    assert versions(catalog, "shop") == [(1, True)]


def test_each_team_has_its_own(catalog: Catalog) -> None:
    """A team sees the shared definitions and its own; versions count for each owner."""
    blue, red = catalog.create_team("blue").id, catalog.create_team("red").id
    catalog.save_definition("shop", None, "shared", by="me")
    catalog.save_definition("shop", blue, "blue", by="me")
    catalog.save_definition("shop", red, "red", by="me")
    catalog.save_definition("taps", red, "taps", by="me")
    assert [one.text for one in catalog.active_definitions(blue)] == ["shared", "blue"]
    assert [one.text for one in catalog.active_definitions(DEFAULT_TEAM)] == ["shared"]
    assert len(catalog.active_definitions(None)) == 4
    assert [one.version for one in catalog.definition_history("shop", blue)] == [1]


def test_rollback_is_a_new_version(catalog: Catalog) -> None:
    """Going back to an earlier text adds to history and takes nothing from it."""
    for text in ("a", "b"):
        catalog.save_definition("shop", None, text, by="me")
    assert catalog.rollback("shop", None, 1, by="me") == 3
    assert catalog.rollback("shop", None, 3, by="me") == 3
    assert [one.text for one in catalog.definition_history("shop", None)] == ["a", "b", "a"]
    unknown = [("shop", 9), ("nothing", 1), ("shop", -1), ("shop", 10**30), ("\0", 1)]
    for application, version in unknown:
        with pytest.raises(UnknownName):
            catalog.rollback(application, None, version, by="me")


def test_what_is_removed_is_kept_and_goes_on_counting(catalog: Catalog, other: Catalog) -> None:
    """No version is active then, for nobody; the same text, applied again, is the next version."""
    blue = catalog.create_team("blue", by="me").id
    for team in (None, blue):
        catalog.save_definition("shop", team, "a", by="me")
    catalog.remove_definition("shop", blue, by="ann")
    assert [one.team for one in other.active_definitions(blue)] == [None]
    assert [(one.text, one.active) for one in other.definition_history("shop", blue)] == [
        ("a", False)
    ]
    (entry,) = catalog.list_audit(blue, limit=1)
    assert (entry.who, entry.action, entry.target) == ("ann", "definition.remove", "shop")
    for application, team in (("shop", blue), ("none", None), ("\0", None)):
        with pytest.raises(UnknownName):
            other.remove_definition(application, team, by="me")
    assert catalog.save_definition("shop", blue, "a", by="me") == 2


def test_concurrent_definitions_get_their_own_version(catalog: Catalog, other: Catalog) -> None:
    """Ten texts applied at once by two processes are ten versions, one of them active."""
    work = [(one, f"text {index}") for index, one in enumerate([catalog, other] * 5)]
    with ThreadPoolExecutor(10) as threads:
        made = threads.map(lambda it: it[0].save_definition("shop", None, it[1], by="me"), work)
        assert sorted(made) == list(range(1, 11))
    assert versions(catalog, "shop") == [(10, True), *((n, False) for n in range(9, 0, -1))]


def test_a_definition_goes_beside_those_it_was_checked_against(
    catalog: Catalog, other: Catalog
) -> None:
    """The mark moves with every change of any team, and a text that names an old one is refused."""
    blue = catalog.create_team("blue").id
    seen = catalog.definitions_mark()
    catalog.save_definition("shop", None, "a", by="me", beside=seen)
    for text, team in (("b", blue), ("c", None)):
        with pytest.raises(DefinitionsMoved):
            other.save_definition("taps", team, text, by="me", beside=seen)
    assert [one.application for one in catalog.active_definitions(None)] == ["shop"]
    marks = [other.definitions_mark()]
    catalog.save_definition("shop", None, "b", by="me", beside=marks[0])
    marks.append(other.definitions_mark())
    other.rollback("shop", None, 1, by="me")
    marks.append(catalog.definitions_mark())
    other.remove_definition("shop", None, by="me", beside=marks[-1])
    with pytest.raises(DefinitionsMoved):
        catalog.save_definition("shop", None, "d", by="me", beside=marks[-1])
    marks.append(catalog.definitions_mark())
    catalog.save_definition("shop", None, "d", by="me")
    marks.append(catalog.definitions_mark())
    assert len({seen, *marks}) == 6


def test_the_mark_holds_after_very_many_versions(empty_url: str) -> None:
    """As long as an id can be stored, the mark can be read."""
    with closing(open_catalog(empty_url, ManualClock())) as catalog:
        catalog.save_definition("shop", None, "a", by="me")
        with catalog._database.writing() as connection:
            connection.execute(update(definitions).values(id=2**31 - 2))
        assert catalog.definitions_mark() == (2**31 - 2, 1)


@pytest.mark.parametrize(
    ("application", "text"), [("Shop", "a"), ("", "a"), ("shop", "a\0"), ("shop", "a" * 1_000_001)]
)
def test_unusable_definitions(catalog: Catalog, application: str, text: str) -> None:
    """A name or text that can't be stored everywhere is refused, not cut."""
    with pytest.raises(BadInput):
        catalog.save_definition(application, None, text, by="me")
    assert catalog.active_definitions(None) == []
    assert catalog.definition_history("\0\ud800", None) == []


def test_facts(catalog: Catalog, other: Catalog) -> None:
    """A fact is found by every process, replaced, and taken away."""
    assert catalog.get_meta("source/prizes") is None
    catalog.set_meta("source/prizes", LONG_TEXT)
    assert other.get_meta("source/prizes") == LONG_TEXT
    other.set_meta("source/prizes", "")
    assert catalog.get_meta("source/prizes") == ""
    catalog.set_meta("source/prizes", None)
    assert other.get_meta("source/prizes") is None
    with pytest.raises(BadInput):
        catalog.set_meta("Source", "x")


def test_changes_are_audited(catalog: Catalog, clock: ManualClock) -> None:
    """Every administrative change leaves who, what, to what and when, for its team."""
    blue = catalog.create_team("blue", by="root").id
    key = catalog.create_key(blue, "ci", {Scope.READ}, by="root").record.id
    new = catalog.rotate_key(key, team=blue, by="root").record.id
    catalog.revoke_key(new, team=blue, by="root")
    catalog.revoke_key(new, team=blue, by="root")
    catalog.save_definition("shop", blue, "a", by="root")
    catalog.record("events.erase", "ann", by="root", team=DEFAULT_TEAM, detail="41 events")
    entries = catalog.list_audit(blue)
    assert [(entry.action, entry.target) for entry in entries] == [
        ("definition.apply", "shop"),
        ("key.revoke", new),
        ("key.rotate", key),
        ("key.create", key),
        ("team.create", "blue"),
    ]
    assert {(entry.who, entry.at_us, entry.team) for entry in entries} == {
        ("root", clock.now_us(), blue)
    }
    assert catalog.list_audit(None, limit=1)[0].detail == "41 events"


def test_audit_pages(catalog: Catalog) -> None:
    """Pages of the log go on where the last one ended, whatever is asked of them."""
    for number in range(5):
        catalog.record("test.do", str(number), by="me")
    first = catalog.list_audit(None, limit=2)
    second = catalog.list_audit(None, limit=9, before=first[-1].id)
    assert [entry.target for entry in [*first, *second]] == ["4", "3", "2", "1", "0"]
    assert catalog.list_audit(None, before=-(10**30)) == []
    assert len(catalog.list_audit(None, limit=-1, before=10**30)) == 1


def test_audit_takes_any_text(catalog: Catalog) -> None:
    """No text, however strange, keeps an action from being logged."""
    catalog.record("a.b", "\ud800\0" + "x" * 500, by="y" * 500, detail="\0" * 5_000)
    (entry,) = catalog.list_audit(None)
    assert entry.target.startswith("?\N{REPLACEMENT CHARACTER}x")
    assert (len(entry.target), len(entry.who), len(entry.detail)) == (200, 100, 2_000)


def test_subscribers_hear_of_local_changes_at_once(catalog: Catalog) -> None:
    """A change has been told within this process by the time its method returns."""
    heard: list[int] = []
    unsubscribe = catalog.subscribe(lambda: heard.append(catalog.change_counter()))
    before = catalog.change_counter()
    key = catalog.create_key(DEFAULT_TEAM, "ci", {Scope.READ})
    catalog.revoke_key(key.record.id, team=None)
    catalog.save_definition("shop", None, "a", by="me")
    assert heard == [before + 1, before + 2, before + 3]
    assert catalog.poll_changes() is False
    unsubscribe()
    catalog.create_team("blue")
    assert len(heard) == 3


def test_subscribers_hear_of_other_processes_changes(catalog: Catalog, other: Catalog) -> None:
    """A change of another process is told at the next poll, once."""
    heard: list[str] = []
    catalog.subscribe(lambda: heard.append("changed"))
    other.create_team("blue")
    assert heard == []
    assert catalog.poll_changes() is True
    assert catalog.poll_changes() is False
    assert heard == ["changed"]


def test_changes_on_both_sides_are_not_mixed_up(catalog: Catalog, other: Catalog) -> None:
    """A change here does not hide one that another process made just before."""
    heard: list[str] = []
    catalog.subscribe(lambda: heard.append("changed"))
    other.create_team("blue")
    catalog.create_team("red")
    assert heard == ["changed"]
    assert catalog.poll_changes() is True


def test_refused_changes_are_told_to_nobody(catalog: Catalog) -> None:
    """What was refused moves no counter and wakes no subscriber."""
    heard: list[str] = []
    catalog.subscribe(lambda: heard.append("changed"))
    before = catalog.change_counter()
    with pytest.raises(BadInput):
        catalog.create_team("default")
    with pytest.raises(UnknownName):
        catalog.revoke_key("0000000000", team=None)
    assert (heard, catalog.change_counter()) == ([], before)


def test_daily_work_is_no_change(catalog: Catalog) -> None:
    """Verifying, charging, signing in, facts and the log leave everybody's memory alone."""
    key = catalog.create_key(DEFAULT_TEAM, "ci", {Scope.READ})
    before = catalog.change_counter()
    who = catalog.verify_key(key.text.reveal())
    assert who is not None
    catalog.create_session(who, ttl_s=60)
    catalog.create_signin_link(who.key_id)
    catalog.charge_quota(who.key_id, MovingWindow(1, 1))
    catalog.note_uses({who.key_id: 1})
    catalog.set_meta("a", "b")
    catalog.record("a.b", "c", by="me")
    assert catalog.change_counter() == before
