"""What an operator may set for one team.

In the flow: receives settings from api and cli, hands them checked to ``store.catalog``.
Guarantee: a setting that passed can be obeyed as it stands.
"""

from __future__ import annotations

import re

import msgspec

from livetally.errors import BadInput
from livetally.tenancy.quota import HITS_MAX

__all__ = ["TeamSettings", "check_team_settings"]

ORIGINS_MAX = 50
# Scheme, host and port: what a browser sends as Origin. A '*' would open the team to every page.
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]{1,255}")


class TeamSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is left out follows the server's settings."""

    queries_per_hour: int | None = None
    """Charged queries of each key in any hour, 1 to 100,000; None: the server's default."""
    allowed_origins: tuple[str, ...] = ()
    """Origins whose pages may read this team's answers (CORS); none by default."""


def check_team_settings(settings: TeamSettings) -> TeamSettings:
    """Return the settings unchanged.

    Raises:
        BadInput: one of them can't be obeyed.
    """
    queries = settings.queries_per_hour
    if queries is not None and not 1 <= queries <= HITS_MAX:
        raise BadInput("queries_per_hour", f"must be 1 to {HITS_MAX}")
    if len(settings.allowed_origins) > ORIGINS_MAX:
        raise BadInput("allowed_origins", f"must be at most {ORIGINS_MAX}")
    for origin in settings.allowed_origins:
        if _ORIGIN.fullmatch(origin) is None:
            reason = "must each be like https://example.com or http://localhost:5173, no path"
            raise BadInput("allowed_origins", reason)
    return settings
