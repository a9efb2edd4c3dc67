"""``/v1/entities``: the state of things, their history, and what can be done to them.

In the flow: receives parameters and actions, asks ``query.entities``, sends an action's event
through ``ingest`` like any other.
Guarantee: an action is refused when the entity's state forbids it, also when two people act at
once: actions on one entity run one after the other, each on the state that the last one left.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.answers import encode_value
from livetally.api.asked import parameters_of
from livetally.api.auth import identify
from livetally.api.body import pieces, read_whole
from livetally.api.described import described_entity, entity_columns
from livetally.api.pages import Page, page_response
from livetally.api.quota import charge
from livetally.api.raw_events import event_page
from livetally.api.services import Services
from livetally.calendar import find_zone, label
from livetally.definitions import Entity, nearest
from livetally.errors import BadInput, UnknownName, UnreadableBody
from livetally.event import Decoded, Incoming, new_id
from livetally.query.actions import action_data, require_allowed, with_key
from livetally.query.entities import (
    EntityQuery,
    EntityState,
    ask_entity_page,
    entity_key,
    entity_needs,
    entity_shapes,
    one_entity,
    parse_entities,
    parse_entity,
)
from livetally.query.raw import ask_raw, parse_history
from livetally.tenancy import Identity, Scope

__all__ = [
    "Locks",
    "act",
    "entity_history",
    "entity_page",
    "entity_state",
    "get_entity",
    "list_entities",
]

_BYTES_MAX = 64 * 1024
_UTC = find_zone("UTC")


class Locks:
    """One lock for each entity that is being acted on; forgotten with the last action."""

    def __init__(self) -> None:
        """Start with none."""
        self._held: WeakValueDictionary[tuple[int, str, str], asyncio.Lock] = WeakValueDictionary()

    def of(self, team: int, entity: str, key: str) -> asyncio.Lock:
        """Return the lock of one entity."""
        lock = self._held.get((team, entity, key))
        if lock is None:
            lock = self._held[(team, entity, key)] = asyncio.Lock()
        return lock


_locks = Locks()


async def list_entities(request: Request) -> Response:
    """Return a page of entities."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    query = parse_entities(request.path_params["entity"], parameters_of(request.query_params))
    await services.writer.reached(query.min_position)
    left = await charge(services, who)
    shown = await entity_page(services, who, query)
    page = Page(
        "entities",
        shown["entities"],
        shown["position"],
        shown["next"] or "",
        {name: shown[name] for name in ("entity", "gone_before") if name in shown},
        ("first", "last"),
        entity_columns(services.definitions.declared(who.team).entity(query.entity)),
    )
    return page_response(request, page, left)


async def entity_page(services: Services, who: Identity, query: EntityQuery) -> dict[str, Any]:
    """Return a page of entities as it is shown."""
    position = services.writer.position
    declared = services.definitions.declared(who.team)
    page = await services.runner.call(ask_entity_page, query, declared, who.team)
    return {
        "entity": query.entity,
        "position": position,
        **_gone(services, who, query.entity),
        "entities": [described_entity(state) for state in page.states],
        "next": page.next or None,
    }


def _gone(services: Services, who: Identity, entity: str) -> dict[str, str]:
    """Say before when events are gone that the states of an entity would have followed from."""
    declared = services.definitions.declared(who.team)
    asked = declared.entity(entity)
    horizons = services.runner.horizons
    needs = entity_needs(asked, declared) if horizons.thinned else None
    at_us = horizons.gone_before(who.team, asked.events, None, needs)
    return {} if at_us is None else {"gone_before": label(at_us, _UTC)}


async def get_entity(request: Request) -> Response:
    """Return one entity."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    name, key = request.path_params["entity"], request.path_params["key"]
    query = parse_entity(name, key, parameters_of(request.query_params))
    await services.writer.reached(query.min_position)
    left = await charge(services, who)
    position = services.writer.position
    state = await entity_state(services, who, name, key)
    if state is None:
        raise UnknownName("key", name, key)
    return _json(
        {"position": position, **_gone(services, who, name), **described_entity(state)}, left
    )


async def entity_history(request: Request) -> Response:
    """Return a page of the events that an entity's state follows from, newest first."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    declared = services.definitions.declared(who.team)
    entity = declared.entity(request.path_params["entity"])
    key = entity_key(entity, declared, request.path_params["key"])
    query = parse_history(entity, key, parameters_of(request.query_params))
    await services.writer.reached(query.min_position)
    left = await charge(services, who)
    position = services.writer.position
    page = await services.runner.call(ask_raw, query, declared, who.team)
    return page_response(request, event_page(page, position), left)


async def act(request: Request) -> Response:
    """Do something to an entity: check that its state allows it, then append the event."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.WRITE)
    name = request.path_params["entity"]
    declared = services.definitions.declared(who.team)
    entity = declared.entity(name)
    # One entity has one lock, however its key is written.
    key = entity_key(entity, declared, request.path_params["key"])
    action_name = request.path_params["action"]
    action = entity.actions.get(action_name)
    if action is None:
        hint = nearest(action_name, entity.actions)
        raise UnknownName("action", "action", action_name, hint)
    given = await _given(request)
    async with _locks.of(who.team, name, key), services.turn(f"{who.team} {name} {key}"):
        await services.writer.reached(0)
        state = await entity_state(services, who, name, key)
        require_allowed(action, action_name, state, entity_shapes(entity, declared))
        data = action_data(action, key, state, who.key_id, given)
        fields = declared.events[action.event].fields if action.event in declared.events else {}
        event = _event(entity, action.event, key, with_key(data, entity, fields, key), who)
        event.id = new_id(services.clock.now_us())
        accepted = await services.intake.accept(
            who.team, Decoded([event], [0], []), _BYTES_MAX, strict=True
        )
    if accepted.rejected:
        first = accepted.rejected[0]
        raise BadInput(first.field, first.error)
    body = {"position": accepted.position, "stored": accepted.stored, "id": event.id}
    return _json({**body, "duplicates": accepted.duplicates, "rejected": []})


async def entity_state(
    services: Services, who: Identity, name: str, key: str
) -> EntityState | None:
    """Return the state of one entity, None when no event has its key."""
    declared = services.definitions.declared(who.team)
    query = one_entity(name, key)
    page = await services.runner.call(ask_entity_page, query, declared, who.team)
    return page.states[0] if page.states else None


async def _given(request: Request) -> dict[str, Any]:
    body = await read_whole(pieces(request.receive), _BYTES_MAX)
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UnreadableBody("Send the action's parameters as a JSON object.") from None


def _event(entity: Entity, kind: str, key: str, data: dict[str, Any], who: Identity) -> Incoming:
    """Build the event; its data has the key already where the entity reads it from there."""
    caller = msgspec.json.encode({"actor": who.key_id}).decode()
    return Incoming(
        type=kind,
        source="action",
        subject=key if entity.key == "subject" else "",
        data=msgspec.Raw(encode_value(data)),
        attributes=caller,
    )


def _json(body: dict[str, Any], left: dict[str, str] | None = None) -> Response:
    headers = {"Cache-Control": "private, no-cache", **(left or {})}
    return Response(encode_value(body), headers=headers, media_type="application/json")
