"""The shapes that the OpenAPI document names: parameters and bodies.

In the flow: read by ``openapi``.
Guarantee: a shape says what the decoder enforces, not more.
"""

from __future__ import annotations

from typing import Any

__all__ = ["PARAMETERS", "SCHEMAS"]

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}


def _in_query(name: str, what: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": what, "schema": schema, **more}


def _in_path(name: str, what: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "description": what, "required": True, "schema": schema}


def _choice(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _choice_or_none(*values: str) -> dict[str, Any]:
    """Describe a choice that may be left empty, which is as if it were not there."""
    return _choice(*values, "")


def _list() -> dict[str, Any]:
    return {"type": "array", "items": _TEXT}


PARAMETERS: dict[str, dict[str, Any]] = {
    "{name}": _in_path("name", "The metric, team or source."),
    "{entity}": _in_path("entity", "The entity's name in the definitions."),
    "{key}": _in_path("key", "Which one."),
    "{action}": _in_path(
        "action", "The action's name in the definitions; of a source: start, stop or run."
    ),
    "{application}": _in_path("application", "The application's name."),
    "{version}": _in_path("version", "Which version: 1, 2, 3 and so on."),
    "event": _in_query("event", "The event type.", _TEXT, required=True),
    "aggregate": _in_query("aggregate", "What is made of the events; `count` unless given.", _TEXT),
    "value": _in_query("value", "What is aggregated: a declared field of the data.", _TEXT),
    "{id}": _in_path("id", "The public part of the key."),
    "strict": _in_query("strict", "All or nothing.", _choice("true", "false")),
    "interval": _in_query(
        "interval",
        "Width of a bucket; without it one total.",
        _choice_or_none("minute", "hour", "day", "week", "month", "quarter", "year"),
    ),
    "from": _in_query("from", "First instant: a date or an RFC 3339 time.", _TEXT),
    "to": _in_query("to", "End, exclusive: a date or an RFC 3339 time.", _TEXT),
    "tz": _in_query("tz", "IANA time zone of buckets and dates; UTC by default.", _TEXT),
    "by": _in_query("by", "Dimensions, separated by commas.", _TEXT),
    "where": _in_query("where", "Filters such as `origin:JFK`.", _list(), explode=True),
    "fill": _in_query(
        "fill",
        "Whether buckets without events appear. Without `from` they begin where the events of the"
        " metric's types do, to a quarter of an hour; without events there are none. Without `to`"
        " they end with the bucket of now, or of a later event.",
        _choice_or_none("zero", "none"),
    ),
    "order": _in_query(
        "order", "Order of rows.", _choice_or_none("time", "-time", "value", "-value")
    ),
    "limit": _in_query("limit", "Most rows.", {"type": "integer", "minimum": 1}),
    "top": _in_query("top", "Keep the largest groups, join the others.", _COUNT),
    "compare": _in_query("compare", "Add the period before.", _choice_or_none("previous", "none")),
    "metric": _in_query("metric", "Names of metrics.", _list(), explode=True),
    "min_position": _in_query("min_position", "Answer at this commit or later.", _COUNT),
    "type": _in_query("type", "Event types, separated by commas.", _TEXT),
    "subject": _in_query("subject", "Only events about this subject.", _TEXT),
    "place": _in_query("place", "A directory of the server's machine.", _TEXT),
    "cursor": _in_query("cursor", "`next` of the page before.", _TEXT),
    "sort": _in_query("sort", "Field to sort by, `-` in front for largest first.", _TEXT),
    "q": _in_query(
        "q",
        "A question: `metrics/NAME?interval=day`, `explore?event=TYPE`, `entities/NAME`,"
        " `entities/NAME/KEY`, `events`.",
        {**_list(), "minItems": 1},
        explode=True,
        required=True,
    ),
    "last_event_id": _in_query("last_event_id", "Resume after this id.", _TEXT),
    "dry_run": _in_query("dry_run", "Only say what would change.", _choice("true", "false")),
    "shared": _in_query(
        "shared", "The definition of all teams; operators only.", _choice("true", "false")
    ),
    "team": _in_query("team", "`*` for all teams; operators only.", _choice("*")),
}

_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["type"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "minLength": 1, "maxLength": 100},
        "id": {"type": "string", "minLength": 1, "maxLength": 256},
        "source": {"type": "string", "maxLength": 256},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string", "maxLength": 1024},
        "data": {"type": "object"},
    },
}
_ROW = {
    "type": "object",
    "properties": {"time": {"type": "string", "format": "date-time"}, "value": {}},
}

