"""What a declared metric is: a statistic over events, or the ratio of two.

In the flow: built by ``read_metrics``, carried to ``query``, ``live``, ``api``, ``console`` and
``cli``; ``materialise`` turns it into what ``store`` has to keep.

Guarantee: immutable and complete in itself: every name that it mentions has been checked, and every
declared field that a term reads is carried with the term.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from livetally.definitions.fields import Field
from livetally.definitions.filters import Filter

__all__ = ["Aggregate", "Metric", "Ratio", "Statistics", "Term"]


class Aggregate(StrEnum):
    """How a metric makes one value of many events."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    UNIQUE = "unique"
    LATEST = "latest"
    FIRST = "first"
    P50 = "p50"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"


class Term(msgspec.Struct, frozen=True):
    """One type of event that a metric counts in.

    Attributes:
        event: name of the event type.
        value: canonical reference to what is aggregated; None for a count.
        sign: whether it adds (1) or takes away (-1).
        where: conditions that an event has to meet, all of them.
        fields: the declared fields that ``value``, ``where`` and the metric's ``by`` refer to in
            this event type, by reference; what isn't in here is an attribute, or missing in it.
    """

    event: str
    value: str | None = None
    sign: Literal[1, -1] = 1
    where: tuple[Filter, ...] = ()
    fields: dict[str, Field] = {}


class Metric(msgspec.Struct, frozen=True):
    """A statistic over events.

    Attributes:
        name: what it is asked for by; unique among the metrics and ratios of a team.
        application: the application that declares it.
        aggregate: how the values of all terms become one.
        terms: one or more; an event counts once for each term that it meets.
        title, description, unit: for people.
        by: its dimensions: canonical references.
        decimals: digits after the point to show, 0 to 18; None leaves it to the reader.
        approximate: whether it adds binary floating-point numbers, so that the last digits depend
            on the order of addition.
    """

    name: str
    application: str
    aggregate: Aggregate
    terms: tuple[Term, ...]
    title: str = ""
    description: str = ""
    unit: str = ""
    by: tuple[str, ...] = ()
    decimals: int | None = None
    approximate: bool = False


class Ratio(msgspec.Struct, frozen=True):
    """One metric divided by another, bucket by bucket; no value where the divisor is zero.

    Attributes:
        name: what it is asked for by; unique among the metrics and ratios of a team.
        application: the application that declares it.
        numerator: name of a metric of the same application.
        denominator: name of a metric of the same application.
        title, description, unit: for people.
        by: the dimensions that both metrics have, or some of them.
        decimals: digits after the point to show, 0 to 18; None leaves it to the reader.
    """

    name: str
    application: str
    numerator: str
    denominator: str
    title: str = ""
    description: str = ""
    unit: str = ""
    by: tuple[str, ...] = ()
    decimals: int | None = None


# What can be asked for under a name; None where a declaration has mistakes of its own.
Statistics: TypeAlias = Mapping[str, Metric | Ratio | None]
