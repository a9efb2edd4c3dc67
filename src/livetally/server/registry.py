"""What every team has declared, in memory, and bringing the store and ingest to it.

In the flow: filled from the catalog at start and after every change, another process's among them;
read by every request.
Guarantee: a definition is stored in the catalog before anything follows it, and only beside those
that it was checked against; readers see the old definitions or the new ones, never a mixture;
applying never stops ingest.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from livetally.alerts import Watched
from livetally.definitions import (
    Application,
    Field,
    Plan,
    RouteTable,
    Source,
    check_team,
    nearest,
    plan,
    read_text,
    read_toml,
    with_lookup_files,
)
from livetally.errors import (
    DefinitionProblem,
    Forbidden,
    InvalidDefinition,
    StoreFailed,
    UnknownName,
)
from livetally.ingest import Schema
from livetally.query import Declared, declared_fields, projections
from livetally.server.joining import joined
from livetally.server.keepable import require_keepable
from livetally.sinks import Declaration
from livetally.store.catalog import Catalog, DefinitionsMoved
from livetally.store.events import Engine, keep
from livetally.tenancy import DEFAULT_TEAM, Identity, TeamId

__all__ = ["Listener", "Registry", "read_files"]

_EPOCH = "epoch"
_GENERATION = "generation"
# They reach what the operator's network and environment hold.
_REACHING_OUT = frozenset({"sink", "source", "alert"})
_ATTEMPTS = 10

_Made = TypeVar("_Made")
Listener = Callable[[frozenset[int] | None], None]
"""Told which teams' definitions are others now; None: all teams'."""


class _Applied:
    """What is active, as one thing: whoever holds it is told the same until the end.

    ``joined`` and ``schemas`` are filled when a team first needs them.
    """

    def __init__(
        self, shared: Sequence[Application] = (), own: Mapping[int, Sequence[Application]] = {}
    ) -> None:
        self.shared = tuple(shared)
        self.own = {team: tuple(applications) for team, applications in own.items()}
        self.joined: dict[int, Declared] = {}
        self.schemas: dict[int, Schema] = {}
        own_paths = ((team, app) for team, apps in sorted(self.own.items()) for app in apps)
        self.published = RouteTable((*((None, app) for app in self.shared), *own_paths))

    def everything(self) -> list[Application]:
        return [*self.shared, *(app for apps in self.own.values() for app in apps)]

    def changed_from(self, before: _Applied) -> frozenset[int] | None:
        """Return the teams whose definitions are others than before; None: all teams'."""
        if _texts(before.shared) != _texts(self.shared):
            return None
        teams = before.own.keys() | self.own.keys()
        return frozenset(
            one for one in teams if _texts(before.own.get(one, ())) != _texts(self.own.get(one, ()))
        )


