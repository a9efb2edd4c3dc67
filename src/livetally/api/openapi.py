"""``/openapi.json`` and ``/docs``: what a client may send and will get.

In the flow: built once from the tables below, served by ``app``.
Guarantee: every route under ``/v1`` is in here (a test compares), and every status that it answers.

Source: OpenAPI 3.1; RFC 9457 for the problem schema.
"""

from __future__ import annotations

from html import escape
from typing import Any

from livetally.api.openapi_operating import UPKEEP
from livetally.api.openapi_shapes import PARAMETERS, SCHEMAS
from livetally.api.problem import PROBLEM_TYPE

__all__ = ["docs_page", "openapi"]

_JSON = "application/json"
_NDJSON = "application/x-ndjson"
_EVENT_STREAM = "text/event-stream"
_TEXTS = {"stream": _EVENT_STREAM, "lines": _NDJSON}
_FURTHER_MEDIA = {
    "Answer": ("text/csv", "application/vnd.apache.arrow.stream", _EVENT_STREAM),
    "Entity": (_EVENT_STREAM,),
    "EntityPage": ("text/csv", "application/vnd.apache.arrow.stream", _EVENT_STREAM),
    "EventPage": ("text/csv", "application/vnd.apache.arrow.stream", _EVENT_STREAM),
    "Explored": ("text/csv",),
    "Version": ("application/toml",),
}

_REASONS = {
    200: "Done.",
    201: "Made.",
    204: "Done; no content.",
    303: "Go on to the console.",
    304: "Unchanged.",
    400: "The request can't be understood; `detail` says why.",
    401: "A key is needed.",
    403: "The key may not do this.",
    404: "There is no such thing; `nearest` may name what was meant.",
    405: "The resource does not take this method.",
    406: "`Accept` refuses every form that there is.",
    409: "The entity's state does not allow it.",
    413: "The body is too large.",
    415: "The media type is not taken.",
    422: "Nothing of it could be done; `detail` says what to change.",
    429: "A quota is used up; `Retry-After` says when to come back.",
    503: "Not possible now; nothing was lost; `Retry-After` says when to come back.",
}

# method, path, summary, tag, parameters, body, answer (schema or media types), further statuses
_Operation = tuple[str, str, str, tuple[str, ...], str | None, Any, tuple[int, ...]]

_EVENT_BODIES = {
    _JSON: {
        "oneOf": [{"$ref": "#/components/schemas/Event"}, {"$ref": "#/components/schemas/Events"}]
    },
    _NDJSON: {"type": "string", "description": "One event in JSON on each line."},
    "application/cloudevents+json": {"$ref": "#/components/schemas/CloudEvent"},
    "application/cloudevents-batch+json": {
        "type": "array",
        "items": {"$ref": "#/components/schemas/CloudEvent"},
    },
}
_QUESTION = (
    "interval",
    "from",
    "to",
    "tz",
    "by",
    "where",
    "fill",
    "order",
    "limit",
    "top",
    "compare",
    "min_position",
)
_PAGE = ("where", "limit", "cursor", "min_position")

