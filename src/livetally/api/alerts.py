"""``/v1/alerts``: in which state each alert of the team is, and the notices that were sent.

In the flow: reads the team's definitions and what ``store.catalog`` remembers.
Guarantee: a team's administrator sees that team's only; no URL of a webhook is in an answer.
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.answers import encode_value
from livetally.api.auth import identify
from livetally.api.services import Services
from livetally.calendar import find_zone, label
from livetally.definitions import Alert
from livetally.errors import BadInput
from livetally.store.catalog import AlertState, Notice
from livetally.tenancy import Scope

__all__ = ["list_alerts", "list_notices"]

_UTC = find_zone("UTC")
_LIMIT = 100
_LIMIT_MAX = 1_000
_DIGITS_MAX = 18
_NEVER = AlertState("ok", 0, 0)


async def list_alerts(request: Request) -> Response:
    """Return the team's alerts by name."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    states = await run_in_threadpool(services.catalog.alert_states)
    declared = services.definitions.declared(who.team).applications
    alerts = sorted(
        (alert for application in declared for alert in application.alerts.values()),
        key=lambda alert: alert.name,
    )
    body = [_described(one, states.get((who.team, one.name), _NEVER)) for one in alerts]
    return _json({"alerts": body})


async def list_notices(request: Request) -> Response:
    """Return the history of the team's alerts, newest first, page by page."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    for name in request.query_params:
        if name not in ("limit", "cursor"):
            raise BadInput(name[:60], "no such parameter; there are 'limit' and 'cursor'")
    limit = _number(request.query_params.get("limit", str(_LIMIT)), "limit")
    if not 1 <= limit <= _LIMIT_MAX:
        raise BadInput("limit", f"must be 1 to {_LIMIT_MAX}")
    cursor = request.query_params.get("cursor")
    before = None if cursor is None else _number(cursor, "cursor")
    found = await run_in_threadpool(
        lambda: services.catalog.list_notices(who.team, limit=limit, before=before)
    )
    full = len(found) == limit
    body = {
        "notices": [_told(one) for one in found],
        "next": str(found[-1].id) if full else None,
    }
    return _json(body)


def _described(alert: Alert, state: AlertState) -> dict[str, Any]:
    return {
        "name": alert.name,
        "title": alert.title or alert.name,
        "application": alert.application,
        "metric": alert.metric,
        alert.kind.value: alert.bound,
        "clear": alert.clear,
        "window_seconds": alert.window_s,
        "state": state.state,
        "since": label(state.since_us, _UTC) if state.changes else None,
        "changes": state.changes,
    }


def _told(notice: Notice) -> dict[str, Any]:
    delivered = notice.delivered_us
    return {
        "id": notice.id,
        "alert": notice.name,
        "state": notice.state,
        "time": label(notice.at_us, _UTC),
        "value": float(notice.value) if notice.value else None,
        "message": notice.message,
        "target": notice.target or None,
        "delivered": None if delivered is None else label(delivered, _UTC),
        "attempts": notice.attempts,
        "error": notice.last_error or None,
    }


def _number(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise BadInput(field, "must be a whole number")
    return int(text)


def _json(body: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(encode_value(body), headers=headers, media_type="application/json")
