"""Who sent a request: the team it acts for, and what its key allows.

In the flow: built by ``store.catalog`` from a verified key or session, carried by every request.
Guarantee: an identity names exactly one team; there is none for "all teams".
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NewType

import msgspec

from livetally.errors import BadInput, Forbidden

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ALL_SCOPES",
    "DEFAULT_TEAM",
    "DEFAULT_TEAM_NAME",
    "Credential",
    "Identity",
    "Scope",
    "TeamId",
    "parse_scopes",
]

TeamId = NewType("TeamId", int)
DEFAULT_TEAM = TeamId(1)
DEFAULT_TEAM_NAME = "default"


class Scope(StrEnum):
    """What a key may do within its team; none of them includes another."""

    WRITE = "write"
    READ = "read"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)


class Credential(StrEnum):
    """By what an identity was proven; some doors open for one kind only."""

    KEY = "key"
    SESSION = "session"
    STREAM = "stream"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A verified sender. Holds nothing secret."""

    team: TeamId
    team_name: str
    key_id: str
    key_name: str
    scopes: frozenset[Scope]
    operator: bool
    """May act for other teams and manage them, by saying so in each request."""
    expires_us: int | None
    """When the key or the session ends, whichever is first; None: when it is revoked."""
    via: Credential = Credential.KEY
    session_hash: str | None = None
    """Under what a session or stream token is stored, so that it can be checked again."""

    def require(self, scope: Scope) -> None:
        """Go on only with this scope.

        Raises:
            Forbidden: the key lacks it; the message names the scope.
        """
        if scope not in self.scopes:
            raise Forbidden(f"The key '{self.key_name}' lacks the scope '{scope.value}'.")

    def require_operator(self) -> None:
        """Go on only with an operator's key.

        Raises:
            Forbidden: this is a team's own key.
        """
        if not self.operator:
            raise Forbidden(f"The key '{self.key_name}' is not an operator's key.")

    def acting_for(self, team: TeamId, team_name: str) -> Identity:
        """Return the same operator as a member of another team, for one request.

        Raises:
            Forbidden: this is a team's own key, and the team is another.
        """
        if team == self.team:
            return self
        self.require_operator()
        return msgspec.structs.replace(self, team=team, team_name=team_name)

    def require_grant(self, team: TeamId, *, operator: bool) -> None:
        """Go on only if a key for ``team``, an operator's or not, may be made by this one.

        Raises:
            Forbidden: no ``admin`` scope, another team's key, or an operator's key by a team's.
        """
        self.require(Scope.ADMIN)
        if operator or team != self.team:
            self.require_operator()


def parse_scopes(texts: Iterable[str]) -> frozenset[Scope]:
    """Read a list of scopes.

    Raises:
        BadInput: there is none, or one that does not exist.
    """
    known = {scope.value: scope for scope in Scope}
    wanted = list(texts)
    for text in wanted:
        if text not in known:
            raise BadInput("scopes", f"must each be one of {', '.join(known)}")
    if not wanted:
        raise BadInput("scopes", f"must name at least one of {', '.join(known)}")
    return frozenset(known[text] for text in wanted)
