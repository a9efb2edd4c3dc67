"""The routes, put together.

In the flow: built by ``server.build`` around ``Services``; everything a client can reach is listed
here.
Guarantee: every error of every route becomes problem details; every answer carries the headers that
keep a browser from guessing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livetally.api import (
    alerts,
    audit,
    backups,
    definitions,
    entities,
    erasures,
    explore,
    health,
    keys,
    metrics,
    quota,
    raw_events,
    session,
    sinks,
    sources,
    verify,
    versions,
)
from livetally.api.answers import encode_value
from livetally.api.asked import path_parts
from livetally.api.body import Disconnected
from livetally.api.events import post_events
from livetally.api.live import get_live, once_or_live
from livetally.api.openapi import docs_page, openapi
from livetally.api.problem import problem_response
from livetally.api.published import serve_published
from livetally.api.services import Services
from livetally.errors import LivetallyError, MethodNotAllowed, UnknownName

__all__ = ["Asgi", "WayIn", "build_app"]

_JSON = "application/json"
_WAY_IN = "/v1/events"
_Endpoint = Callable[[Scope, Receive, Send, Services], Awaitable[None]]
_Once = Callable[[Request], Awaitable[Response]]

_DEFINITIONS = (
    Route("/v1/definitions", definitions.list_definitions),
    Route("/v1/definitions/{application}", definitions.get_definition),
    Route("/v1/definitions/{application}", definitions.put_definition, methods=["PUT"]),
    Route("/v1/definitions/{application}", definitions.delete_definition, methods=["DELETE"]),
    Route("/v1/definitions/{application}/versions", versions.list_versions),
    Route("/v1/definitions/{application}/versions/{version}", versions.get_version),
)
_KEPT = (
    Route("/v1/events", erasures.delete_events, methods=["DELETE"]),
    Route("/v1/erasures", erasures.list_erasures),
    Route("/v1/backups", backups.list_backups),
    Route("/v1/backups", backups.take_backup, methods=["POST"]),
    Route("/v1/alerts", alerts.list_alerts),
    Route("/v1/alerts/{name}", alerts.get_alert),
    Route("/v1/alerts/{name}/changes", alerts.list_changes),
    Route("/v1/sources", sources.list_sources),
    Route("/v1/sources/{name}", sources.get_source),
    Route("/v1/sources/{name}", sources.change_source, methods=["PATCH"]),
    Route("/v1/sources/{name}/{action}", sources.command_source, methods=["POST"]),
)


class Asgi:
    """A plain ASGI endpoint: its errors become problems as long as nothing was sent."""

    def __init__(self, endpoint: _Endpoint, services: Services) -> None:
        """Answer by ``endpoint``, which is given ``services``."""
        self._endpoint = endpoint
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._endpoint(scope, receive, watched, self._services)
        except Disconnected:
            return
        except Exception as error:
            if started:
                raise
            await problem_response(error)(scope, receive, send)


class WayIn:
    """Sends the busiest request straight to its endpoint, and all others to the router.

    The router and its middlewares cost as much as everything else that is done for one event.
    """

    def __init__(self, router: ASGIApp, services: Services) -> None:
        """Stand before ``router``."""
        self._router = router
        self._way_in = Asgi(post_events, services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope.get("path") == _WAY_IN and scope.get("method") == "POST":
            await self._way_in(scope, receive, send)
        else:
            await self._router(scope, receive, send)


class _Fallback(Asgi):
    """What is asked when no route takes a request; what is no request is refused as before."""

    def __init__(self, endpoint: _Endpoint, services: Services, otherwise: ASGIApp) -> None:
        super().__init__(endpoint, services)
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serve = super().__call__ if scope["type"] == "http" else self._otherwise
        await serve(scope, receive, send)


class _Root(Route):
    """``/`` for programs: what a definition publishes there, unless a browser asks for a page."""

    def __init__(self, services: Services) -> None:
        super().__init__("/", Asgi(serve_published, services), methods=["GET"])
        self._services = services

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match is not Match.FULL or "text/html" in Headers(scope=scope).get("accept", ""):
            return Match.NONE, {}
        published = self._services.definitions.published().find([""])
        return (Match.NONE, {}) if published is None else (match, child)


class _OfKey(Route):
    """A path with an entity's key in it, which may hold a slash, written %2F."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or b"%2f" not in (scope.get("raw_path") or b"").lower():
            return super().matches(scope)
        wanted, parts = self.path.strip("/").split("/"), path_parts(scope)
        named = {name: part for name, part in zip(wanted, parts, strict=False) if name[0] == "{"}
        if [named.get(name, name) for name in wanted] != parts or not all(parts):
            return Match.NONE, {}
        given = {name[1:-1]: part for name, part in named.items()}
        child = {"endpoint": self.endpoint, "path_params": given}
        full = not self.methods or scope["method"] in self.methods
        return Match.FULL if full else Match.PARTIAL, child


