"""Published commands: a path of the user's choice that starts, stops or runs sources.

In the flow: receives a request from ``published``, commands ``sources.Keeper`` as ``/v1/sources``
does, and answers as the definition says.
Guarantee: what was answered is written down, and outlives the server; the audit log says which path
it came by.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from livetally.api.answers import encode_value
from livetally.api.body import pieces, read_whole
from livetally.api.doors import admitted
from livetally.api.services import Services
from livetally.api.sources import COMMANDS, described_source
from livetally.api.tables import JSON
from livetally.definitions import Command, Published, Source
from livetally.errors import BadInput, UnknownName
from livetally.mapping import Evaluator
from livetally.sources import Declared
from livetally.tenancy import Identity
from livetally.tenancy import Scope as KeyScope

__all__ = ["obey"]

_BODY_BYTES_MAX = 64 * 1024


async def obey(
    scope: Scope,
    receive: Receive,
    send: Send,
    services: Services,
    published: Published,
    params: dict[str, str],
) -> None:
    """Do what a client's command says.

    Raises:
        LivetallyError: answered by the caller as problem details.
    """
    command = published.target
    assert isinstance(command, Command)
    sent = await read_whole(pieces(receive), _BODY_BYTES_MAX)
    who = await admitted(scope, services, published, KeyScope.ADMIN, sent)
    declared = {one.name: one for one in services.sources.declared(who.team)}
    if missing := [name for name in command.sources if name not in declared]:
        raise UnknownName("source", "source", missing[0])
    sources = [declared[name] for name in command.sources]

    def reply(described: list[dict[str, Any]]) -> bytes:
        return _reply(command, scope, params, described)

    states = await run_in_threadpool(services.sources.states, who.team)
    # A reply that can't be filled is found before anything is done.
    reply([described_source(one, states.get(one.name)) for one in sources])
    body = reply([await _commanded(services, who, command, one) for one in sources])
    status = 200 if command.reply is None else command.reply.status
    headers = {"Cache-Control": "no-store"}
    response = Response(body, status, headers, media_type=JSON if body else None)
    await response(scope, receive, send)


def _reply(
    command: Command, scope: Scope, params: dict[str, str], described: list[dict[str, Any]]
) -> bytes:
    """Return the body that a client is answered with.

    Raises:
        BadInput: what the client sent is not what the reply needs.
    """
    if command.reply is None:
        return encode_value({"sources": described})
    if command.reply.body is None:
        return b""
    query = dict(QueryParams(scope["query_string"]))
    values = {"param": params, "query": query, "sources": described}
    evaluator = Evaluator(values, params, {}, query, command.lookups)
    try:
        return encode_value(command.reply.body.fill(values, evaluator))
    except ValueError as error:
        raise BadInput("reply", str(error)) from None


async def _commanded(
    services: Services, who: Identity, command: Command, source: Source
) -> dict[str, Any]:
    action = command.action.value
    set_ = partial(
        services.sources.set,
        Declared(who.team, source),
        action,
        who.key_id,
        **COMMANDS[action],
    )
    return described_source(source, await run_in_threadpool(set_))