SCHEMAS: dict[str, dict[str, Any]] = {
    "Event": _EVENT,
    "Events": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
    "CloudEvent": {
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1},
            "source": {"type": "string", "minLength": 1},
            "type": {"type": "string", "minLength": 1},
        },
    },
    "Receipt": {
        "type": "object",
        "required": ["position", "stored", "duplicates", "rejected"],
        "properties": {
            "position": _COUNT,
            "stored": _COUNT,
            "duplicates": _COUNT,
            "rejected": {"type": "array", "items": {"$ref": "#/components/schemas/Rejection"}},
            "conflicts": {"type": "array", "items": {"type": "object"}},
        },
    },
    "Rejection": {
        "type": "object",
        "required": ["index", "field", "error"],
        "properties": {"index": _COUNT, "field": _TEXT, "error": _TEXT},
    },
    "EventPage": {
        "type": "object",
        "required": ["position", "events", "next"],
        "properties": {
            "position": _COUNT,
            "events": {"type": "array", "items": {"type": "object"}},
            "next": {"type": ["string", "null"]},
        },
    },
    "Metrics": {
        "type": "object",
        "required": ["metrics"],
        "properties": {"metrics": {"type": "array", "items": {"type": "object"}}},
    },
    "Answer": {
        "type": "object",
        "required": ["metric", "interval", "tz", "from", "to", "position", "rows"],
        "properties": {"position": _COUNT, "rows": {"type": "array", "items": _ROW}},
    },
    "Entity": {
        "type": "object",
        "required": ["key", "fields", "events", "version"],
        "properties": {
            "key": _TEXT,
            "fields": {"type": "object"},
            "version": _COUNT,
            "actions": {
                "type": "array",
                "items": _TEXT,
                "description": "The actions that its state allows now.",
            },
        },
    },
    "EntityPage": {
        "type": "object",
        "required": ["entity", "position", "entities", "next"],
        "properties": {
            "position": _COUNT,
            "entities": {"type": "array", "items": {"$ref": "#/components/schemas/Entity"}},
            "next": {"type": ["string", "null"]},
        },
    },
    "NewTeam": {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {"name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"}},
    },
    "NewKey": {
        "type": "object",
        "required": ["scopes"],
        "additionalProperties": False,
        "properties": {
            "scopes": {"type": "array", "items": _choice("write", "read", "admin"), "minItems": 1},
            "name": _TEXT,
            "team": _TEXT,
            "operator": {"type": "boolean"},
            "expires_us": {"type": "integer"},
        },
    },
    "TeamChange": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "queries_per_hour": {"type": ["integer", "null"], "minimum": 1, "maximum": 100_000},
            "allowed_origins": {"type": "array", "items": _TEXT, "maxItems": 50},
        },
    },
    "SourceChange": {
        "type": "object",
        "required": ["schedule"],
        "additionalProperties": False,
        "properties": {
            "schedule": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": {"every": _TEXT, "cron": _TEXT, "tz": _TEXT, "jitter": _TEXT},
            }
        },
    },
    "NewStreamToken": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"expires_s": {"type": "integer", "minimum": 1}},
    },
    "Rotation": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"grace_s": {"type": "integer", "minimum": 0, "maximum": 7_776_000}},
    },
    "SignIn": {
        "type": "object",
        "required": ["key"],
        "additionalProperties": False,
        "properties": {"key": _TEXT},
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {"type": _TEXT, "title": _TEXT, "status": _COUNT, "detail": _TEXT},
    },
}
