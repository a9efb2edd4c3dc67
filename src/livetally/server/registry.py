"""What every team has declared, in memory, and bringing the store and ingest to it.

In the flow: filled from the catalog at start and after every change; read by every request.
Guarantee: a definition is stored in the catalog before anything follows it; readers see the old
definitions or the new ones, never a mixture; applying never stops ingest.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path

from livetally.alerts import Declaration as AlertDeclaration
from livetally.definitions import (
    Application,
    Plan,
    RouteTable,
    Source,
    check_team,
    plan,
    read_text,
    read_toml,
    with_lookup_files,
)
from livetally.errors import DefinitionProblem, Forbidden, InvalidDefinition
from livetally.ingest import Schema
from livetally.query import Declared, declared_fields, projections
from livetally.sinks import Declaration
from livetally.store.catalog import Catalog
from livetally.store.events import Engine, keep
from livetally.tenancy import DEFAULT_TEAM, Identity

__all__ = ["Registry", "read_files"]

_EPOCH = "epoch"
_GENERATION = "generation"


class Registry:
    """The definitions of all teams. Safe for any thread."""

    def __init__(self, catalog: Catalog, engine: Engine) -> None:
        """Read what the catalog holds, and make the store keep what that needs."""
        self.catalog = catalog
        self._engine = engine
        self._lock = threading.Lock()
        self._declared: dict[int, Declared] = {}
        self._schemas: dict[int, Schema] = {}
        self._shared: tuple[Application, ...] = ()
        self._own: dict[int, tuple[Application, ...]] = {}
        self._published = RouteTable()
        self._store_epoch = ""
        self._generation = ""
        self._listeners: list[Callable[[], None]] = []
        self.reload()

    def declared(self, team: int) -> Declared:
        """Return a team's joined definitions: the shared ones and its own."""
        kept = self._declared  # a reload meanwhile must not be given what was made before it
        found = kept.get(team)
        if found is None:
            own = self._own.get(team, ())
            # A team's own application stands in the place of the shared one of its name.
            names = {application.name for application in own}
            shared = (one for one in self._shared if one.name not in names)
            found = kept[team] = Declared((*shared, *own))
        return found

    def sources(self) -> list[tuple[int, Source]]:
        """Return every team's sources; those of shared definitions bring events to the default."""
        own = ((team, app) for team, apps in self._own.items() for app in apps)
        shared = ((int(DEFAULT_TEAM), app) for app in self._shared)
        return [(team, source) for team, app in (*shared, *own) for source in app.sources.values()]

    def schema(self, team: int) -> Schema:
        """Return what ingest checks a team's events against."""
        found = self._schemas.get(team)
        if found is None:
            declared = self.declared(team)
            found = Schema(declared.events.values(), reject_unknown=declared.reject_unknown)
            self._schemas[team] = found
        return found

    def published(self) -> RouteTable:
        """Return the paths that definitions publish, of all teams."""
        return self._published

    def preview(self, application: Application, team: int) -> Plan:
        """Return what applying would change.

        Raises:
            InvalidDefinition: it conflicts with another application of the team.
        """
        others = {app.name: app for app in self.declared(team).applications}
        old = others.pop(application.name, None)
        elsewhere = (app for owner, apps in self._own.items() if owner != team for app in apps)
        check_team(application, others.values(), "the definition", elsewhere)
        return plan(old, application)

    def apply(self, application: Application, who: Identity) -> tuple[Plan, int]:
        """Apply a team's own definition; return what changed and its version. Blocks.

        Raises:
            InvalidDefinition: it conflicts with another application of the team.
            Forbidden: it changes sinks, and ``who`` is no operator.
            StoreFailed: it could not be stored; nothing has changed.
        """
        with self._lock:
            changes = self.preview(application, who.team)
            if (
                any(one.what in ("sink", "source", "alert") for one in changes.changes)
                and not who.operator
            ):
                # They reach what the operator's network and environment hold.
                raise Forbidden(
                    "Sinks, sources and alerts reach out of the server:"
                    " only an operator changes them."
                )
            version = self.catalog.save_definition(
                application.name, who.team, application.text, who.key_id
            )
        self.reload()
        return changes, version

    def apply_shared(self, applications: Sequence[Application], by: str) -> None:
        """Apply definitions for all teams. Blocks.

        Raises:
            InvalidDefinition: two of them conflict.
        """
        for i, application in enumerate(applications):
            check_team(application, applications[:i], application.name)
            self.catalog.save_definition(application.name, None, application.text, by)
        self.reload()

    def reload(self) -> None:
        """Read the catalog again, and make the store keep what the definitions need. Blocks."""
        with self._lock:
            shared: list[Application] = []
            own: dict[int, list[Application]] = {}
            for stored in self.catalog.active_definitions(None):
                application = read_text(stored.text, f"{stored.application} v{stored.version}")
                if stored.team is None:
                    shared.append(application)
                else:
                    own.setdefault(stored.team, []).append(application)
            everything = [*shared, *(app for apps in own.values() for app in apps)]
            keep(self._engine, declared_fields(everything), projections(everything))
            self._shared = tuple(shared)
            self._own = {team: tuple(apps) for team, apps in own.items()}
            self._declared, self._schemas = {}, {}
            own_paths = ((team, app) for team, apps in sorted(self._own.items()) for app in apps)
            self._published = RouteTable((*((None, app) for app in shared), *own_paths))
            self._store_epoch = self._stored_epoch()
            self._generation = self.catalog.get_meta(_GENERATION) or ""
        for listener in self._listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called now, and whenever definitions have changed."""
        self._listeners.append(listener)
        listener()

    @property
    def store_epoch(self) -> str:
        """The name of this store: another one counts other positions."""
        return self._store_epoch

    def sinks(self) -> list[Declaration]:
        """Return every declared sink; those for all teams keep what team ``default`` has."""
        shared = [(DEFAULT_TEAM, application) for application in self._shared]
        own = [(team, app) for team, apps in self._own.items() for app in apps]
        return [
            Declaration(team, self.declared(team), sink)
            for team, application in (*shared, *own)
            for sink in application.sinks.values()
        ]

    def alerts(self) -> list[AlertDeclaration]:
        """Return every declared alert; those for all teams are about what ``default`` has."""
        shared = [(DEFAULT_TEAM, application) for application in self._shared]
        own = [(team, app) for team, apps in self._own.items() for app in apps]
        return [
            AlertDeclaration(int(team), self.declared(team), alert)
            for team, application in (*shared, *own)
            for alert in application.alerts.values()
        ]

    def epoch_of(self, declared: Declared) -> str:
        """Name what live positions count in: this store, and these definitions.

        It is made from the very definitions that a question is answered with, so that it can't
        name others, and no other team's change is a reason to start anew.
        """
        marks = sorted(f"{app.name}\0{app.text}" for app in declared.applications)
        if self._generation:
            marks.append(self._generation)
        return f"{self._store_epoch}{_digest(marks)}"

    def begin_anew(self) -> None:
        """Have live positions count anew: rows have gone that open views may show. Blocks.

        The store keeps its name, by which sinks know their tables.
        """
        generation = secrets.token_hex(4)
        self.catalog.set_meta(_GENERATION, generation)
        self._generation = generation

    def _stored_epoch(self) -> str:
        stored = self.catalog.get_meta(_EPOCH)
        if stored is None:
            stored = secrets.token_hex(4)
            self.catalog.set_meta(_EPOCH, stored)
        return stored


def _digest(texts: Iterable[str]) -> str:
    return blake2b("\1".join(texts).encode(), digest_size=4).hexdigest()


def _beside(path: Path, name: str) -> str:
    return (path.parent / name).read_text(encoding="utf-8")


def read_files(paths: Iterable[str]) -> list[Application]:
    """Read definition files.

    Raises:
        InvalidDefinition: a file has mistakes, or can't be read.
    """
    applications = []
    for path in paths:
        try:
            text = Path(path).read_text(encoding="utf-8")
            text = with_lookup_files(text, path, partial(_beside, Path(path)))
        except (OSError, UnicodeDecodeError) as error:
            problem = DefinitionProblem(1, "file", f"can't be read: {error}")
            raise InvalidDefinition(path, (problem,)) from None
        applications.append(read_toml(text, path))
    return applications
