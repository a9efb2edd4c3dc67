"""The catalog goes first: teams with their numbers, keys, definitions, and whatever else it holds.

In the flow: called by ``moving`` before the first event; fills the catalog that the settings name
from the one in the data directory.
Guarantee: all of it or nothing, and once; a catalog that holds teams or definitions of its own is
left as it is; keys that it holds stay. Every team that has events is there afterwards.
"""

from __future__ import annotations

from contextlib import ExitStack

from livetally.clock import Clock
from livetally.errors import BadInput, StoreFailed
from livetally.server.directory import DataDirectory
from livetally.server.moved_so_far import MovedSoFar
from livetally.store.catalog import Catalog, CatalogDump, fill_catalog, open_catalog
from livetally.store.events import Engine, last_position
from livetally.store.events.history import held_kinds, table_id

__all__ = ["bring_catalog"]

_FROM = "moved_from"
_EPOCH = "epoch"
_KEPT = (_EPOCH, "position_min")
_CHANGES = "livetally_changes"


def bring_catalog(
    place: str,
    directory: DataDirectory,
    source: Engine,
    target: Engine,
    so_far: MovedSoFar,
    events_only: bool,  # noqa: FBT001 - bound by its caller
    clock: Clock,
) -> str:
    """Fill the catalog at ``place`` unless that was done; return what became of it. Blocks.

    Raises:
        BadInput: it can't be filled, or a team is not there; says what to do.
        StoreFailed: a catalog can't be read or written.
    """
    with ExitStack() as stack:
        catalog = open_catalog(place, clock)
        stack.callback(catalog.close)
        old = None
        if directory.catalog.exists():
            old = open_catalog(directory.catalog, clock)
            stack.callback(old.close)
            _require_erased(old)
        table = table_id(source)
        if events_only:
            if old is None and so_far.found is None and not last_position(target):
                # Perhaps the very catalog that the old server used: its store has another name.
                catalog.set_meta(_EPOCH, None)
            told = "left as it is"
        elif catalog.get_meta(_FROM) == table:
            told = "copied before"
        elif old is None:
            raise BadInput(
                "from",
                f"there is no catalog in {directory.path}: its server kept it elsewhere. Have the"
                " cluster use that one, or a copy of it, and say --events-only",
            )
        else:
            _require_empty(catalog)
            _copy(old, catalog, place, table, clock)
            told = "copied"
        _require_teams(source, catalog, old)
        return told


def _copy(old: Catalog, catalog: Catalog, place: str, table: str, clock: Clock) -> None:
    """Fill it; processes that use it already notice that everything has changed."""
    dump = old.dump()
    counter = max(old.change_counter(), catalog.change_counter()) + 1
    rows = {**dump.tables, _CHANGES: [{"id": 1, "counter": counter}]}
    facts = {name: catalog.get_meta(name) for name in _KEPT}
    filled = CatalogDump(dump.form, rows)
    # A cluster that has been started has made an operator's key, which may be in use.
    fill_catalog(place, filled, {**facts, _FROM: table}, clock.now_us(), keep_keys=True)


def _require_empty(catalog: Catalog) -> None:
    holds = [
        word
        for word, found in (
            ("teams", len(catalog.list_teams()) > 1),
            ("definitions", catalog.active_definitions(None)),
        )
        if found
    ]
    if holds:
        raise BadInput(
            "catalog",
            f"the cluster's catalog holds {' and '.join(holds)} already. Name an empty one, or say"
            " --events-only to keep it: then every team must have the number there that it has"
            " here",
        )


def _require_erased(old: Catalog) -> None:
    """Refuse what is being erased: its rows may be there still."""
    if any(one.done_us is None for one in old.list_erasures(None)):
        raise StoreFailed(
            "The directory's server was stopped while a subject was being erased: start it again,"
            " wait a minute until that is done, and stop it."
        )


def _require_teams(source: Engine, catalog: Catalog, old: Catalog | None) -> None:
    names = {int(team.id): team.name for team in catalog.list_teams()}
    here = {} if old is None else {int(team.id): team.name for team in old.list_teams()}
    for team in sorted({kind.team for kind in held_kinds(source)}):
        called = f"team {team}" + (f" ('{here[team]}')" if team in here else "")
        if team not in names:
            raise BadInput("catalog", f"{called} has events, but the cluster has no such team")
        if team in here and here[team] != names[team]:
            raise BadInput("catalog", f"{called} is '{names[team]}' in the cluster's catalog")
