"""``GET /v1/audit``: who did what to what, and when.

In the flow: receives a page's bounds, reads the log in ``store.catalog``.
Guarantee: a team's administrator sees that team's entries only.
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.answers import encode_value
from livetally.api.auth import TEAM_HEADER, identify
from livetally.api.services import Services
from livetally.calendar import find_zone, label
from livetally.errors import BadInput
from livetally.store.catalog import AuditEntry
from livetally.tenancy import Scope

__all__ = ["list_audit", "page_bounds"]

_UTC = find_zone("UTC")
_LIMIT = 100
_LIMIT_MAX = 1_000
_DIGITS_MAX = 18


async def list_audit(request: Request) -> Response:
    """Return entries, newest first: a team's own; to an operator who names no team, all."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    limit, before = page_bounds(request)
    everybody = who.operator and not request.headers.get(TEAM_HEADER)
    team = None if everybody else who.team
    entries = await run_in_threadpool(services.catalog.list_audit, team, limit=limit, before=before)
    names = {one.id: one.name for one in await run_in_threadpool(services.catalog.list_teams)}
    full = len(entries) == limit
    body = {
        "entries": [_described(entry, names) for entry in entries],
        "next": str(entries[-1].id) if full else None,
    }
    headers = {"Cache-Control": "no-store"}
    return Response(encode_value(body), headers=headers, media_type="application/json")


def page_bounds(request: Request) -> tuple[int, int | None]:
    """Return how many entries are wanted, and the id that they must be below.

    Raises:
        BadInput: names the parameter and the reason.
    """
    parameters = request.query_params
    for name in parameters:
        if name not in ("limit", "cursor"):
            raise BadInput(name[:60], "no such parameter; there are 'limit' and 'cursor'")
    limit = _number(parameters.get("limit", str(_LIMIT)), "limit")
    if not 1 <= limit <= _LIMIT_MAX:
        raise BadInput("limit", f"must be 1 to {_LIMIT_MAX}")
    cursor = parameters.get("cursor")
    return limit, None if cursor is None else _number(cursor, "cursor")


def _number(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise BadInput(field, "must be a whole number")
    return int(text)


def _described(entry: AuditEntry, names: dict[Any, str]) -> dict[str, Any]:
    return {
        "id": entry.id,
        "time": label(entry.at_us, _UTC),
        "who": entry.who,
        "team": names.get(entry.team),
        "action": entry.action,
        "target": entry.target,
        "detail": entry.detail,
    }
