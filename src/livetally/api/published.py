"""Takes every request that none of the own routes takes to what a definition publishes there.

In the flow: stands behind the routes of ``app``, asks the registry's table whose path it is.
Guarantee: a path that no definition publishes is 404 whatever the method; one look-up decides,
which costs as much as the path has parts.
"""

from __future__ import annotations

from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from livetally.api.inlets import take
from livetally.api.problem import problem_response
from livetally.api.published_answers import answer_published
from livetally.api.published_commands import obey
from livetally.api.services import Services
from livetally.definitions import Answer, Command, Inlet
from livetally.errors import MethodNotAllowed, UnknownName

__all__ = ["serve_published"]

_PARTS_MAX = 17
_SERVED = {Inlet: take, Answer: answer_published, Command: obey}


async def serve_published(scope: Scope, receive: Receive, send: Send, services: Services) -> None:
    """Serve a request to a path that a definition publishes.

    Raises:
        UnknownName: no definition publishes this path.
    """
    written = scope.get("raw_path") or scope["path"].encode()
    # Split before it is decoded: a slash within a part is written %2F.
    parts = written.decode("latin-1").removeprefix("/").split("/", _PARTS_MAX)
    found = services.definitions.published().find([unquote(part) for part in parts])
    if found is None:
        raise UnknownName("path", "resource", scope["path"][:200])
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    target = found.by_method.get(method)
    if target is None:
        allowed = ", ".join(sorted(found.by_method))
        told = f"{scope['method'][:20]} is not possible here, only {allowed}."
        refusal = problem_response(MethodNotAllowed(told))
        refusal.headers["Allow"] = allowed
        await refusal(scope, receive, send)
        return
    await _SERVED[type(target[0].target)](scope, receive, send, services, *target)
