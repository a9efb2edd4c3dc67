"""``/v1/alerts``: what each alert is, what it was, and who was told.

In the flow: asked by clients and the console, asks ``alerts.Keeper``.
Guarantee: a team sees its own alerts only; of a channel an answer holds its kind and host or
address, never the rest of a URL, which may be secret.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.answers import encode_value
from livetally.api.audit import page_bounds
from livetally.api.auth import identify
from livetally.api.services import Services
from livetally.calendar import find_zone, label
from livetally.definitions import Alert, Channel, ChannelKind, format_filter, nearest
from livetally.errors import UnknownName
from livetally.store.catalog import AlertChange, AlertMessage, AlertState
from livetally.tenancy import Identity, Scope

__all__ = ["get_alert", "list_alerts", "list_changes"]

_UTC = find_zone("UTC")


async def list_alerts(request: Request) -> Response:
    """Return the team's alerts and their states."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    states = await run_in_threadpool(services.alerts.states, who.team)
    listed = services.alerts.declared(who.team)
    return _json({"alerts": [_described(one, states.get(one.name)) for one in listed]})


async def get_alert(request: Request) -> Response:
    """Return one alert."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    alert = _named(services, who, request.path_params["name"])
    states = await run_in_threadpool(services.alerts.states, who.team)
    return _json(_described(alert, states.get(alert.name)))


async def list_changes(request: Request) -> Response:
    """Return an alert's changes of state, newest first; of one that is gone as well."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    limit, before = page_bounds(request)
    name = request.path_params["name"]
    found = await run_in_threadpool(services.alerts.history, who.team, name, limit, before)
    if not found and before is None:
        _named(services, who, name)
    more = str(found[-1].id) if len(found) == limit else None
    return _json({"changes": [_change(one) for one in found], "next": more})


def _named(services: Services, who: Identity, name: str) -> Alert:
    alerts = {one.name: one for one in services.alerts.declared(who.team)}
    if name not in alerts:
        raise UnknownName("name", "alert", name[:64], nearest(name, alerts))
    return alerts[name]


def _described(alert: Alert, state: AlertState | None) -> dict[str, Any]:
    """Return an alert as it is shown; one that was never looked at is ok."""
    return {
        "name": alert.name,
        "application": alert.application,
        "title": alert.title,
        "description": alert.description,
        "metric": alert.metric,
        "where": [format_filter(one) for one in alert.where],
        "window_seconds": alert.window_s,
        "measure": alert.measure.value,
        "condition": alert.condition,
        "for_seconds": alert.hold_s,
        "every_seconds": alert.every_s,
        "notify": [_channel(one) for one in alert.notify],
        "state": "ok" if state is None else state.state,
        "since": None if state is None else _time(state.since_us),
        "value": None if state is None else state.value,
        "checked": None if state is None else _time(state.checked_us),
        "last_error": "" if state is None else state.last_error,
    }


def _change(change: AlertChange) -> dict[str, Any]:
    return {
        "id": change.id,
        "alert": change.name,
        "state": change.state,
        "value": change.value,
        "time": _time(change.at_us),
        "messages": [_message(one) for one in change.messages],
    }


def _message(message: AlertMessage) -> dict[str, Any]:
    return {
        "to": _channel(msgspec.json.decode(message.channel, type=Channel)),
        "attempts": message.attempts,
        "delivered": _time(message.delivered_us),
        "waiting": message.waiting,
        "last_error": message.last_error,
    }


def _channel(channel: Channel) -> str:
    """Return whom a channel reaches, in a few words."""
    to = channel.to
    if channel.kind is ChannelKind.WEBHOOK and not to.startswith("env:"):
        to = urlsplit(to).hostname or ""
    return f"{channel.kind.value} {to}"


def _time(us: int | None) -> str | None:
    return None if us is None else label(us, _UTC)


def _json(content: object) -> Response:
    return Response(
        encode_value(content),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
