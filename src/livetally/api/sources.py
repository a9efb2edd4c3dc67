"""``/v1/sources``: what is fetched, when, how it went; starting, stopping, running, rescheduling.

In the flow: receives commands, hands them to ``sources.Keeper``, which obeys within a second.
Guarantee: a team sees and commands its own sources only; no answer holds a header's or a query's
value, which may be secret.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.answers import encode_value
from livetally.api.auth import identify
from livetally.api.body import pieces, read_whole
from livetally.api.services import Services
from livetally.calendar import find_zone, label
from livetally.definitions import Source, nearest
from livetally.errors import BadInput, UnknownName, UnreadableBody
from livetally.sources import Declared, Known, ScheduleText
from livetally.store.catalog import SourceState
from livetally.tenancy import Identity, Scope

__all__ = [
    "COMMANDS",
    "change_source",
    "command_source",
    "described_source",
    "get_source",
    "list_sources",
]

_UTC = find_zone("UTC")
_BYTES_MAX = 16 * 1024
COMMANDS: dict[str, dict[str, Any]] = {
    "start": {"running": True},
    "stop": {"running": False, "wanted": False},
    "run": {"wanted": True},
}
"""What each command changes."""


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    """A change of a source; a schedule of null means the definition's."""

    schedule: ScheduleText | None


async def list_sources(request: Request) -> Response:
    """Return the team's sources."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    states = await run_in_threadpool(services.sources.states, who.team)
    listed = services.sources.declared(who.team)
    workers = [msgspec.structs.asdict(one) for one in services.sources.workers]
    described = [described_source(one, states.get(one.name)) for one in listed]
    return _json({"sources": described, "workers": workers})


async def get_source(request: Request) -> Response:
    """Return one source."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    source = _named(services, who, request.path_params["name"])
    states = await run_in_threadpool(services.sources.states, who.team)
    return _json(described_source(source, states.get(source.name)))


async def command_source(request: Request) -> Response:
    """Start, stop or run a source; it happens within a second."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    source = _named(services, who, request.path_params["name"])
    action = request.path_params["action"]
    if action not in COMMANDS:
        raise UnknownName("action", "action", action[:60], nearest(action, COMMANDS))
    command = partial(
        services.sources.set, Declared(who.team, source), action, who.key_id, **COMMANDS[action]
    )
    state = await run_in_threadpool(command)
    return _json(described_source(source, state))


async def change_source(request: Request) -> Response:
    """Give a source another schedule, or with null the definition's again."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    source = _named(services, who, request.path_params["name"])
    body = await read_whole(pieces(request.receive), _BYTES_MAX)
    try:
        change = msgspec.json.decode(body, type=_Change)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableBody(f"The body can't be read: {error}.") from None
    if change.schedule == ScheduleText():
        raise BadInput("schedule", "give 'every' or 'cron', or null for the definition's")
    state = await run_in_threadpool(
        services.sources.set,
        Declared(who.team, source),
        "schedule",
        who.key_id,
        schedule=change.schedule or ScheduleText(),
    )
    return _json(described_source(source, state))


def _named(services: Services, who: Identity, name: str) -> Source:
    sources = {one.name: one for one in services.sources.declared(who.team)}
    if name not in sources:
        raise UnknownName("name", "source", name[:64], nearest(name, sources))
    return sources[name]


def described_source(source: Source, state: SourceState | None) -> dict[str, Any]:
    """Return a source as it is shown; one that was never looked at yet has no past."""
    own = ScheduleText() if state is None or not state.schedule else _schedule(state.schedule)
    described: dict[str, Any] = {
        "name": source.name,
        "application": source.application,
        "title": source.title,
        "description": source.description,
        "url": source.url.partition("?")[0],
        "running": source.start if state is None else state.running,
        "schedule": own.read().text if own != ScheduleText() else source.schedule.text,
        "schedule_of": _schedule_of(source, own),
    }
    if state is None:
        return described
    known = msgspec.json.decode(state.known, type=Known) if state.known else Known()
    return described | {
        "wanted": state.wanted,
        "fetching": state.holder is not None,
        "held_by": state.holder,
        "next": _time(state.next_us) if state.running else None,
        "last": _time(state.last_us),
        "last_ok": _time(state.last_ok_us),
        "last_error": state.last_error or None,
        "failures": state.failures,
        "runs": state.runs,
        "stored": state.stored,
        "duplicates": state.duplicates,
        "rejected": state.rejected,
        "cursor": known.cursor,
    }


def _schedule_of(source: Source, own: ScheduleText) -> str:
    if source.messages is not None:
        return "messages"
    return "person" if own != ScheduleText() else "definition"


def _schedule(text: str) -> ScheduleText:
    return msgspec.json.decode(text, type=ScheduleText)


def _time(us: int | None) -> str | None:
    return None if us is None else label(us, _UTC)


def _json(body: Any) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(encode_value(body), headers=headers, media_type="application/json")
