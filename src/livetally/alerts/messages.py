"""What is said about a change of an alert's state: as JSON for programs, as text for people.

In the flow: written by ``keeper`` when a state changes, sent by ``couriers``.
Guarantee: a message holds all that is needed to act on it, and no secret.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from livetally.alerts.judge import State, Verdict
from livetally.calendar import find_zone, label
from livetally.definitions import Alert, Measure, format_filter

__all__ = ["body_of", "subject_of", "text_of"]

_UTC = find_zone("UTC")
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def body_of(alert: Alert, verdict: Verdict, value: Decimal | None, position: int) -> str:
    """Return the JSON of a message; ``position`` is the commit that the value is true at."""
    said = {
        "type": f"alert.{verdict.state.value}",
        "alert": alert.name,
        "application": alert.application,
        "title": alert.title,
        "description": alert.description,
        "state": verdict.state.value,
        "metric": alert.metric,
        "where": [format_filter(one) for one in alert.where],
        "window_seconds": alert.window_s,
        "measure": alert.measure.value,
        "condition": alert.condition,
        "value": None if value is None else f"{value:f}",
        "time": label(verdict.since_us, _UTC),
        "position": position,
    }
    return msgspec.json.encode(said).decode()


def subject_of(body: dict[str, Any]) -> str:
    """Return the one line that says what happened, without line ends."""
    word = "firing" if body["state"] == State.FIRING else "over"
    named = body["title"] or body["alert"]
    return " ".join(f"[{word}] {named}: {body['metric']} is {_value(body)}".split())


def text_of(body: dict[str, Any]) -> str:
    """Return a message for people."""
    lines = [
        subject_of(body),
        "",
        *([body["description"], ""] if body["description"] else []),
        f"Alert      {body['alert']} ({body['application']})",
        f"Metric     {body['metric']} over the last {_length(body['window_seconds'])}",
        *(f"Where      {one}" for one in body["where"]),
        f"Condition  {body['condition']}",
        f"Value      {_value(body)}",
        f"Time       {body['time']}",
    ]
    return "\n".join(lines) + "\n"


def _value(body: dict[str, Any]) -> str:
    value = body["value"]
    if value is None:
        return "unknown"
    if body["measure"] == Measure.CHANGE:
        return f"{Decimal(value):+.1f} % against the {_length(body['window_seconds'])} before"
    return str(value)


def _length(seconds: int) -> str:
    for unit_s, name in _UNITS:
        if seconds % unit_s == 0:
            count = seconds // unit_s
            return name if count == 1 else f"{count} {name}s"
    raise AssertionError(seconds)
