"""Questions, from Python values to the parameters of a request.

In the flow: receives the arguments of ``query`` and ``watch``, hands a call to ``exchange`` or
``watching``.
Guarantee: a value in ``where`` means itself, whatever characters it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypedDict

import msgspec

from livetally.client.exchange import Call
from livetally.client.segments import segment
from livetally.errors import BadInput

__all__ = [
    "Asked",
    "AskedEntities",
    "AskedEvents",
    "Moment",
    "Where",
    "entities_question",
    "events_question",
    "question",
]

Moment: TypeAlias = str | date
"""A text that the server understands, a date, or a datetime with a zone."""

Where: TypeAlias = str | Sequence[str] | Mapping[str, Any]
"""Filters as texts (``carrier:UA``), or values by field; a list of values means any of them."""


class Asked(TypedDict, total=False):
    """What ``query`` and ``watch`` take besides the metric's name.

    Attributes:
        interval: ``minute`` to ``year``; without it, one total.
        start: first instant covered.
        end: where the range ends, itself not covered.
        tz: IANA name of the zone of the buckets and of dates; UTC without it.
        by: dimensions to group by.
        where: filters, all of which hold.
        fill: ``zero`` for buckets without events too.
        order: ``time``, ``-time``, ``value`` or ``-value``.
        limit: rows at most.
        top: keep so many groups, those with the largest values, and join the others into one row.
        compare: ``previous`` adds the values of the period before, which needs start and end.
        min_position: wait for this position, for example that of a receipt.
    """

    interval: str | None
    start: Moment | None
    end: Moment | None
    tz: str | None
    by: str | Iterable[str]
    where: Where
    fill: str | None
    order: str | None
    limit: int | None
    top: int | None
    compare: str | None
    min_position: int | None


class AskedEntities(TypedDict, total=False):
    """What ``watch_entities`` takes besides the entity's name.

    Attributes:
        key: only this one; the others do not go with it.
        where: filters on the entities' fields, all of which hold.
        sort: field to sort by, ``-`` in front for the largest first.
        limit: rows at most; 100 without it.
    """

    key: str | None
    where: Where
    sort: str | None
    limit: int | None


class AskedEvents(TypedDict, total=False):
    """What ``watch_events`` takes.

    Attributes:
        type: event types; all of them without it.
        subject: only events about this subject.
        start: first instant covered.
        end: where the range ends, itself not covered.
        tz: IANA name of the zone of dates; UTC without it.
        where: filters, all of which hold.
        limit: rows at most; 100 without it.
    """

    type: str | Iterable[str]
    subject: str | None
    start: Moment | None
    end: Moment | None
    tz: str | None
    where: Where
    limit: int | None


def entities_question(
    entity: str,
    *,
    key: str | None = None,
    where: Where = (),
    sort: str | None = None,
    limit: int | None = None,
) -> Call:
    """Return the call that asks for entities; the arguments are those of ``AskedEntities``.

    Raises:
        BadInput: an empty name or key, or a value in ``where`` that can't be compared with.
    """
    one = "" if key is None else f"/{segment(key, 'key')}"
    params = _given({"sort": sort, "limit": limit}, where)
    return Call("GET", f"/v1/entities/{segment(entity, 'entity')}{one}", params)


def events_question(
    *,
    type: str | Iterable[str] = (),  # noqa: A002 - what the contract calls it
    subject: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    tz: str | None = None,
    where: Where = (),
    limit: int | None = None,
) -> Call:
    """Return the call that asks for events; the arguments are those of ``AskedEvents``.

    Raises:
        BadInput: a datetime without a zone, or a value in ``where`` that can't be compared with.
    """
    texts = {
        "type": type if isinstance(type, str) else ",".join(type),
        "subject": subject,
        "from": None if start is None else _moment("start", start),
        "to": None if end is None else _moment("end", end),
        "tz": tz,
        "limit": limit,
    }
    return Call("GET", "/v1/events", _given(texts, where))


def question(
    metric: str,
    *,
    interval: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    tz: str | None = None,
    by: str | Iterable[str] = (),
    where: Where = (),
    fill: str | None = None,
    order: str | None = None,
    limit: int | None = None,
    top: int | None = None,
    compare: str | None = None,
    min_position: int | None = None,
) -> Call:
    """Return the call that asks for ``metric``; the arguments are those of ``Asked``.

    Raises:
        BadInput: an empty name, a datetime without a zone, or a value in ``where`` that can't be
            compared with.
    """
    texts = {
        "interval": interval,
        "from": None if start is None else _moment("start", start),
        "to": None if end is None else _moment("end", end),
        "tz": tz,
        "by": by if isinstance(by, str) else ",".join(by),
        "fill": fill,
        "order": order,
        "limit": limit,
        "top": top,
        "compare": compare,
        "min_position": min_position,
    }
    return Call("GET", f"/v1/metrics/{segment(metric, 'metric')}", _given(texts, where))


def _given(texts: Mapping[str, Any], where: Where) -> tuple[tuple[str, str], ...]:
    """Return the parameters that have a value."""
    params = [(name, str(text)) for name, text in texts.items() if text not in (None, "")]
    return (*params, *(("where", text) for text in _filters(where)))


def _moment(field: str, moment: Moment) -> str:
    if isinstance(moment, datetime) and moment.tzinfo is None:
        raise BadInput(field, "this datetime has no zone; give it one, such as datetime.UTC")
    return moment if isinstance(moment, str) else moment.isoformat()


def _filters(where: Where) -> list[str]:
    if isinstance(where, str):
        return [where]
    if not isinstance(where, Mapping):
        return list(where)
    return [_filter(field, wanted) for field, wanted in where.items()]


def _filter(field: str, wanted: Any) -> str:
    if wanted is None:
        return f"!{field}:*"
    many = isinstance(wanted, (list, tuple, set, frozenset))
    values = sorted(wanted, key=str) if many else [wanted]
    if not values:
        raise BadInput("where", f"no value is given for '{field}'")
    return f"{field}:{','.join(_value(field, value) for value in values)}"


def _value(field: str, value: Any) -> str:
    """Write a value in quotes, so that no comma, star or blank in it is read as grammar."""
    match value:
        case bool():
            text = "true" if value else "false"
        case str() | int() | float() | Decimal():
            text = str(value)
        case datetime():
            text = _moment("where", value)
        case _:
            raise BadInput("where", f"'{field}' can't be compared with {type(value).__name__}")
    return msgspec.json.encode(text).decode()