_OPERATIONS: tuple[_Operation, ...] = (
    (
        "post",
        "/v1/events",
        "Send events",
        ("strict",),
        "events",
        "Receipt",
        (400, 413, 415, 422, 503),
    ),
    (
        "get",
        "/v1/events",
        "Read raw events, newest first, once or live",
        ("type", "subject", "from", "to", "tz", *_PAGE),
        None,
        "EventPage",
        (304, 400, 406, 422, 503),
    ),
    ("get", "/v1/metrics", "List the metrics", (), None, "Metrics", (503,)),
    (
        "get",
        "/v1/metrics/{name}",
        "Ask a metric, once or live",
        _QUESTION,
        None,
        "Answer",
        (304, 400, 404, 406, 422, 429, 503),
    ),
    (
        "post",
        "/v1/verify",
        "Recompute metrics from raw events and compare",
        ("metric", "from", "to"),
        None,
        "lines",
        (400, 404, 503),
    ),
    (
        "get",
        "/v1/live",
        "Ask many questions live",
        ("q", "last_event_id"),
        None,
        "stream",
        (400, 429, 503),
    ),
    (
        "get",
        "/v1/entities/{entity}",
        "List entities, once or live",
        ("sort", *_PAGE),
        None,
        "EntityPage",
        (304, 400, 404, 406, 422, 503),
    ),
    (
        "get",
        "/v1/entities/{entity}/{key}",
        "Read one entity, once or live",
        ("min_position",),
        None,
        "Entity",
        (400, 404, 422, 503),
    ),
    (
        "get",
        "/v1/entities/{entity}/{key}/events",
        "Read an entity's history, once or live",
        ("from", "to", "tz", *_PAGE),
        None,
        "EventPage",
        (304, 400, 404, 406, 422, 503),
    ),
    (
        "post",
        "/v1/entities/{entity}/{key}/actions/{action}",
        "Do something to an entity",
        (),
        "object",
        "Receipt",
        (400, 404, 409, 413, 422, 503),
    ),
    *UPKEEP,
    ("get", "/v1/definitions", "List the definitions", (), None, "object", (503,)),
    ("get", "/v1/definitions/{application}", "Read a definition", (), None, "object", (404, 503)),
    (
        "put",
        "/v1/definitions/{application}",
        "Apply a definition",
        ("dry_run",),
        "definition",
        "object",
        (400, 413, 415, 503),
    ),
    ("get", "/v1/alerts", "List the alerts", (), None, "object", (503,)),
    ("get", "/v1/alerts/{name}", "Read an alert", (), None, "object", (404, 503)),
    (
        "get",
        "/v1/alerts/{name}/changes",
        "Read when an alert fired and ended, and who was told",
        ("limit", "cursor"),
        None,
        "object",
        (400, 404, 503),
    ),
    (
        "delete",
        "/v1/definitions/{application}",
        "Take a definition away",
        ("dry_run", "shared"),
        None,
        "object",
        (400, 404, 503),
    ),
    ("get", "/v1/sources", "List the sources", (), None, "object", (503,)),
    ("get", "/v1/sources/{name}", "Read a source", (), None, "object", (404, 503)),
    (
        "patch",
        "/v1/sources/{name}",
        "Change a source's schedule",
        (),
        "SourceChange",
        "object",
        (400, 404, 413, 503),
    ),
    (
        "post",
        "/v1/sources/{name}/{action}",
        "Start, stop or run a source",
        (),
        None,
        "object",
        (400, 404, 503),
    ),
    (
        "get",
        "/v1/definitions/{application}/versions",
        "List the versions of a definition",
        (),
        None,
        "object",
        (404, 503),
    ),
    (
        "get",
        "/v1/definitions/{application}/versions/{version}",
        "Read a version as it was applied",
        (),
        None,
        "Version",
        (404, 503),
    ),
    (
        "get",
        "/v1/explore",
        "Ask about an event type without declaring a metric",
        ("event", "aggregate", "value", *_QUESTION),
        None,
        "Explored",
        (400, 406, 422, 429, 503),
    ),
    ("get", "/v1/teams", "List the teams", (), None, "object", (503,)),
    ("post", "/v1/teams", "Make a team", (), "NewTeam", "object", (400, 413, 503)),
    (
        "patch",
        "/v1/teams/{name}",
        "Change a team's settings",
        (),
        "TeamChange",
        "object",
        (400, 404, 413, 503),
    ),
    ("get", "/v1/keys", "List the keys", ("team",), None, "object", (400, 503)),
    ("post", "/v1/keys", "Make a key", (), "NewKey", "object", (400, 404, 413, 503)),
    ("delete", "/v1/keys/{id}", "Revoke a key", (), None, "object", (400, 404, 503)),
    (
        "post",
        "/v1/keys/{id}/rotate",
        "Replace a key",
        (),
        "Rotation",
        "object",
        (400, 404, 413, 503),
    ),
    ("get", "/v1/session", "Say who is signed in", (), None, "object", (503,)),
    ("post", "/v1/session", "Sign in with a key", (), "SignIn", None, (400, 413, 503)),
    ("delete", "/v1/session", "Sign out", (), None, None, (503,)),
    (
        "post",
        "/v1/stream-tokens",
        "Make a token for live streams",
        (),
        "NewStreamToken",
        "object",
        (400, 413, 503),
    ),
    ("get", "/v1/quota", "Say how many questions are left", (), None, "object", (503,)),
    ("get", "/v1/audit", "Read who did what", ("limit", "cursor"), None, "object", (400, 503)),
    ("post", "/v1/session/link", "Make a one-time sign-in link", (), None, "object", (404, 503)),
)
_CREATED = frozenset(
    {"/v1/teams", "/v1/keys", "/v1/keys/{id}/rotate", "/v1/session/link", "/v1/stream-tokens"}
)
_OPTIONAL_BODIES = frozenset({"object", "NewStreamToken", "Rotation"})


