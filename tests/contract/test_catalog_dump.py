"""What a backup keeps of a catalog fills another one, on the same database or on another."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import msgspec
import pytest

from livetally.errors import StoreFailed
from livetally.store.catalog import (
    Catalog,
    CatalogDump,
    fill_catalog,
    look_at_catalog,
    open_catalog,
)
from livetally.tenancy import DEFAULT_TEAM, Scope
from livetally.testing.clock import ManualClock

pytest_plugins = ("tests.contract.catalogs",)

TEXT = 'application = "shop"\n# Ærlig "talt" \\ 🙂\n'


def sent(dump: CatalogDump) -> CatalogDump:
    """Return the dump after it was a file."""
    return msgspec.json.decode(msgspec.json.encode(dump), type=CatalogDump)


def told(catalog: Catalog) -> list[Any]:
    """Return everything that is kept for long."""
    return [
        catalog.list_teams(),
        catalog.list_keys(None),
        catalog.active_definitions(None),
        catalog.list_audit(None),
        catalog.list_erasures(None),
        catalog.source_states(),
        catalog.get_meta("epoch"),
    ]


def test_a_dump_fills_an_empty_catalog(
    catalog: Catalog, empty_url: str, clock: ManualClock
) -> None:
    """Teams, keys that still open, definitions, the audit log; new rows are numbered after them."""
    team = catalog.create_team("blue", by="operator").id
    key = catalog.create_key(team, "ci", frozenset({Scope.READ}), by="operator")
    catalog.save_definition("shop", team, TEXT, "operator")
    number = catalog.note_erasure(team, "f" * 64, 12)
    catalog.add_source(DEFAULT_TEAM, "nobel", running=True, next_us=5)
    catalog.set_meta("epoch", "old")
    before = told(catalog)
    fill_catalog(empty_url, sent(catalog.dump()), {"epoch": "new", "gone": None}, clock.now_us())
    with closing(open_catalog(empty_url, clock)) as filled:
        assert told(filled)[:-1] == before[:-1]
        assert filled.get_meta("epoch") == "new"
        who = filled.verify_key(key.text.reveal())
        assert who is not None
        assert who.team == team
        assert filled.create_team("red", by="operator").id == team + 1
        assert filled.note_erasure(team, "e" * 64, 13) == number + 1
        filled.save_definition("shop", team, TEXT + "# 2\n", "operator")
        assert filled.active_definitions(team)[0].version == 2
    with pytest.raises(StoreFailed, match="holds teams or keys already"):
        fill_catalog(empty_url, sent(catalog.dump()), {}, clock.now_us())


def test_what_is_of_a_moment_is_left_out(catalog: Catalog) -> None:
    """Sessions, sign-in links and quotas are in no backup."""
    key = catalog.create_key(DEFAULT_TEAM, "me", frozenset({Scope.READ}), by="operator")
    catalog.create_signin_link(key.record.id)
    tables = catalog.dump().tables
    assert "livetally_keys" in tables
    assert not {"livetally_sessions", "livetally_signin_tokens", "livetally_quota_hits"} & set(
        tables
    )


def test_a_dump_of_a_newer_program_is_refused(empty_url: str, clock: ManualClock) -> None:
    """By the form of its tables, before anything is made."""
    with pytest.raises(StoreFailed, match=r"The backup's catalog was written by a newer"):
        fill_catalog(empty_url, CatalogDump("9999", {}), {}, clock.now_us())
    with closing(open_catalog(empty_url, clock)) as made:
        assert [team.id for team in made.list_teams()] == [DEFAULT_TEAM]


def test_a_dump_of_an_older_form_is_brought_up_to_date(
    catalog: Catalog, empty_url: str, clock: ManualClock
) -> None:
    """Filled as it was, then migrated."""
    catalog.create_team("blue", by="operator")
    tables = catalog.dump().tables
    old = {"livetally_teams", "livetally_keys", "livetally_meta", "livetally_changes"}
    kept = {name: rows for name, rows in tables.items() if name in old}
    fill_catalog(empty_url, sent(CatalogDump("0001", kept)), {}, clock.now_us())
    assert look_at_catalog(empty_url, 0).current
    with closing(open_catalog(empty_url, clock)) as filled:
        assert [team.name for team in filled.list_teams()] == ["default", "blue"]
        assert filled.list_erasures(None) == []


def test_keys_that_are_there_may_stay(catalog: Catalog, empty_url: str, clock: ManualClock) -> None:
    """A first start has made one, which may be in use; without being asked, it is in the way."""
    catalog.create_team("blue", by="operator")
    old = catalog.create_key(DEFAULT_TEAM, "ci", frozenset({Scope.READ}), by="operator")
    with closing(open_catalog(empty_url, clock)) as other:
        first = other.create_key(DEFAULT_TEAM, "first", frozenset({Scope.ADMIN}), by="start")
    dump = sent(catalog.dump())
    with pytest.raises(StoreFailed, match="keys already"):
        fill_catalog(empty_url, dump, {}, clock.now_us())
    fill_catalog(empty_url, dump, {}, clock.now_us(), keep_keys=True)
    with closing(open_catalog(empty_url, clock)) as filled:
        assert [team.name for team in filled.list_teams()] == ["default", "blue"]
        for key in (old, first):
            assert filled.verify_key(key.text.reveal()) is not None
