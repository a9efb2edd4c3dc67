"""What the routes need from the rest of the house, in one place.

In the flow: filled by ``server.build``, read by every route.
Guarantee: a route reaches the store, the writer or the catalog through nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from livetally.alerts import Keeper as Alerts
from livetally.api.bounds import FailedKeys, IngestRate
from livetally.backup import Backups
from livetally.clock import Clock
from livetally.definitions import Application, Plan, RouteTable
from livetally.ingest import Commits, Intake, Schema
from livetally.live import Hub
from livetally.query import Declared, Runner
from livetally.sinks import Sinks
from livetally.sources import Keeper
from livetally.store.catalog import Catalog, KeyCache
from livetally.tenancy import Identity, SecretText, TeamId

__all__ = ["Definitions", "Erased", "Erasing", "Services", "Sessions", "Task"]


class Definitions(Protocol):
    """What each team has declared, and how to change it."""

    def epoch_of(self, declared: Declared) -> str:
        """Name what live positions count in: the store, and these definitions."""
        ...

    def declared(self, team: int) -> Declared:
        """Return a team's joined definitions."""
        ...

    def schema(self, team: int) -> Schema:
        """Return what ingest checks a team's events against."""
        ...

    def published(self) -> RouteTable:
        """Return the paths that definitions publish, of all teams."""
        ...

    def preview(self, application: Application, team: int) -> Plan:
        """Return what applying would change. Blocks; raises InvalidDefinition on a conflict."""
        ...

    def apply(self, application: Application, who: Identity) -> tuple[Plan, int]:
        """Apply; return what changed and the new version. Blocks; run it in a thread."""
        ...

    def preview_removal(self, name: str, team: int | None) -> Plan:
        """Return what taking an application away would change; team None: the shared one."""
        ...

    def remove(self, name: str, team: TeamId | None, who: Identity) -> Plan:
        """Take an application away; return what changed. Blocks; run it in a thread."""
        ...

    def follow(self) -> None:
        """Take over what another process has applied. Blocks; run it in a thread."""
        ...


class Erased(Protocol):
    """An erasure whose events are gone."""

    @property
    def number(self) -> int:
        """Its number."""
        ...

    @property
    def fingerprint(self) -> str:
        """What stands for the subject."""
        ...

    @property
    def position(self) -> int:
        """Up to which commit its events are gone."""
        ...

    @property
    def rows(self) -> int:
        """How many they were."""
        ...


class Task(Protocol):
    """What lives beside the server."""

    async def run(self) -> None:
        """Live until cancelled."""
        ...


class Erasing(Protocol):
    """What takes a subject's events away."""

    def erase(self, team: int, subject: str) -> Erased:
        """Erase; blocks until no answer counts the subject. Run it in a thread."""
        ...

    def waiting_for(self, number: int) -> list[str]:
        """Return what may still hold something of it."""
        ...


@dataclass(frozen=True)
class Sessions:
    """How long a sign-in and a stream token last, and whether the cookie needs https."""

    ttl_s: int = 30 * 86_400
    secure: bool = False
    stream_token_s_max: int = 3_600


@dataclass(frozen=True)
class Services:
    """Everything that a request may need."""

    clock: Clock
    catalog: Catalog
    keys: KeyCache
    definitions: Definitions
    writer: Commits
    intake: Intake
    runner: Runner
    hub: Hub
    sinks: Sinks
    version: str
    queries_per_hour: Callable[[int], int]
    allowed_origins: Callable[[int | None], frozenset[str]]
    """The origins that a team lets read its answers; None: those that any team does."""
    secret_of: Callable[[str], SecretText | None]
    """The secret that an environment variable holds; None when it is not set."""
    failed_keys: FailedKeys
    ingest_rate: IngestRate
    sources: Keeper
    alerts: Alerts
    backups: Backups
    erasing: Erasing
    keeping: Task
    turn: Callable[[str], AbstractAsyncContextManager[None]] = lambda _name: nullcontext()
    """Keeps other processes from doing what has this name, and answers up to date meanwhile."""
    troubles: Callable[[], dict[str, str]] = dict
    """What keeps the parts beyond this machine from their work."""
    log_requests: bool = False
    disk_free_bytes_min: int = 0
    sessions: Sessions = field(default_factory=Sessions)
