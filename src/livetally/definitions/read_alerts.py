"""Reads ``[alert.NAME]``: bounds on metrics, and who is told when they are passed.

In the flow: receives the definition's root ``Table``, the ``Scope`` and the statistics from
``reading``, hands back alerts.

Guarantee: an alert that came out of a definition without problems can fire and can end; no secret
stands in a definition, only the name of the variable that holds it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from livetally.definitions.alert import Alert, Channel, ChannelKind, Measure
from livetally.definitions.metric import Metric, Ratio, Statistics
from livetally.definitions.plain import jsonable
from livetally.definitions.read_schedule import length_s
from livetally.definitions.read_where import read_where
from livetally.definitions.scope import Scope
from livetally.definitions.table import Table
from livetally.errors import BadInput

__all__ = ["read_alerts"]

_CHANNELS_MAX: Final = 10
_DAY_S: Final = 86_400
# No setting of the server's own, such as its root key, is sent anywhere.
_VARIABLE: Final = re.compile(r"env:(?!LIVETALLY_)[A-Za-z_][A-Za-z0-9_]{0,99}")
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\\]{1,64}@[A-Za-z0-9.-]{1,190}")
_ADDRESS_CHARS_MAX: Final = 254
_SUBJECT: Final = re.compile(r"[A-Za-z0-9_-]{1,60}([.][A-Za-z0-9_-]{1,60}){0,15}")


def read_alerts(
    root: Table, application: str, scope: Scope, statistics: Statistics
) -> dict[str, Alert]:
    """Read the alerts by name."""
    alerts: dict[str, Alert] = {}
    for name, table in root.named("alert"):
        raw = jsonable(root.table("alert").raw(name))
        metric = table.text("metric")
        _check_metric(table, metric, scope, statistics)
        where = read_where(table)
        scope.filters(where, _events(metric, statistics))
        above, below, clear = _bound(table)
        alerts[name] = Alert(
            name=name,
            application=application,
            metric=metric,
            window_s=_length(table, "window", 0),
            where=tuple(condition for _, condition in where),
            measure=table.choice("measure", Measure, required=False) or Measure.VALUE,
            above=above,
            below=below,
            clear=clear,
            hold_s=_length(table, "for", 0, required=False),
            every_s=_length(table, "every", 30, required=False, most_s=_DAY_S),
            notify=_channels(table),
            raw=raw,
            title=table.text("title"),
            description=table.text("description"),
        )
        table.finish()
    return alerts


def _check_metric(table: Table, metric: str, scope: Scope, statistics: Statistics) -> None:
    if not metric:
        table.problem("'metric' is missing: what is looked at?")
    elif metric not in statistics:
        scope.problems.unknown((*table.path, "metric"), "metric", metric, statistics)


def _events(name: str, statistics: Statistics) -> tuple[str, ...]:
    """Return the event types that a metric counts."""
    match statistics.get(name):
        case Ratio() as ratio:
            both = (ratio.numerator, ratio.denominator)
            return tuple(dict.fromkeys(kind for one in both for kind in _events(one, statistics)))
        case Metric() as metric:
            return tuple(dict.fromkeys(term.event for term in metric.terms))
        case _:
            return ()


def _length(
    table: Table, key: str, default: int, *, required: bool = True, most_s: int = 366 * _DAY_S
) -> int:
    text = table.text(key)
    if not text:
        if required:
            table.problem(f"'{key}' is missing: a length of time such as '1 hour'")
        return default
    try:
        seconds = length_s(text, key)
    except BadInput as error:
        table.problem(error.reason, key)
        return default
    if seconds > most_s:
        table.problem(f"must be at most {most_s} seconds", key)
    return seconds


def _bound(table: Table) -> tuple[Decimal | None, Decimal | None, Decimal]:
    above, below, clear = (_number(table, key) for key in ("above", "below", "clear"))
    if ("above" in table) == ("below" in table):
        table.problem("needs one of 'above' and 'below': which value is one too many or too few?")
        return above, None, Decimal(0)
    bound = above if above is not None else below
    if bound is None:
        return above, below, Decimal(0)
    if clear is None:
        return above, below, bound
    if above is not None and clear > above:
        table.problem("must be at most 'above': it is the value at which the alert ends", "clear")
    if below is not None and clear < below:
        table.problem("must be at least 'below': it is the value at which the alert ends", "clear")
    return above, below, clear


def _number(table: Table, key: str) -> Decimal | None:
    value = table.raw(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        table.problem("must be a number", key)
        return None
    return Decimal(value)


def _channels(table: Table) -> tuple[Channel, ...]:
    channels: list[Channel] = []
    for below in table.elements("notify", _CHANNELS_MAX):
        given = [kind for kind in ChannelKind if kind.value in below]
        if len(given) != 1:
            below.problem("needs one of 'webhook', 'email' and 'nats': who is told?")
            for key in ChannelKind:
                below.raw(key)
            below.raw("secret")
        else:
            channels.append(_channel(below, given[0]))
        below.finish()
    return tuple(channels)


def _channel(table: Table, kind: ChannelKind) -> Channel:
    to, secret = table.text(kind.value), ""
    if to.startswith("env:"):
        if not _VARIABLE.fullmatch(to):
            table.problem("must be env: and the name of a variable", kind.value)
    elif kind is ChannelKind.EMAIL:
        if not _ADDRESS.fullmatch(to) or len(to) > _ADDRESS_CHARS_MAX or not to.isascii():
            table.problem("must be an address such as ops@example.org", kind.value)
    elif kind is ChannelKind.NATS:
        if not _SUBJECT.fullmatch(to) or to.startswith("livetally."):
            table.problem("must be a subject such as alerts.shop, not one of our own", "nats")
    else:
        _check_url(table, to)
    if kind is ChannelKind.WEBHOOK:
        secret = table.text("secret")
        if secret and not _VARIABLE.fullmatch(secret):
            table.problem("is a secret: write 'env:NAME' and set that variable", "secret")
    return Channel(kind, to, secret)


def _check_url(table: Table, url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read only here: a wrong one raises
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        table.problem("must be an address that begins with https:// or http://", "webhook")
    elif parts.username or parts.password:
        table.problem("holds a password; put the address into a variable: 'env:NAME'", "webhook")
