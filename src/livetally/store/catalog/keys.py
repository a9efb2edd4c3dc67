"""Keys: made, listed, verified, rotated and revoked.

In the flow: receives the text a client sent or an administrator's wish, hands out identities and
records; ``key_cache`` stands before ``verify_key`` for speed.
Guarantee: a key's text is returned once, by the method that made it, and is stored nowhere; after
``revoke_key`` returns, no method here takes that key for valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, or_, select, update

from livetally.errors import BadInput
from livetally.store.catalog.audit import write_entry
from livetally.store.catalog.key_rows import (
    KEYS_WITH_TEAM,
    NewKeyFacts,
    end_key,
    find_key,
    identity,
    insert_key,
    is_valid,
    record,
)
from livetally.store.catalog.part import SYSTEM
from livetally.store.catalog.root_key import ROOT_KEY_ID, RootKey
from livetally.store.catalog.tables import keys
from livetally.store.catalog.teams import read_team
from livetally.tenancy import (
    ALL_SCOPES,
    DEFAULT_TEAM,
    check_key_name,
    matches,
    parse_key,
    parse_scopes,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from livetally.store.catalog.rows import KeyRecord, NewKey
    from livetally.tenancy import Identity, Scope, TeamId

__all__ = ["Keys"]

EXPIRES_US_MAX = 253_402_300_799_999_999  # the last microsecond of the year 9999
_BY_ID = KEYS_WITH_TEAM.where(keys.c.id == bindparam("key_id"))
_NOTE_USE = (
    update(keys)
    .where(keys.c.id == bindparam("used_id"))
    .where(or_(keys.c.last_used_us.is_(None), keys.c.last_used_us < bindparam("used_us")))
    .values(last_used_us=bindparam("used_us"))
)


class Keys(RootKey):
    """The part of the catalog that knows the keys."""

    def create_key(
        self,
        team: TeamId,
        name: str,
        scopes: Collection[Scope],
        *,
        operator: bool = False,
        expires_us: int | None = None,
        by: str = SYSTEM,
    ) -> NewKey:
        """Make a key for ``team``, valid until it is revoked or until ``expires_us``.

        Raises:
            UnknownName: there is no such team.
            BadInput: the name can't be used, no scope is given, or the expiry is no future instant.
            StoreFailed: it could not be stored.
        """
        check_key_name(name)
        wanted = parse_scopes(scopes)
        now_us = self._clock.now_us()
        if expires_us is not None and not now_us < expires_us <= EXPIRES_US_MAX:
            raise BadInput("expires", "must be in the future, and before the year 10000")
        with self._changes.making() as connection:
            owner = read_team(connection, team)
            facts = NewKeyFacts(owner, name, wanted, operator, now_us, expires_us)
            new = insert_key(connection, facts)
            _note(connection, now_us, by, "key.create", new.record)
        return new

    def list_keys(self, team: TeamId | None) -> list[KeyRecord]:
        """Return the keys of ``team``, or of all teams, the oldest first, revoked ones too."""
        wanted = KEYS_WITH_TEAM.order_by(keys.c.created_us, keys.c.id)
        if team is not None:
            wanted = wanted.where(keys.c.team_id == team)
        with self._database.reading() as connection:
            return [record(row) for row in connection.execute(wanted)]

    def revoke_key(self, key_id: str, *, team: TeamId | None, by: str = SYSTEM) -> KeyRecord:
        """End a key for good, and its sessions with it; doing it again changes nothing.

        Args:
            key_id: the public part of the key.
            team: only if it belongs to this team; None: whosever it is, for operators.
            by: who wants it, for the audit log.

        Raises:
            UnknownName: there is no such key, or not in this team.
            Forbidden: it is an operator's key, and ``team`` is not None.
            StoreFailed: it could not be stored; the key may still be valid.
        """
        now_us = self._clock.now_us()
        with self._changes.making() as connection:
            found = find_key(connection, key_id, team)
            if found.revoked_us is None:
                end_key(connection, key_id, revoked_us=now_us)
                _note(connection, now_us, by, "key.revoke", found)
            return find_key(connection, key_id, team)

    def rotate_key(
        self, key_id: str, *, team: TeamId | None, grace_us: int = 0, by: str = SYSTEM
    ) -> NewKey:
        """Make a key like this one, and end this one now or after ``grace_us`` microseconds.

        Raises:
            UnknownName: there is no such key, or not in this team.
            Forbidden: it is an operator's key, and ``team`` is not None.
            BadInput: the key is revoked or has expired.
            StoreFailed: it could not be stored; nothing has changed.
        """
        now_us = self._clock.now_us()
        with self._changes.making() as connection:
            old = find_key(connection, key_id, team)
            if not is_valid(old, now_us):
                raise BadInput("id", "the key is revoked or has expired; make a new one")
            owner = read_team(connection, old.team)
            facts = NewKeyFacts(owner, old.name, old.scopes, old.operator, now_us, old.expires_us)
            new = insert_key(connection, facts)
            _retire(connection, old, now_us, grace_us)
            _note(connection, now_us, by, "key.rotate", old, f"replaced by {new.record.id}")
        return new

    def verify_key(self, text: str) -> Identity | None:
        """Return who sent this key; None when it is malformed, unknown, revoked or has expired.

        Raises:
            StoreFailed: it can't be looked up.
        """
        parsed = parse_key(text)
        if parsed is None:
            return self._verify_root(text)
        with self._database.reading() as connection:
            row = connection.execute(_BY_ID, {"key_id": parsed.key_id}).first()
        if row is None:
            return self._verify_root(text)  # it may have been given the form of a key
        if not matches(row.hash, parsed.secret):
            return None
        return identity(row) if is_valid(row, self._clock.now_us()) else None

    def ensure_first_key(self) -> NewKey | None:
        """Make the operator's key if there has never been one but the root key's; else None."""
        any_key = select(keys.c.id).where(keys.c.id != ROOT_KEY_ID).limit(1)
        with self._database.reading() as connection:
            if connection.execute(any_key).first():
                return None
        now_us = self._clock.now_us()
        with self._changes.making() as connection:
            # Looked at again behind the lock: another process may have been first.
            if connection.execute(any_key).first():
                return None
            owner = read_team(connection, DEFAULT_TEAM)
            facts = NewKeyFacts(owner, "first key", ALL_SCOPES, True, now_us, None)
            new = insert_key(connection, facts)
            _note(connection, now_us, SYSTEM, "key.create", new.record)
        return new

    def note_uses(self, uses: Mapping[str, int]) -> None:
        """Store when keys were last used: microseconds by key id. Older than known is ignored.

        Raises:
            StoreFailed: nothing of it was stored.
        """
        # In one order everywhere, so that two processes never wait for each other in a circle.
        rows = [{"used_id": key_id, "used_us": at_us} for key_id, at_us in sorted(uses.items())]
        if rows:
            with self._database.writing() as connection:
                connection.execute(_NOTE_USE, rows)


def _retire(connection: Connection, old: KeyRecord, now_us: int, grace_us: int) -> None:
    if grace_us <= 0:
        end_key(connection, old.id, revoked_us=now_us)
        return
    ends_us = now_us + grace_us
    if old.expires_us is None or ends_us < old.expires_us:
        connection.execute(update(keys).where(keys.c.id == old.id).values(expires_us=ends_us))


def _note(
    connection: Connection, at_us: int, by: str, action: str, key: KeyRecord, detail: str = ""
) -> None:
    told = detail or f"{key.name}: {' '.join(sorted(key.scopes))}"
    told += " (operator)" if key.operator else ""
    write_entry(connection, at_us, by, key.team, action, key.id, told)
