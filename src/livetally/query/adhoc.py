"""A metric that nobody has declared, for one question.

In the flow: receives an event type and an aggregate from ``api``, hands back the team's definitions
with one metric more.
Guarantee: read by the rules that a declared metric is read by, so that what is explored answers the
same after it was saved; nothing is stored.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from livetally.definitions import read_json, to_json
from livetally.errors import BadInput, DefinitionProblem, InvalidDefinition
from livetally.query.declared import Declared

__all__ = ["ADHOC", "with_adhoc"]

ADHOC = "explore"
"""What the metric is called in the answer."""

# Of the same question the same object is returned, so that its answer is found again.
_KEPT = 64


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
    return Declared((*declared.applications, application))


def _parameter(problem: DefinitionProblem) -> str:
    """Return which of the three is wrong; what is missing has no place of its own."""
    named = problem.key.rpartition(".")[2]
    if named in ("event", "aggregate", "value"):
        return named
    return "value" if "'value'" in problem.reason else "event"


def _event(declared: Declared, name: str) -> dict[str, Any]:
    for application in reversed(declared.applications):
        if name in application.events:
            found: dict[str, Any] = to_json(application)["event"]
            return {name: found.get(name, {})}
    return {}
