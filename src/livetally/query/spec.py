"""The parameters of a request become a question about a metric.

In the flow: receives names and texts from ``api``, ``live`` and ``cli``, hands a ``MetricQuery`` to
``plan``.
Guarantee: every parameter is understood or refused by name; nothing is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from livetally.calendar import Interval, find_zone, parse_instant
from livetally.definitions import Filter, format_filter, nearest, parse_filters, parse_reference
from livetally.errors import BadInput
from livetally.query.parameters import whole_number

__all__ = ["MetricQuery", "parse_query", "require_range"]

LIMIT_MAX = 100_000
BY_MAX = 8
TOP_MAX = 100
_KNOWN = (
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
_ORDERS = ("time", "-time", "value", "-value")
# Members of a row that are no dimensions; "time" can't be one, it is an attribute.
_TAKEN = frozenset({"value", "previous", "other"})


class MetricQuery(NamedTuple):
    """A question: which metric, over which range, in which buckets, for whom.

    ``start_us`` and ``end_us`` (exclusive) are microseconds since 1970 UTC, None when open.
    ``interval`` None asks for one total. ``top`` keeps that many groups, those with the largest
    value over the whole range, and joins the others into one row. ``compare`` adds the values of
    the period before. ``min_position`` waits for that commit.
    """

    metric: str
    interval: Interval | None
    start_us: int | None
    end_us: int | None
    zone: ZoneInfo
    by: tuple[str, ...]
    where: tuple[Filter, ...]
    fill_zero: bool
    order: str
    limit: int | None
    min_position: int = 0
    top: int | None = None
    compare: bool = False

    @property
    def key(self) -> str:
        """A text that is the same for the same question, whatever the order of its filters."""
        filters = sorted(format_filter(one) for one in self.where)
        parts = (self.metric, self.interval, self.start_us, self.end_us, self.zone.key, self.by)
        return repr(
            (*parts, filters, self.fill_zero, self.order, self.limit, self.top, self.compare)
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the dimensions in an answer: as they were asked, where those are free."""
        return tuple(f"data.{name}" if name in _TAKEN else name for name in self.by)


def parse_query(metric: str, parameters: Mapping[str, Sequence[str]]) -> MetricQuery:
    """Read the parameters of ``GET /v1/metrics/{name}``.

    Args:
        metric: the metric's name, not yet known to exist.
        parameters: each parameter's values, in order.

    Raises:
        BadInput: names the parameter and the reason.
    """
    for name in parameters:
        if name not in _KNOWN:
            hint = nearest(name, _KNOWN)
            raise BadInput(name, f"no such parameter{f'; did you mean {hint!r}?' if hint else ''}")
    single = {name: _single(name, parameters) for name in _KNOWN if name not in ("where", "by")}
    zone = find_zone(single["tz"] or "UTC")
    start_us = _instant("from", single["from"], zone)
    end_us = _instant("to", single["to"], zone)
    require_range(start_us, end_us)
    query = MetricQuery(
        metric=metric,
        interval=Interval.parse(single["interval"]) if single["interval"] else None,
        start_us=start_us,
        end_us=end_us,
        zone=zone,
        by=_dimensions(parameters.get("by", ())),
        where=parse_filters(parameters.get("where", ())),
        fill_zero=_one_of("fill", single["fill"] or "none", ("zero", "none")) == "zero",
        order=_one_of("order", single["order"] or "time", _ORDERS),
        limit=_whole("limit", single["limit"], 1, LIMIT_MAX),
        min_position=_whole("min_position", single["min_position"], 0, 2**63 - 1) or 0,
        top=_whole("top", single["top"], 1, TOP_MAX),
        compare=_one_of("compare", single["compare"] or "none", ("previous", "none")) == "previous",
    )
    _check_together(query)
    return query


def require_range(start_us: int | None, end_us: int | None) -> None:
    """Go on only when there is something between two bounds, None when open.

    Raises:
        BadInput: there is nothing.
    """
    if start_us is not None and end_us is not None and start_us >= end_us:
        raise BadInput("to", "must be later than from (to is exclusive)")


def _check_together(query: MetricQuery) -> None:
    """Refuse parameters that mean nothing without another."""
    if query.top is not None and not query.by:
        raise BadInput("top", "keeps the largest groups, so it needs by")
    if query.compare and (query.start_us is None or query.end_us is None):
        raise BadInput(
            "compare", "needs from and to: the period before is as long as they are apart"
        )


def _single(name: str, parameters: Mapping[str, Sequence[str]]) -> str:
    values = parameters.get(name, ())
    if len(values) > 1:
        raise BadInput(name, "may be given once")
    return values[0] if values else ""


def _instant(name: str, text: str, zone: ZoneInfo) -> int | None:
    return parse_instant(text, zone, name) if text else None


def _dimensions(texts: Sequence[str]) -> tuple[str, ...]:
    names = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    dimensions = tuple(dict.fromkeys(parse_reference(name, "by") for name in names))
    if len(dimensions) > BY_MAX:
        raise BadInput("by", f"at most {BY_MAX} dimensions")
    if "time" in dimensions:
        raise BadInput("by", "time is divided by interval; a data field is 'data.time'")
    return dimensions


def _one_of(name: str, text: str, choices: Sequence[str]) -> str:
    if text not in choices:
        raise BadInput(name, f"must be one of {', '.join(choices)}")
    return text


def _whole(name: str, text: str, low: int, high: int) -> int | None:
    if not text:
        return None
    number = whole_number(text)
    if number is None or not low <= number <= high:
        raise BadInput(name, f"must be a whole number from {low} to {high}")
    return number
