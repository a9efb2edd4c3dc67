"""A metric that nobody has declared, for one question.

In the flow: receives an event type and an aggregate from ``api``, hands back the team's definitions
with one metric more.
Guarantee: read by the rules that a declared metric is read by, so that what is explored answers the
same after it was saved; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from livetally.definitions import Application, read_json, to_json
from livetally.errors import BadInput, DefinitionProblem, InvalidDefinition
from livetally.query.declared import Declared
from livetally.query.spec import MetricQuery, parse_query

__all__ = ["ADHOC", "AdhocQuery", "parse_adhoc", "with_adhoc"]

ADHOC = "explore"
"""What the metric is called in the answer."""

_CHARS_MAX = 200
# Of the same question the same object is returned, so that its answer is found again.
_KEPT = 64


class AdhocQuery(NamedTuple):
    """A question about a metric that is declared for it alone.

    Attributes:
        query: about the metric ``ADHOC``.
        event, aggregate, value: what that is; "" for no value.
    """

    query: MetricQuery
    event: str
    aggregate: str
    value: str

    @property
    def mark(self) -> str:
        """What tells its metric from that of another question."""
        return f"{self.event}\0{self.aggregate}\0{self.value}"

    @property
    def min_position(self) -> int:
        """The position that the answer has to have reached."""
        return self.query.min_position

    def declared(self, known: Declared) -> Declared:
        """Return the team's definitions with the metric. Half a millisecond, the first time.

        Raises:
            BadInput: names the parameter and the reason.
        """
        return with_adhoc(known, self.event, self.aggregate, self.value)


def parse_adhoc(parameters: Mapping[str, Sequence[str]]) -> AdhocQuery:
    """Read a question from its parameters: what it is about, and those of a metric's question.

    Raises:
        BadInput: names the parameter and the reason.
    """
    left = dict(parameters)
    event, aggregate, value = (_taken(left, name) for name in ("event", "aggregate", "value"))
    if not event:
        raise BadInput("event", "is missing: which type of event is it about?")
    return AdhocQuery(parse_query(ADHOC, left), event, aggregate or "count", value)


def _taken(parameters: dict[str, Sequence[str]], name: str) -> str:
    values = parameters.pop(name, [])
    if len(values) > 1:
        raise BadInput(name, "is given more than once")
    text = values[0] if values else ""
    if len(text) > _CHARS_MAX:
        raise BadInput(name, f"has more than {_CHARS_MAX} characters")
    return text


@lru_cache(_KEPT)
def with_adhoc(declared: Declared, event: str, aggregate: str, value: str) -> Declared:
    """Return the definitions with a metric ``ADHOC`` over one event type.

    Args:
        declared: the team's definitions.
        event: the event type; one that is not declared can be counted.
        aggregate: as in a definition.
        value: what is aggregated; "" for none.

    Raises:
        BadInput: names the parameter and the reason.
    """
    metric = {"event": event, "aggregate": aggregate} | ({"value": value} if value else {})
    body = {"application": ADHOC, "event": _event(declared, event), "metric": {ADHOC: metric}}
    try:
        application = read_json(body, "the question")
    except InvalidDefinition as error:
        problem = error.problems[0]
        raise BadInput(_parameter(problem), problem.reason) from None
    return Declared((*declared.own, application), declared.shared)


def _parameter(problem: DefinitionProblem) -> str:
    """Return which of the three is wrong; what is missing has no place of its own."""
    named = problem.key.rpartition(".")[2]
    if named in ("event", "aggregate", "value"):
        return named
    return "value" if "'value'" in problem.reason else "event"


def _event(declared: Declared, name: str) -> dict[str, Any]:
    """Return the declaration of an event type, with the fields of every application."""
    found = declared.events.get(name)
    if found is None:
        return {}
    # How long it is kept is for those to say who declare it.
    bare = msgspec.structs.replace(found, keep_days=None, keep_data_days=None, keep_bytes=None)
    written: dict[str, Any] = to_json(Application(ADHOC, events={name: bare}))["event"]
    return written
