"""What a process whose role is ``loader`` answers: supervisors and monitors, and nobody else.

In the flow: put before the routes by ``build``.
Guarantee: a client that was sent here by mistake is told where to go.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from livetally.api.problem import problem_response
from livetally.errors import NotHere

__all__ = ["OperationsOnly"]

_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class OperationsOnly:
    """Passes on what supervisors and monitors ask."""

    def __init__(self, app: ASGIApp) -> None:
        """Pass it on to ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"] not in _PATHS:
            await problem_response(NotHere(None))(scope, receive, send)
        else:
            await self._app(scope, receive, send)