def build_app(services: Services, console: Sequence[BaseRoute] = ()) -> Starlette:
    """Build the ASGI application; ``console`` are the routes of the web console."""

    def plain(path: str, endpoint: _Endpoint, method: str) -> Route:
        return Route(path, Asgi(endpoint, services), methods=[method])

    def either(path: str, once: _Once, kind: type[Route] = Route) -> Route:
        return kind(path, Asgi(once_or_live(once), services), methods=["GET"])

    routes: list[BaseRoute] = [
        plain(_WAY_IN, post_events, "POST"),
        either("/v1/events", raw_events.list_events),
        either("/v1/entities/{entity}", entities.list_entities),
        either("/v1/entities/{entity}/{key}", entities.get_entity, _OfKey),
        either("/v1/entities/{entity}/{key}/events", entities.entity_history, _OfKey),
        _OfKey("/v1/entities/{entity}/{key}/actions/{action}", entities.act, methods=["POST"]),
        Route("/v1/metrics", metrics.list_metrics),
        plain("/v1/metrics/{name}", metrics.get_metric, "GET"),
        plain("/v1/live", get_live, "GET"),
        Route("/v1/verify", verify.post_verify, methods=["POST"]),
        Route("/v1/sinks", sinks.list_sinks),
        Route("/v1/sinks/{name}/rebuild", sinks.rebuild_sink, methods=["POST"]),
        *_DEFINITIONS,
        *_KEPT,
        either("/v1/explore", explore.explore),
        Route("/v1/teams", keys.list_teams),
        Route("/v1/teams", keys.create_team, methods=["POST"]),
        Route("/v1/teams/{name}", keys.change_team, methods=["PATCH"]),
        Route("/v1/keys", keys.list_keys),
        Route("/v1/keys", keys.create_key, methods=["POST"]),
        Route("/v1/keys/{id}", keys.revoke_key, methods=["DELETE"]),
        Route("/v1/keys/{id}/rotate", keys.rotate_key, methods=["POST"]),
        Route("/v1/session", session.get_session),
        Route("/v1/session", session.create_session, methods=["POST"]),
        Route("/v1/session", session.end_session, methods=["DELETE"]),
        Route("/v1/stream-tokens", session.create_stream_token, methods=["POST"]),
        Route("/v1/quota", quota.get_quota),
        Route("/v1/audit", audit.list_audit),
        Route("/v1/session/link", session.create_link, methods=["POST"]),
        Route("/signin", session.sign_in_by_link),
        Route("/openapi.json", _openapi),
        Route("/docs", _docs),
        Route("/healthz", health.healthz),
        Route("/readyz", health.readyz),
        Route("/metrics", health.metrics),
        _Root(services),
        *console,
    ]
    handlers = {
        LivetallyError: _on_error,
        HTTPException: _on_http,
        Disconnected: _on_disconnect,
        Exception: _on_error,
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.state.services = services
    # What no route takes may be a path that a definition publishes.
    app.router.default = _Fallback(serve_published, services, app.router.default)
    return app


async def _openapi(request: Request) -> Response:
    return Response(encode_value(openapi(request.app.state.services.version)), media_type=_JSON)


async def _docs(request: Request) -> Response:
    page = docs_page(request.app.state.services.version)
    headers = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
    return Response(page, headers=headers, media_type="text/html")


async def _on_error(_request: Request, error: Exception) -> Response:
    return problem_response(error)


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    return Response(status_code=499)


async def _on_http(request: Request, error: Exception) -> Response:
    """Answer for what the router itself refuses: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return problem_response(UnknownName("path", "resource", request.url.path[:200]))
    allowed = _allowed(request) or error.headers or {}
    if request.method == "OPTIONS" and allowed:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=allowed)
    response = problem_response(MethodNotAllowed(f"{request.method} is not possible here."))
    response.headers.update(allowed)
    return response


def _allowed(request: Request) -> dict[str, str]:
    """Return the header that names every method of the path: each route knows its own only."""
    methods: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return {"Allow": ", ".join(sorted({*methods, "OPTIONS"}))} if methods else {}
