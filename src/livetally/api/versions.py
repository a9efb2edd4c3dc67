"""``/v1/definitions/{application}/versions``: what an application was before.

In the flow: reads the versions that ``store.catalog`` keeps of each definition.
Guarantee: an administrator sees the versions of the team acted for, or, where that has none of its
own, of the definition that holds for all teams; a version's text is as it was applied.

To go back to a version, apply its text again: so the plan is shown first, and the way back is one
more version.
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
from livetally.errors import UnknownName
from livetally.store.catalog import Definition
from livetally.tenancy import Scope

__all__ = ["get_version", "list_versions"]

_UTC = find_zone("UTC")
_DIGITS_MAX = 9


async def list_versions(request: Request) -> Response:
    """Return the versions of an application, newest first, without their texts.

    ``holds_for`` says whose is applied: ``team``, ``all teams``, or null when it was taken away.
    """
    versions, holds_for = await _history(request)
    body = {
        "application": request.path_params["application"],
        "holds_for": holds_for,
        "versions": [_described(version) for version in versions],
    }
    return Response(encode_value(body), headers=_FRESH, media_type="application/json")


async def get_version(request: Request) -> Response:
    """Return the text of one version, as it was applied."""
    versions, _ = await _history(request)
    text = request.path_params["version"]
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else 0
    found = next((one for one in versions if one.version == wanted), None)
    if found is None:
        name = request.path_params["application"]
        raise UnknownName("version", f"version of '{name}'", text[:_DIGITS_MAX])
    media = "application/json" if found.text.startswith("{") else "application/toml"
    return Response(found.text, headers=_FRESH, media_type=media)


_FRESH = {"Cache-Control": "no-store"}


async def _history(request: Request) -> tuple[list[Definition], str | None]:
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    name = request.path_params["application"]
    history = services.catalog.definition_history
    own = await run_in_threadpool(history, name, who.team)
    shared = await run_in_threadpool(history, name, None)
    if not own and not shared:
        raise UnknownName("application", "application", name[:64])
    holders = (("team", own), ("all teams", shared))
    held = (holder for holder, versions in holders if any(one.active for one in versions))
    return own or shared, next(held, None)


def _described(version: Definition) -> dict[str, Any]:
    return {
        "version": version.version,
        "applied": label(version.applied_us, _UTC),
        "by": version.applied_by,
        "active": version.active,
        "shared": version.team is None,
    }
