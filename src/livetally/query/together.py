"""Questions that differ in the values of filters are asked as one, grouped by those values.

In the flow: used by ``live`` when many questions about one metric are touched at once.
Guarantee: the parts of the one answer are exactly what each question would be answered by itself:
the events that meet ``shop:a`` are the events of the group ``a``, whatever is computed of them.

Left alone are ratios, whose halves may read the field differently, and values for which equal is
not the same: numbers, decimals and times can be written in several ways, and no text is no subject.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from livetally.definitions import FieldType, Filter, Metric, Op, Value, read_literal
from livetally.query.adding import Amounts
from livetally.query.answer import AnswerRow
from livetally.query.conditions import reference_of
from livetally.query.declared import Declared
from livetally.query.spec import MetricQuery

__all__ = ["Relative", "joined", "parted", "parted_amounts", "relative_of", "shared"]

_EQUAL_IS_SAME = frozenset({FieldType.STRING, FieldType.INTEGER, FieldType.BOOLEAN, FieldType.UUID})

# A number in undeclared data is compared as one, unless it is written as whole numbers are.
_OTHER_NUMBER = re.compile(r"(?!-?(?:0|[1-9]\d*)\Z)[-+]?\d.*|[-+]?\.\d.*", re.ASCII | re.DOTALL)


class Relative(NamedTuple):
    """A question seen as one of many: ``family`` is what they share, ``values`` are its own.

    ``filters`` are those that the values come from, ordered by field.
    """

    family: str
    filters: tuple[Filter, ...]
    values: tuple[Value, ...]


def relative_of(query: MetricQuery, declared: Declared) -> Relative | None:
    """Return how a question can be asked with others; None for one that is asked alone.

    Raises:
        UnknownName: there is no such metric.
        BadInput: the filter's value is not of the field's type.
    """
    metric = declared.metric(query.metric)
    if not isinstance(metric, Metric):
        return None
    own: dict[str, tuple[Filter, Value]] = {}
    for one in sorted(query.where, key=lambda each: each.field):
        value = _own_value(one, metric, declared)
        if value is not None and one.field not in own:
            own[one.field] = one, value
    if not own:
        return None
    filters = tuple(one for one, _ in own.values())
    shared = _without(query, filters).key
    return Relative(f"{tuple(own)} {shared}", filters, tuple(value for _, value in own.values()))


def shared(query: MetricQuery, relative: Relative) -> MetricQuery:
    """Return the question that all of a family are parts of, whatever their values."""
    own = relative.filters
    return _without(query, own)._replace(by=_dimensions(query, own))


def parted_amounts(
    amounts: Amounts, query: MetricQuery, relative: Relative
) -> dict[tuple[object, ...], Amounts]:
    """Return what is added to each of a family, by its values, from what is to ``shared``."""
    places = _places(query, relative.filters)
    of_values: dict[tuple[object, ...], Amounts] = {}
    for (bucket_us, keys), amount in amounts.items():
        values = tuple(keys[place] for place in places)
        of_values.setdefault(values, {})[bucket_us, keys[: len(query.by)]] = amount
    return of_values


def joined(query: MetricQuery, relatives: Sequence[Relative]) -> MetricQuery:
    """Return the question of all relatives, one of which asks ``query``."""
    own = relatives[0].filters
    every = tuple(
        msgspec.structs.replace(
            one, values=tuple(sorted({each.filters[place].values[0] for each in relatives}))
        )
        for place, one in enumerate(own)
    )
    rest = _without(query, own)
    return rest._replace(by=_dimensions(query, own), where=(*rest.where, *every))


def parted(
    rows: Iterable[AnswerRow], query: MetricQuery, relatives: Sequence[Relative]
) -> list[list[AnswerRow]]:
    """Return the rows of each relative from those of ``joined(query, relatives)``."""
    places = _places(query, relatives[0].filters)
    of_values: dict[tuple[object, ...], list[AnswerRow]] = {}
    for row in rows:
        values = tuple(row.keys[place] for place in places)
        asked = row._replace(keys=row.keys[: len(query.by)])
        of_values.setdefault(values, []).append(asked)
    return [of_values.get(one.values, []) for one in relatives]


def _dimensions(query: MetricQuery, own: Sequence[Filter]) -> tuple[str, ...]:
    """Return the dimensions that were asked for, and behind them those that tell them apart."""
    return tuple(dict.fromkeys((*query.by, *(one.field for one in own))))


def _places(query: MetricQuery, own: Sequence[Filter]) -> list[int]:
    """Return where among the dimensions those are that tell relatives apart."""
    dimensions = _dimensions(query, own)
    return [dimensions.index(one.field) for one in own]


def _own_value(one: Filter, metric: Metric, declared: Declared) -> Value | None:
    """Return the value that events meeting the filter have, None where that is not one value."""
    if one.op is not Op.IN or len(one.values) != 1 or one.negated:
        return None
    (text,) = one.values
    field = reference_of(one.field, metric, declared).field
    if field is not None:
        return read_literal(field, text) if field.type in _EQUAL_IS_SAME else None
    return text if text and not _OTHER_NUMBER.fullmatch(text) else None


def _without(query: MetricQuery, own: Sequence[Filter]) -> MetricQuery:
    return query._replace(where=tuple(one for one in query.where if one not in own))
