"""Reads ``[alert.NAME]``: bounds on metrics, and who is told when they are crossed.

In the flow: receives the definition's root ``Table``, the ``Scope`` and the statistics from
``reading``, hands back alerts.

Guarantee: an alert that came out of a definition without problems can begin, can end, and names no
secret.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from livetally.definitions.alert import Alert, AlertKind, AlertTarget, AlertTargetKind
from livetally.definitions.metric import Metric, Statistics
from livetally.definitions.read_auth import read_secret
from livetally.definitions.read_schedule import length_s
from livetally.definitions.read_where import read_where
from livetally.definitions.scope import Scope
from livetally.definitions.table import Table
from livetally.errors import BadInput

__all__ = ["read_alerts"]

_TARGETS_MAX: Final = 10
_EVERY_S: Final = 60
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")


def read_alerts(
    root: Table, application: str, scope: Scope, statistics: Statistics
) -> dict[str, Alert]:
    """Read the alerts by name."""
    alerts: dict[str, Alert] = {}
    for name, table in root.named("alert"):
        alert = _alert(name, application, table, scope, statistics)
        table.finish()
        if alert is not None:
            alerts[name] = alert
    return alerts


def _alert(
    name: str, application: str, table: Table, scope: Scope, statistics: Statistics
) -> Alert | None:
    metric = table.text("metric")
    if metric not in statistics:
        scope.problems.unknown((*table.path, "metric"), "metric", metric, statistics)
    where = read_where(table)
    scope.filters(where, _events(metric, statistics))
    window_s = _length(table, "window", None)
    every_s = _length(table, "every", _EVERY_S)
    hold_s = _length(table, "for", 0)
    targets = tuple(
        target
        for entry in table.elements("notify", _TARGETS_MAX)
        if (target := _target(entry)) is not None
    )
    title = table.text("title")
    given = [kind for kind in AlertKind if kind.value in table]
    if len(given) != 1:
        table.problem(f"needs one of {', '.join(AlertKind)}: what is too much, or too little?")
        for key in (*given, "clear"):
            table.raw(key)
        return None
    kind = given[0]
    bound = _number(table, kind.value)
    clear = _number(table, "clear") if "clear" in table else bound
    if bound is None or clear is None or window_s is None:
        return None
    if (clear < bound) if kind is AlertKind.BELOW else (clear > bound):
        table.problem("lies on the bad side of the bound: it would end as it begins", "clear")
    return Alert(
        name,
        application,
        metric,
        kind,
        bound,
        clear,
        window_s,
        every_s or _EVERY_S,
        hold_s or 0,
        tuple(condition for _, condition in where),
        targets,
        title,
    )


def _events(metric: str, statistics: Statistics) -> tuple[str, ...]:
    found = statistics.get(metric)
    if isinstance(found, Metric):
        return tuple(dict.fromkeys(term.event for term in found.terms))
    return ()


def _length(table: Table, key: str, default: int | None) -> int | None:
    text = table.text(key)
    if not text:
        if default is None:
            table.problem(f"'{key}' is missing, such as '15 minutes': how far back does it look?")
        return default
    try:
        return length_s(text, key)
    except BadInput as error:
        table.problem(error.reason, key)
        return None


def _number(table: Table, key: str) -> float | None:
    value = table.raw(key)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return float(value)
    table.problem("must be a number", key)
    return None


def _target(table: Table) -> AlertTarget | None:
    """Read who is told: ``{ webhook = "env:NAME", secret = "env:NAME" }``, ``{ email = ... }``."""
    given = [kind for kind in AlertTargetKind if kind.value in table]
    target = None
    if len(given) != 1:
        table.problem("needs one of 'webhook' and 'email'")
    elif given[0] is AlertTargetKind.WEBHOOK:
        url = read_secret(table, "webhook")
        secret = read_secret(table) if "secret" in table else ""
        target = AlertTarget(AlertTargetKind.WEBHOOK, url, secret)
    else:
        address = table.text("email")
        if not _ADDRESS.fullmatch(address):
            table.problem("is not an e-mail address", "email")
        target = AlertTarget(AlertTargetKind.EMAIL, address)
    table.finish()
    return target
