"""What can be asked: addresses become questions, and questions live ones.

In the flow: receives paths and parameters from ``live``, hands it questions for the hub.
Guarantee: a question means the same at its own address and among many on one connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from starlette.datastructures import QueryParams
from starlette.types import Scope

from livetally.api.answers import encode_head, encode_rows, encode_value
from livetally.api.described import encode_entities, encode_events
from livetally.errors import BadInput
from livetally.live import EntitiesQuestion, MetricQuestion, Question, TailQuestion, Wire
from livetally.query import Declared, MetricQuery, Runner, parse_query
from livetally.query.adhoc import AdhocQuery, parse_adhoc
from livetally.query.entities import EntityQuery, entity_key, parse_entities, parse_entity
from livetally.query.parameters import Parameters
from livetally.query.raw import RawQuery, parse_history, parse_raw

__all__ = ["Ask", "live_question", "parameters_of", "path_parts", "read_path", "read_text"]

Ask: TypeAlias = MetricQuery | AdhocQuery | EntityQuery | RawQuery

_WIRE = Wire(encode_rows, encode_head)
_SHOWN_CHARS_MAX = 60


def parameters_of(query: QueryParams) -> dict[str, list[str]]:
    """Return each parameter's values in order."""
    parameters: dict[str, list[str]] = {}
    for name, value in query.multi_items():
        parameters.setdefault(name, []).append(value)
    return parameters


def read_text(text: str, declared: Declared) -> Ask:
    """Read a question that is written as its address is, ``metrics/NAME?interval=day``.

    Raises:
        BadInput: names the parameter and the reason.
    """
    parts = urlsplit(text)
    path = parts.path.strip("/").removeprefix("v1/")
    segments = [unquote(segment) for segment in path.split("/")]
    return read_path(segments, parse_qs(parts.query, keep_blank_values=True), declared)


def path_parts(scope: Scope) -> list[str]:
    """Return the parts of a request's path, decoded: a slash within one is written %2F."""
    written = scope.get("raw_path") or scope["path"].encode()
    return [unquote(part) for part in written.decode("latin-1").strip("/").split("/")]


def read_path(segments: Sequence[str], parameters: Parameters, declared: Declared) -> Ask:
    """Read a question from the parts of its path behind ``/v1/``, and its parameters.

    Raises:
        BadInput: names the parameter and the reason.
    """
    if "cursor" in parameters:
        raise BadInput("cursor", "what is live begins at its first row; leave it out")
    match segments:
        case ["metrics", name]:
            return parse_query(name, parameters)
        case ["explore"]:
            return parse_adhoc(parameters)
        case ["entities", entity]:
            return parse_entities(entity, parameters)
        case ["entities", entity, key]:
            return parse_entity(entity, key, parameters)
        case ["entities", entity, key, "events"]:
            asked = declared.entity(entity)
            return parse_history(asked, entity_key(asked, declared, key), parameters)
        case ["events"]:
            return parse_raw(parameters)
    shown = "/".join(segments)[:_SHOWN_CHARS_MAX]
    reason = (
        "write metrics/NAME?interval=day, explore?event=TYPE, entities/NAME?where=...,"
        " entities/NAME/KEY or events"
    )
    raise BadInput("q", f"'{shown}' can't be asked live; {reason}")


def live_question(ask: Ask, declared: Declared, team: int, epoch: str, runner: Runner) -> Question:
    """Return the live form of a question.

    Raises:
        UnknownName: there is no such metric or entity.
        BadInput: what is not declared can't be asked; names the parameter and the reason.
    """
    match ask:
        case MetricQuery():
            return MetricQuestion(ask, declared, team, epoch, runner, _WIRE)
        case AdhocQuery():
            # Of the same name are as many metrics as there are such questions.
            epoch = f"{epoch} {ask.mark}"
            return MetricQuestion(ask.query, ask.declared(declared), team, epoch, runner, _WIRE)
        case EntityQuery():
            return EntitiesQuestion(
                ask, declared, team, epoch, runner, encode_entities, _entities_head(ask)
            )
        case RawQuery():
            head = encode_value({"types": ask.types, "limit": ask.limit})[1:-1] + b","
            return TailQuestion(ask, declared, team, epoch, runner, encode_events, head)


def _entities_head(ask: EntityQuery) -> bytes:
    about = {"entity": ask.entity}
    more = {"limit": ask.limit} if ask.key is None else {"key": ask.key}
    return encode_value(about | more)[1:-1] + b","
