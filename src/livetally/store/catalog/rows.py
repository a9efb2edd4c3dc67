"""What the catalog hands out: one small frozen record per noun.

In the flow: built by the catalog's modules from rows, read by api, console, cli and live.
Guarantee: no record holds a secret or its hash, except ``NewKey``, whose text hides itself.
"""

from __future__ import annotations

import msgspec

from livetally.tenancy import Scope, SecretText, TeamId, TeamSettings

__all__ = [
    "AlertChange",
    "AlertEnd",
    "AlertMessage",
    "AlertState",
    "AuditEntry",
    "Definition",
    "ErasureRecord",
    "KeyRecord",
    "NewKey",
    "SourceEnd",
    "SourceState",
    "Team",
]


class Team(msgspec.Struct, frozen=True):
    """A team and its settings."""

    id: TeamId
    name: str
    created_us: int
    settings: TeamSettings


class KeyRecord(msgspec.Struct, frozen=True):
    """All that may be known of a key after it has been shown."""

    id: str
    team: TeamId
    team_name: str
    name: str
    scopes: frozenset[Scope]
    operator: bool
    created_us: int
    expires_us: int | None
    revoked_us: int | None
    last_used_us: int | None


class NewKey(msgspec.Struct, frozen=True):
    """A key just made: ``text.reveal()`` is to be shown once and is kept nowhere."""

    text: SecretText
    record: KeyRecord


class Definition(msgspec.Struct, frozen=True):
    """One version of an application's definition file."""

    application: str
    team: TeamId | None
    """Whose it is; None: it holds for all teams."""
    version: int
    text: str
    applied_us: int
    applied_by: str
    active: bool


class AuditEntry(msgspec.Struct, frozen=True):
    """One administrative action: who did what to what, and when."""

    id: int
    at_us: int
    who: str
    team: TeamId | None
    action: str
    target: str
    detail: str


class ErasureRecord(msgspec.Struct, frozen=True):
    """A subject, by its fingerprint, whose events up to ``position`` were erased.

    ``done_us`` is None while something of it may be left.
    """

    id: int
    team: int
    fingerprint: str
    position: int
    at_us: int
    done_us: int | None


class SourceState(msgspec.Struct, frozen=True):
    """What is known of a source besides its definition."""

    team: TeamId
    name: str
    running: bool
    wanted: bool
    """Whether it is to run once, whatever its schedule says."""
    schedule: str | None
    """A person's schedule, as JSON; None: the definition's."""
    next_us: int
    known: str | None
    """How far it came, as JSON."""
    last_us: int | None
    last_ok_us: int | None
    last_error: str
    failures: int
    """How many runs have failed since the last good one."""
    runs: int
    stored: int
    duplicates: int
    rejected: int
    holder: str | None
    held_until_us: int | None


class SourceEnd(msgspec.Struct, frozen=True):
    """How a run ended: what to add, what to remember (None leaves it), when to run next."""

    error: str = ""
    known: str | None = None
    next_us: int | None = None
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0


class AlertState(msgspec.Struct, frozen=True):
    """What is known of an alert besides its definition."""

    team: TeamId
    name: str
    state: str
    since_us: int
    value: str | None
    """What was measured last, as a decimal text; None: there was nothing to measure."""
    checked_us: int | None
    next_us: int
    last_error: str


class AlertEnd(msgspec.Struct, frozen=True):
    """What a look at an alert found.

    With ``told`` it is a change of state: ``body`` (JSON) goes to each of ``channels`` (JSON).
    """

    state: str
    since_us: int
    value: str | None
    next_us: int
    error: str = ""
    told: bool = False
    body: str = ""
    channels: tuple[str, ...] = ()


class AlertMessage(msgspec.Struct, frozen=True):
    """One message about one change of an alert's state, to one channel."""

    id: int
    change: int
    channel: str
    body: str
    attempts: int
    waiting: bool
    """Whether another attempt will be made."""
    delivered_us: int | None
    last_error: str


class AlertChange(msgspec.Struct, frozen=True):
    """A change of an alert's state that was told, and what became of the messages."""

    id: int
    name: str
    state: str
    value: str | None
    at_us: int
    messages: tuple[AlertMessage, ...]