def openapi(version: str) -> dict[str, Any]:
    """Return the OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in _OPERATIONS:
        paths.setdefault(operation[1], {})[operation[0]] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Livetally",
            "version": version,
            "description": "Turns a stream of events into live statistics.",
        },
        "security": [{"bearer": []}, {"header": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
            "schemas": SCHEMAS,
        },
    }


def docs_page(version: str) -> str:
    """Return the same as a page for people: no script, no style of another host."""
    rows = "".join(
        f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(summary)}</td><td>{escape(', '.join(parameters))}</td></tr>"
        for method, path, summary, parameters, *_ in _OPERATIONS
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Livetally API</title>"
        f"<h1>Livetally {escape(version)}: HTTP interface</h1>"
        '<p>For machines: <a href="/openapi.json">openapi.json</a>.</p>'
        "<table><thead><tr><th>Method<th>Path<th>What<th>Parameters</thead>"
        f"<tbody>{rows}</tbody></table></html>"
    )


def _described(operation: _Operation) -> dict[str, Any]:
    method, path, summary, names, body, answer, statuses = operation
    in_path = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [PARAMETERS[f"{{{name}}}"] for name in in_path]
    parameters += [PARAMETERS[name] for name in names]
    described: dict[str, Any] = {
        "summary": summary,
        "operationId": method + "".join(c if c.isalnum() else "_" for c in path),
        "parameters": parameters,
        "responses": _responses(method, path, answer, statuses),
    }
    if body is not None:
        described["requestBody"] = {
            "required": body not in _OPTIONAL_BODIES,
            "content": _body(body),
        }
    if path == "/v1/session" and method == "post":
        described["security"] = []
    return described


def _body(name: str) -> dict[str, Any]:
    if name == "events":
        return {media: {"schema": schema} for media, schema in _EVENT_BODIES.items()}
    if name == "definition":
        text = {"schema": {"type": "string"}}
        return {"application/toml": text, _JSON: {"schema": {"type": "object"}}}
    return {_JSON: {"schema": _schema(name)}}


def _responses(
    method: str, path: str, answer: str | None, statuses: tuple[int, ...]
) -> dict[str, Any]:
    done = 200 if answer is not None else 204
    if method == "post" and path in _CREATED:
        done = 201
    problem = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses: dict[str, Any] = {str(done): {"description": _REASONS[done]}}
    if answer is not None:
        kinds = _answered_as(answer)
        responses[str(done)]["content"] = {
            media: {"schema": shape} for media, shape in kinds.items()
        }
    # Of every route: no key, not allowed, no such team or too many wrong keys, no catalog.
    for status in sorted({401, 403, 404, 429, 503, *statuses}):
        responses[str(status)] = {"description": _REASONS[status]}
        if status >= 400:  # noqa: PLR2004 - from here on HTTP means errors
            responses[str(status)]["content"] = problem
    return responses


def _answered_as(answer: str) -> dict[str, dict[str, Any]]:
    """Return the media types of an answer, each with its schema."""
    text = {"type": "string"}
    if answer in _TEXTS:
        return {_TEXTS[answer]: text}
    return {_JSON: _schema(answer)} | dict.fromkeys(_FURTHER_MEDIA.get(answer, ()), text)


def _schema(name: str) -> dict[str, Any]:
    if name in ("object", "Version"):
        return {"type": "object"}
    name = "Answer" if name == "Explored" else name
    return {"$ref": f"#/components/schemas/{name}"}
