"""Sessions, sign-in links and stream tokens: what stands in for a key in a browser.

In the flow: receives identities and the tokens a browser sent, hands out tokens once and
identities again.
Guarantee: none of them outlives its key; a sign-in link works once, whoever is quicker; a stream
token reads and does nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Select, delete, insert, select, update

from livetally.clock import US_PER_S
from livetally.errors import Forbidden, UnknownName
from livetally.store.catalog.key_rows import KEYS_WITH_TEAM, identity, is_valid, shown_id
from livetally.store.catalog.part import CatalogPart, random_bytes
from livetally.store.catalog.root_key import ROOT_KEY_ID
from livetally.store.catalog.tables import keys, sessions, signin_tokens, teams
from livetally.tenancy import (
    TOKEN_RANDOM_BYTES,
    Credential,
    Identity,
    Scope,
    SecretHash,
    SecretText,
    TokenKind,
    is_key_id,
    mint_token,
    parse_token,
)

if TYPE_CHECKING:
    from sqlalchemy import Row

__all__ = ["Sessions"]

_SESSIONS_WITH_KEY: Select[*tuple[Any, ...]] = (
    select(
        *(column for column in keys.c if column is not keys.c.team_id),
        sessions.c.team_id,
        teams.c.name.label("team_name"),
        sessions.c.kind,
        sessions.c.expires_us.label("session_expires_us"),
    )
    .join_from(sessions, keys, sessions.c.key_id == keys.c.id)
    .join(teams, sessions.c.team_id == teams.c.id)
)
_VIA = {TokenKind.SESSION: Credential.SESSION, TokenKind.STREAM: Credential.STREAM}


class Sessions(CatalogPart):
    """The part of the catalog that knows who is signed in."""

    def create_session(self, who: Identity, ttl_s: int) -> SecretText:
        """Sign ``who`` in for ``ttl_s`` seconds; returns the token for the cookie, once.

        Raises:
            Forbidden: they came by a session or a stream token, which must not prolong itself.
            StoreFailed: it could not be stored.
        """
        if who.via is not Credential.KEY:
            raise Forbidden("Sign in with a key or a sign-in link.")
        return self._create(TokenKind.SESSION, who, ttl_s)

    def create_stream_token(self, who: Identity, ttl_s: int) -> SecretText:
        """Return a token that reads live streams for ``ttl_s`` seconds, for an address line.

        Raises:
            Forbidden: the key may not read, or this is a stream token itself.
            StoreFailed: it could not be stored.
        """
        who.require(Scope.READ)
        if who.via is Credential.STREAM:
            raise Forbidden("A stream token can't be made with a stream token.")
        return self._create(TokenKind.STREAM, who, ttl_s)

    def verify_session(self, token: str) -> Identity | None:
        """Return who is signed in with this token; None when nobody is, or no longer."""
        return self._verify(TokenKind.SESSION, token)

    def verify_stream_token(self, token: str) -> Identity | None:
        """Return who may read with this token; None when nobody may, or no longer."""
        return self._verify(TokenKind.STREAM, token)

    def end_session(self, token: str) -> bool:
        """Sign out; returns whether anybody was signed in with this token.

        Raises:
            StoreFailed: it could not be stored; the session may still be valid.
        """
        wanted = parse_token(TokenKind.SESSION, token)
        if wanted is None:
            return False
        with self._changes.making() as connection:
            ended = connection.execute(delete(sessions).where(sessions.c.hash == wanted))
            return ended.rowcount == 1

    def recheck(self, who: Identity) -> Identity | None:
        """Return what an identity has become, for a stream that was opened with it.

        None when its key was revoked, its session has ended, or either has expired. An operator
        acting for another team goes on acting for that team.
        """
        now = self._by_session(who.session_hash) if who.session_hash else self._by_key(who.key_id)
        return None if now is None else now.acting_for(who.team, who.team_name)

    def create_signin_link(self, key_id: str, ttl_s: int = 900) -> SecretText:
        """Return a token that signs in once with this key, within ``ttl_s`` seconds.

        Whoever follows it may do all that the key may: never make one for a stream token.

        Raises:
            UnknownName: there is no such key, or it is no longer valid.
            StoreFailed: it could not be stored.
        """
        if not is_key_id(key_id) and key_id != ROOT_KEY_ID:
            raise UnknownName("id", "key", shown_id(key_id))
        now_us = self._clock.now_us()
        token = mint_token(TokenKind.SIGNIN, random_bytes(TOKEN_RANDOM_BYTES))
        values = {
            "hash": token.hash,
            "key_id": key_id,
            "expires_us": now_us + ttl_s * US_PER_S,
        }
        with self._database.writing() as connection:
            key = connection.execute(KEYS_WITH_TEAM.where(keys.c.id == key_id)).first()
            if key is None or not is_valid(key, now_us):
                raise UnknownName("id", "key", shown_id(key_id))
            gone = signin_tokens.c.expires_us <= now_us
            connection.execute(delete(signin_tokens).where(gone))
            connection.execute(insert(signin_tokens), values)
        return token.text

    def redeem_signin(self, token: str) -> Identity | None:
        """Return who signs in with this link; None when it is unknown, used, or too old."""
        wanted = parse_token(TokenKind.SIGNIN, token)
        if wanted is None:
            return None
        now_us = self._clock.now_us()
        unused = (
            (signin_tokens.c.hash == wanted)
            & signin_tokens.c.used_us.is_(None)
            & (signin_tokens.c.expires_us > now_us)
        )
        of_link = select(signin_tokens.c.key_id).where(signin_tokens.c.hash == wanted)
        with self._database.writing() as connection:
            # One statement decides who was first; reading before writing would let two in.
            used = connection.execute(update(signin_tokens).where(unused).values(used_us=now_us))
            if used.rowcount != 1:
                return None
            key_id = connection.execute(of_link).scalar_one()
            row = connection.execute(KEYS_WITH_TEAM.where(keys.c.id == key_id)).one()
        return identity(row) if is_valid(row, now_us) else None

    def _create(self, kind: TokenKind, who: Identity, ttl_s: int) -> SecretText:
        now_us = self._clock.now_us()
        token = mint_token(kind, random_bytes(TOKEN_RANDOM_BYTES))
        values = {
            "hash": token.hash,
            "kind": kind.value,
            "key_id": who.key_id,
            "team_id": who.team,
            "created_us": now_us,
            "expires_us": now_us + ttl_s * US_PER_S,
        }
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_us <= now_us))
            connection.execute(insert(sessions), values)
        return token.text

    def _verify(self, kind: TokenKind, token: str) -> Identity | None:
        wanted = parse_token(kind, token)
        found = None if wanted is None else self._by_session(wanted)
        return found if found is not None and found.via is _VIA[kind] else None

    def _by_key(self, key_id: str) -> Identity | None:
        with self._database.reading() as connection:
            row = connection.execute(KEYS_WITH_TEAM.where(keys.c.id == key_id)).first()
        if row is None or not is_valid(row, self._clock.now_us()):
            return None
        return identity(row)

    def _by_session(self, wanted: SecretHash | str) -> Identity | None:
        with self._database.reading() as connection:
            row = connection.execute(_SESSIONS_WITH_KEY.where(sessions.c.hash == wanted)).first()
        now_us = self._clock.now_us()
        if row is None or row.session_expires_us <= now_us or not is_valid(row, now_us):
            return None
        return _signed_in(row, wanted)


def _signed_in(row: Row[*tuple[Any, ...]], session_hash: str) -> Identity:
    of_key = identity(row)
    kind = TokenKind(row.kind)
    ends_us = row.session_expires_us
    return msgspec.structs.replace(
        of_key,
        via=_VIA[kind],
        session_hash=session_hash,
        scopes=of_key.scopes & {Scope.READ} if kind is TokenKind.STREAM else of_key.scopes,
        operator=of_key.operator and kind is not TokenKind.STREAM,
        expires_us=ends_us if of_key.expires_us is None else min(ends_us, of_key.expires_us),
    )