class Registry:
    """The definitions of all teams. Safe for any thread."""

    def __init__(self, catalog: Catalog, engine: Engine) -> None:
        """Read what the catalog holds, and make the store keep what that needs."""
        self.catalog = catalog
        self._engine = engine
        # Held while definitions change, and while the listeners are told: they hear in order.
        self._lock = threading.RLock()
        self._mark = (0, 0)
        self._applied = _Applied()
        self._store_epoch = ""
        self._generation = catalog.get_meta(_GENERATION) or ""
        self._listeners: list[Listener] = []
        self.on_anew: Callable[[], None] = lambda: None
        """Called when another process has had live positions count anew: forget what was kept."""
        self.reload()

    def declared(self, team: int) -> Declared:
        """Return a team's joined definitions: the shared ones and its own."""
        applied = self._applied
        found = applied.joined.get(team)
        if found is None:
            found = applied.joined[team] = joined(team, applied.own.get(team, ()), applied.shared)
        return found

    def sources(self) -> list[tuple[int, Source]]:
        """Return every team's sources; those of shared definitions bring events to the default."""
        applied = self._applied
        own = ((team, app) for team, apps in applied.own.items() for app in apps)
        shared = ((int(DEFAULT_TEAM), app) for app in applied.shared)
        return [(team, source) for team, app in (*shared, *own) for source in app.sources.values()]

    def schema(self, team: int) -> Schema:
        """Return what ingest checks a team's events against."""
        applied = self._applied  # before its definitions: what is older is not kept beside newer
        found = applied.schemas.get(team)
        if found is None:
            declared = self.declared(team)
            found = Schema(declared.events.values(), reject_unknown=declared.reject_unknown)
            applied.schemas[team] = found
        return found

    def fields(self) -> dict[str, Field]:
        """Return every declared field by its column."""
        return declared_fields(self._applied.everything())

    def published(self) -> RouteTable:
        """Return the paths that definitions publish, of all teams."""
        return self._applied.published

    def preview(self, application: Application, team: int) -> Plan:
        """Return what applying would change. Blocks.

        Raises:
            InvalidDefinition: it conflicts with another application, or the store can't keep it.
        """
        others = {app.name: app for app in self.declared(team).applications}
        old = others.pop(application.name, None)
        elsewhere = (
            app for owner, apps in self._applied.own.items() if owner != team for app in apps
        )
        check_team(application, others.values(), "the definition", elsewhere)
        require_keepable(self._engine, application)
        return plan(old, application)

    def apply(self, application: Application, who: Identity) -> tuple[Plan, int]:
        """Apply a team's own definition; return what changed and its version. Blocks.

        Raises:
            InvalidDefinition: as ``preview``.
            Forbidden: it changes what reaches out of the server, and ``who`` is no operator.
            StoreFailed: it could not be stored; nothing has changed.
        """
        with self._lock:
            return self._persistently(lambda: self._store(application, who))

    def _store(self, application: Application, who: Identity) -> tuple[Plan, int]:
        changes = self.preview(application, who.team)
        if self._reaches_out(application, who.team):
            _check_reach(who)
        version = self.catalog.save_definition(
            application.name, who.team, application.text, who.key_id, beside=self._mark
        )
        self.reload()
        return changes, version

    def _persistently(self, change: Callable[[], _Made]) -> _Made:
        """Make a change of what nobody else has changed since it was looked at."""
        for _ in range(_ATTEMPTS):
            self.follow()
            try:
                return change()
            except DefinitionsMoved:
                continue  # another process was first: what was checked holds no longer
        raise StoreFailed("Other processes change definitions all the time; try again.")

    def _reaches_out(self, application: Application, team: int) -> bool:
        """Whether a team's own definitions would reach out of the server in another way.

        What is shared does not count: its copy would do the same in the team's name.
        """
        own = {app.name: app for app in self._applied.own.get(team, ())}
        return _reaching(plan(own.get(application.name), application))

    def preview_removal(self, name: str, team: int | None) -> Plan:
        """Return what taking an application away would change.

        Args:
            name: the application's.
            team: whose; in its place the shared one of its name stands again. None: the shared one.

        Raises:
            UnknownName: there is no such application.
            InvalidDefinition: what would stand in its place conflicts with another one of the team.
        """
        shared = {one.name: one for one in self._applied.shared}
        own = shared if team is None else {one.name: one for one in self._applied.own.get(team, ())}
        if name not in own:
            raise UnknownName("application", "application", name[:64], nearest(name, own))
        following = None if team is None else shared.get(name)
        if following is not None and team is not None:
            check_team(following, self.declared(team).applications, "the definition of all teams")
        return plan(own[name], following)

    def remove(self, name: str, team: TeamId | None, who: Identity) -> Plan:
        """Take an application away; return what changed. Its versions are kept. Blocks.

        Raises:
            UnknownName, InvalidDefinition: as ``preview_removal``.
            Forbidden: ``who`` is no operator, and it is the shared one, or its sinks or sources go.
            StoreFailed: it could not be stored; nothing has changed.
        """
        if team is None and not who.operator:
            raise Forbidden("What holds for all teams is an operator's to take away.")
        with self._lock:
            return self._persistently(lambda: self._removed(name, team, who))

    def _removed(self, name: str, team: TeamId | None, who: Identity) -> Plan:
        changes = self.preview_removal(name, team)
        if _reaching(changes):
            _check_reach(who)
        self.catalog.remove_definition(name, team, who.key_id, beside=self._mark)
        self.reload()
        return changes

    def apply_shared(self, applications: Sequence[Application], by: str) -> None:
        """Apply definitions for all teams, all or none. Blocks.

        Raises:
            InvalidDefinition: two of them conflict, or the store can't keep one.
        """
        for i, application in enumerate(applications):
            check_team(application, applications[:i], application.name)
            require_keepable(self._engine, application)
        for application in applications:
            self.catalog.save_definition(application.name, None, application.text, by)
        self.reload()

    def follow(self) -> None:
        """Take over what another process has applied, if anything; one look-up if not. Blocks.

        Raises:
            StoreFailed: the catalog or the store can't be asked.
            InvalidDefinition: another version of this program has stored what this one can't read;
                what was declared before holds on.
        """
        with self._lock:
            if self.catalog.definitions_mark() != self._mark:
                self.reload()
            generation = self.catalog.get_meta(_GENERATION) or ""
            if generation != self._generation:
                self._generation = generation
                self.on_anew()

    def reload(self) -> None:
        """Read the catalog again, and make the store keep what the definitions need. Blocks.

        Raises:
            StoreFailed, InvalidDefinition: as ``follow``.
        """
        with self._lock:
            # Before the definitions: one that comes in between is looked for again.
            mark = self.catalog.definitions_mark()
            shared: list[Application] = []
            own: dict[int, list[Application]] = {}
            for stored in self.catalog.active_definitions(None):
                application = read_text(stored.text, f"{stored.application} v{stored.version}")
                if stored.team is None:
                    shared.append(application)
                else:
                    own.setdefault(stored.team, []).append(application)
            applied = _Applied(shared, own)
            everything = applied.everything()
            keep(self._engine, declared_fields(everything), projections(everything))
            changed = applied.changed_from(self._applied)
            self._applied = applied
            self._store_epoch = self._stored_epoch()
            self._mark = mark
            if changed is None or changed:
                for listener in self._listeners:
                    listener(changed)

    def listen(self, listener: Listener) -> None:
        """Have ``listener`` called now, and whenever definitions have changed.

        It is called in the thread that changed them, must not block for long, and must not raise.
        """
        with self._lock:
            self._listeners.append(listener)
            listener(None)

    @property
    def store_epoch(self) -> str:
        """The name of this store: another one counts other positions."""
        return self._store_epoch

    def sinks(self) -> list[Declaration]:
        """Return every declared sink; those for all teams keep what team ``default`` has."""
        applied = self._applied
        shared = [(DEFAULT_TEAM, application) for application in applied.shared]
        own = [(team, app) for team, apps in applied.own.items() for app in apps]
        return [
            Declaration(team, self.declared(team), sink)
            for team, application in (*shared, *own)
            for sink in application.sinks.values()
        ]

    def alerts(self) -> list[Watched]:
        """Return every declared alert; those for all teams look at what team ``default`` has."""
        applied = self._applied
        shared = [(int(DEFAULT_TEAM), application) for application in applied.shared]
        own = [(team, app) for team, apps in applied.own.items() for app in apps]
        return [
            Watched(TeamId(team), self.declared(team), alert)
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
        with self._lock:
            self._generation = generation  # first, so that this process does not follow itself
            self.catalog.announce_meta(_GENERATION, generation)

    def _stored_epoch(self) -> str:
        return self.catalog.get_meta(_EPOCH) or self.catalog.claim_meta(
            _EPOCH, secrets.token_hex(4)
        )


def _reaching(changes: Plan) -> bool:
    return any(one.what in _REACHING_OUT for one in changes.changes)


def _check_reach(who: Identity) -> None:
    """Refuse a change of what reaches the operator's network and environment."""
    if not who.operator:
        raise Forbidden(
            "Sinks, sources and alerts reach out of the server: only an operator changes them."
        )


def _texts(applications: Sequence[Application]) -> list[tuple[str, str]]:
    return [(application.name, application.text) for application in applications]


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
