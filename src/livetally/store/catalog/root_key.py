"""The root key: an operator's key that is set from outside instead of being minted here.

In the flow: receives the text of ``LIVETALLY_ROOT_KEY`` from server, hands an identity to
``verify_key`` when a client sends the same text.
Guarantee: in the catalog it is a key like any other (its hash, its uses, its sessions), so that a
new text, or none, ends everything the old one opened.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from livetally.store.catalog.audit import write_entry
from livetally.store.catalog.key_rows import KEYS_WITH_TEAM, identity, is_valid
from livetally.store.catalog.part import SYSTEM, CatalogPart
from livetally.store.catalog.tables import keys, sessions, signin_tokens
from livetally.tenancy import ALL_SCOPES, DEFAULT_TEAM, SecretHash

if TYPE_CHECKING:
    from livetally.tenancy import Identity, SecretText

__all__ = ["ROOT_KEY_ID", "RootKey"]

ROOT_KEY_ID = "root"
"""Unlike the id of any minted key, so it can't be revoked or rotated where those are."""


class RootKey(CatalogPart):
    """The part of the catalog that knows the key from the environment."""

    _root_hash: SecretHash | None = None

    def set_root_key(self, text: SecretText | None) -> None:
        """Accept ``text`` as the operator's key from now on, and only it; None: no such key.

        Of several processes on one catalog, all must set the same.

        Raises:
            StoreFailed: it could not be stored.
        """
        new_hash = None if text is None else _hash(text.reveal())
        wanted = select(keys.c.hash).where(keys.c.id == ROOT_KEY_ID, keys.c.revoked_us.is_(None))
        with self._database.reading() as connection:
            stored = connection.execute(wanted).scalar()
        if not compare_digest(stored or "", new_hash or ""):
            self._replace(new_hash)
        self._root_hash = new_hash

    def _replace(self, new_hash: SecretHash | None) -> None:
        now_us = self._clock.now_us()
        row = keys.c.id == ROOT_KEY_ID
        with self._changes.making() as connection:
            for table in (sessions, signin_tokens):
                connection.execute(delete(table).where(table.c.key_id == ROOT_KEY_ID))
            if new_hash is None:
                connection.execute(update(keys).where(row).values(revoked_us=now_us))
            elif connection.execute(select(keys.c.id).where(row)).first():
                connection.execute(update(keys).where(row).values(hash=new_hash, revoked_us=None))
            else:
                values = {
                    "id": ROOT_KEY_ID,
                    "team_id": DEFAULT_TEAM,
                    "name": "root key",
                    "hash": new_hash,
                    "scopes": " ".join(sorted(ALL_SCOPES)),
                    "operator": True,
                    "created_us": now_us,
                }
                connection.execute(insert(keys), values)
            done = "key.end_root" if new_hash is None else "key.set_root"
            write_entry(connection, now_us, SYSTEM, None, done, ROOT_KEY_ID)

    def _verify_root(self, text: str) -> Identity | None:
        # Compared here first: a wrong text must not cost a look-up in the database.
        if self._root_hash is None or not compare_digest(self._root_hash, _hash(text)):
            return None
        with self._database.reading() as connection:
            row = connection.execute(KEYS_WITH_TEAM.where(keys.c.id == ROOT_KEY_ID)).first()
        if row is None or not is_valid(row, self._clock.now_us()):
            return None
        if not compare_digest(row.hash, self._root_hash):
            return None  # another process has set another one
        return identity(row)


def _hash(text: str) -> SecretHash:
    # A header may hold any letters; half of a surrogate pair must not end in an exception.
    return SecretHash(sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
