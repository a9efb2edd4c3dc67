"""What operators do over HTTP, as the OpenAPI document describes it: sinks, erasures, backups.

In the flow: read by ``openapi``, which puts them among the others.
Guarantee: plain data; a test compares it with the routes.
"""

from __future__ import annotations

from typing import Any

__all__ = ["UPKEEP"]

UPKEEP: tuple[tuple[str, str, str, tuple[str, ...], str | None, Any, tuple[int, ...]], ...] = (
    ("get", "/v1/sinks", "Say how the sinks are", (), None, "object", (503,)),
    (
        "post",
        "/v1/sinks/{name}/rebuild",
        "Fill a sink's table anew",
        (),
        None,
        "object",
        (404, 503),
    ),
    (
        "delete",
        "/v1/events",
        "Erase every event of a subject",
        ("subject",),
        None,
        "object",
        (400, 503),
    ),
    ("get", "/v1/erasures", "List the erasures, newest first", (), None, "object", (503,)),
    ("get", "/v1/backups", "List the backups of a place", ("place",), None, "object", (400, 503)),
    ("post", "/v1/backups", "Take a backup", (), "object", "lines", (400, 409, 503)),
)
