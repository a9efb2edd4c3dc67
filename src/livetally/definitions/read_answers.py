"""Reads ``[answer.NAME]``: paths that answer in the shape that an existing client expects.

In the flow: receives the definition's root ``Table``, the statistics, the entities and the look-up
tables from ``reading``, hands back published answers.

Guarantee: an answer that came out of a definition without problems asks about something that is
declared, with parameters that exist.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from livetally.definitions.entity import Entity
from livetally.definitions.inlet import Answer, AuthKind
from livetally.definitions.metric import Statistics
from livetally.definitions.question_templates import (
    QuestionTemplate,
    read_conditions,
    read_names,
)
from livetally.definitions.read_auth import read_auth
from livetally.definitions.read_map import read_template
from livetally.definitions.route_paths import read_path
from livetally.definitions.table import Table
from livetally.mapping import Lookups, Template

__all__ = ["read_answers"]

_OF_METRIC: Final = (
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
)
_OF_ENTITIES: Final = ("where", "sort", "limit", "cursor")
_Values = Mapping[str, Collection[str] | None]


def read_answers(
    root: Table,
    application: str,
    statistics: Statistics,
    entities: Mapping[str, Entity],
    lookups: Lookups,
) -> dict[str, Answer]:
    """Read the published answers by name."""
    answers: dict[str, Answer] = {}
    for name, table in root.named("answer"):
        for key in ("title", "description"):
            table.text(key)
        path = read_path(table, "GET")
        if path.method not in ("GET", "POST"):
            table.problem("an answer takes GET or POST: it changes nothing", "method")
        auth = read_auth(table)
        if auth.kind is AuthKind.HMAC and path.method == "GET":
            table.problem("a signature is made of a body, which GET has not", "auth")
        metric, entity = _asked(table, statistics, entities)
        values: _Values = {"param": path.params, "query": None, "body": None}
        asked_for = _key(table, metric, values, lookups)
        parameters = _parameters(table, metric, entities.get(entity), values, lookups)
        body = None
        if "body" in table:
            body = read_template(
                table.raw("body"), table, "body", {**values, "answer": None}, lookups
            )
        answers[name] = Answer(
            name,
            application,
            root.table("answer").raw(name),
            path,
            auth,
            metric,
            entity,
            asked_for,
            parameters,
            body,
            lookups,
        )
        table.finish()
    return answers


def _asked(table: Table, statistics: Statistics, entities: Mapping[str, Entity]) -> tuple[str, str]:
    """Return the metric or the entity that is asked about."""
    metric, entity = table.text("metric"), table.text("entity")
    if bool(metric) == bool(entity):
        table.problem("takes one of 'metric' and 'entity': what does it answer about?")
    elif metric and metric not in statistics:
        table.problems.unknown((*table.path, "metric"), "metric", metric, statistics)
    elif entity and entity not in entities:
        table.problems.unknown((*table.path, "entity"), "entity", entity, entities)
    return metric, entity


def _key(table: Table, metric: str, values: _Values, lookups: Lookups) -> Template | None:
    """Return the key of the entity that is asked for; None when it is not given."""
    if "key" not in table:
        return None
    if metric:
        table.problem("belongs to an entity; a metric is narrowed by parameters", "key")
    elif "parameters" in table:
        table.problem("can't be given with a key, which asks for one", "parameters")
    return read_template(table.text("key"), table, "key", values, lookups)


def _parameters(
    table: Table, metric: str, entity: Entity | None, values: _Values, lookups: Lookups
) -> dict[str, QuestionTemplate]:
    """Return the parameters of the question by name."""
    parameters: dict[str, QuestionTemplate] = {}
    known = _OF_METRIC if metric else _OF_ENTITIES
    below = table.table("parameters")
    for name in below.given():
        raw: Any = below.raw(name)
        if name not in known:
            table.problems.unknown((*below.path, name), "parameter", name, known)
        elif isinstance(raw, dict):
            below.problem("must be a text, a number or a list of texts", name)
        elif (template := read_template(raw, below, name, values, lookups)) is not None:
            match name:
                case "where":
                    fields = None if metric or entity is None else entity.fields
                    parameters[name] = read_conditions(raw, below, fields)
                case "by":
                    parameters[name] = read_names(raw)
                case _:
                    parameters[name] = template
    return parameters
