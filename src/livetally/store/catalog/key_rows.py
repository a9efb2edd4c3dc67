"""Rows of keys, as statements and as the records made of them.

In the flow: receives rows and wishes from ``keys`` and ``sessions``, hands back records, identities
and rows written.
Guarantee: whether a key is valid is decided here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sqlalchemy import Select, insert, select, update

from livetally.errors import Forbidden, UnknownName
from livetally.store.catalog.part import random_bytes
from livetally.store.catalog.rows import KeyRecord, NewKey
from livetally.store.catalog.tables import keys, teams
from livetally.tenancy import (
    KEY_RANDOM_BYTES,
    Identity,
    Scope,
    TeamId,
    is_key_id,
    mint_key,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from livetally.store.catalog.rows import Team

__all__ = [
    "KEYS_WITH_TEAM",
    "NewKeyFacts",
    "end_key",
    "find_key",
    "identity",
    "insert_key",
    "is_valid",
    "record",
    "shown_id",
]

KEYS_WITH_TEAM: Select[*tuple[Any, ...]] = select(keys, teams.c.name.label("team_name")).join_from(
    keys, teams
)


class NewKeyFacts(NamedTuple):
    """What a key is to be, before it has an id and a secret."""

    owner: Team
    name: str
    scopes: frozenset[Scope]
    operator: bool
    created_us: int
    expires_us: int | None


class _Ends(Protocol):
    """Anything that says when a key ends: a record or a row."""

    @property
    def expires_us(self) -> int | None: ...
    @property
    def revoked_us(self) -> int | None: ...


def is_valid(key: _Ends, now_us: int) -> bool:
    """Tell whether a key opens anything at ``now_us``; at ``expires_us`` it no longer does."""
    return key.revoked_us is None and (key.expires_us is None or now_us < key.expires_us)


def record(row: Row[*tuple[Any, ...]]) -> KeyRecord:
    """Make the public record from a row of ``KEYS_WITH_TEAM``."""
    return KeyRecord(
        id=row.id,
        team=TeamId(row.team_id),
        team_name=row.team_name,
        name=row.name,
        scopes=_scopes(row.scopes),
        operator=row.operator,
        created_us=row.created_us,
        expires_us=row.expires_us,
        revoked_us=row.revoked_us,
        last_used_us=row.last_used_us,
    )


def identity(row: Row[*tuple[Any, ...]]) -> Identity:
    """Make the identity of a key's owner from a row of ``KEYS_WITH_TEAM``."""
    return Identity(
        team=TeamId(row.team_id),
        team_name=row.team_name,
        key_id=row.id,
        key_name=row.name,
        scopes=_scopes(row.scopes),
        operator=row.operator,
        expires_us=row.expires_us,
    )


def find_key(connection: Connection, key_id: str, team: TeamId | None) -> KeyRecord:
    """Return a key by its id, if it belongs to ``team``; None: whosever it is, for operators.

    Raises:
        UnknownName: there is none, or it is another team's, which looks the same from outside.
        Forbidden: it is an operator's key, which its team may see and nothing more.
    """
    if not is_key_id(key_id):
        raise UnknownName("id", "key", shown_id(key_id))
    wanted = KEYS_WITH_TEAM.where(keys.c.id == key_id)
    if team is not None:
        wanted = wanted.where(keys.c.team_id == team)
    row = connection.execute(wanted).first()
    if row is None:
        raise UnknownName("id", "key", key_id)
    if team is not None and row.operator:
        raise Forbidden("Only an operator may change an operator's key.")
    return record(row)


def shown_id(key_id: str) -> str:
    """Return an id for a message; somebody may have put the whole key where its id belongs."""
    return key_id if is_key_id(key_id) else "…"


def insert_key(connection: Connection, facts: NewKeyFacts) -> NewKey:
    """Mint a key and store everything about it but its text."""
    minted = mint_key(random_bytes(KEY_RANDOM_BYTES))
    values = {
        "id": minted.key_id,
        "team_id": facts.owner.id,
        "name": facts.name,
        "hash": minted.hash,
        "scopes": " ".join(sorted(facts.scopes)),
        "operator": facts.operator,
        "created_us": facts.created_us,
        "expires_us": facts.expires_us,
    }
    connection.execute(insert(keys), values)
    return NewKey(minted.text, find_key(connection, minted.key_id, None))


def end_key(connection: Connection, key_id: str, *, revoked_us: int) -> None:
    """Revoke a key that is not revoked yet."""
    connection.execute(update(keys).where(keys.c.id == key_id).values(revoked_us=revoked_us))


def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(Scope(scope) for scope in text.split())
