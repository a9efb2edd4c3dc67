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
from livetally.definitions import Command, Published
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
    done = [await _command(services, who, command, name) for name in command.sources]
    status, body = 200, b""
    if command.reply is None:
        body = encode_value({"sources": done})
    else:
        status = command.reply.status
        query = dict(QueryParams(scope["query_string"]))
        values = {"param": params, "query": query, "sources": done}
        if command.reply.body is not None:
            evaluator = Evaluator(values, params, {}, query, command.lookups)
            try:
                body = encode_value(command.reply.body.fill(values, evaluator))
            except ValueError as error:
                raise BadInput("reply", f"{error}; the command was done") from None
    headers = {"Cache-Control": "no-store"}
    response = Response(body, status, headers, media_type=JSON if body else None)
    await response(scope, receive, send)


async def _command(
    services: Services, who: Identity, command: Command, name: str
) -> dict[str, Any]:
    sources = {one.name: one for one in services.sources.declared(who.team)}
    if name not in sources:
        raise UnknownName("source", "source", name)
    action = command.action.value
    set_ = partial(
        services.sources.set,
        Declared(who.team, sources[name]),
        action,
        who.key_id,
        **COMMANDS[action],
    )
    return described_source(sources[name], await run_in_threadpool(set_))
