"""Teams, keys, scopes and quotas as pure rules: who somebody is, and what they may do.

In the flow: receives texts and stored facts from ``store.catalog``, hands identities and verdicts
to every room that serves a request.
Guarantee: nothing here reads a clock, a disk, a socket or a source of randomness.
"""

from __future__ import annotations

from livetally.tenancy.identity import (
    ALL_SCOPES,
    DEFAULT_TEAM,
    DEFAULT_TEAM_NAME,
    Credential,
    Identity,
    Scope,
    TeamId,
    parse_scopes,
)
from livetally.tenancy.keys import (
    KEY_RANDOM_BYTES,
    KeyId,
    MintedKey,
    ParsedKey,
    SecretHash,
    hash_secret,
    is_key_id,
    matches,
    mint_key,
    parse_key,
)
from livetally.tenancy.names import (
    check_key_name,
    check_team_name,
    is_team_name,
)
from livetally.tenancy.quota import Admission, MovingWindow
from livetally.tenancy.secret import SecretText, without_secrets
from livetally.tenancy.team_settings import TeamSettings, check_team_settings
from livetally.tenancy.tokens import (
    TOKEN_RANDOM_BYTES,
    MintedToken,
    TokenKind,
    mint_token,
    parse_token,
)

__all__ = [
    "ALL_SCOPES",
    "DEFAULT_TEAM",
    "DEFAULT_TEAM_NAME",
    "KEY_RANDOM_BYTES",
    "TOKEN_RANDOM_BYTES",
    "Admission",
    "Credential",
    "Identity",
    "KeyId",
    "MintedKey",
    "MintedToken",
    "MovingWindow",
    "ParsedKey",
    "Scope",
    "SecretHash",
    "SecretText",
    "TeamId",
    "TeamSettings",
    "TokenKind",
    "check_key_name",
    "check_team_name",
    "check_team_settings",
    "hash_secret",
    "is_key_id",
    "is_team_name",
    "matches",
    "mint_key",
    "mint_token",
    "parse_key",
    "parse_scopes",
    "parse_token",
    "without_secrets",
]
