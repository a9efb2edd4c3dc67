"""What is kept of a bucket while it is recounted gives the value that all its events give."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from livetally.definitions import Aggregate
from livetally.query.gathered import gathered_for

WHOLE = st.integers(-(2**63), 2**63 - 1)
DECIMAL = st.decimals(-(10**18), 10**18, places=9)
BINARY = st.floats(allow_nan=False, allow_infinity=False, width=32)
SIGNED = st.lists(st.tuples(st.one_of(WHOLE, DECIMAL), st.sampled_from((1, -1))))
SHARES = {Aggregate.P50: 50, Aggregate.P90: 90, Aggregate.P95: 95, Aggregate.P99: 99}


def gathered(aggregate: Aggregate, values: list[Any]) -> Any:
    """Return what an aggregate makes of values that came one after the other."""
    kept = gathered_for(aggregate)
    for place, value in enumerate(values):
        kept.add((place // 2, place, b"", b""), value, 1)
    return kept.value()


@given(SIGNED)
def test_sums_keep_every_digit(values: list[tuple[Any, int]]) -> None:
    """Whole numbers and decimals with signs: not one digit is lost."""
    kept = gathered_for(Aggregate.SUM)
    for value, sign in values:
        kept.add((0, 0, b"", b""), value, sign)
    exact = sum((Fraction(value) * sign for value, sign in values), Fraction())
    assert Fraction(kept.value()) == exact
    assert isinstance(kept.value(), int if exact.denominator == 1 else Decimal)


@given(st.lists(BINARY, min_size=1))
def test_binary_numbers_are_rounded_once(values: list[float]) -> None:
    """Their sum is the number nearest to the exact one."""
    assert gathered(Aggregate.SUM, values) == math.fsum(values)


@given(st.lists(WHOLE, min_size=1))
def test_each_aggregate_is_that_of_the_list(values: list[int]) -> None:
    """Mean, extremes, different ones, the first and the last, and nearest ranks."""
    assert gathered(Aggregate.AVG, values) == Fraction(sum(values), len(values))
    assert gathered(Aggregate.MIN, values) == min(values)
    assert gathered(Aggregate.MAX, values) == max(values)
    assert gathered(Aggregate.UNIQUE, values) == len(set(values))
    assert gathered(Aggregate.LATEST, values) == values[-1]
    assert gathered(Aggregate.FIRST, values) == values[0]
    for aggregate, share in SHARES.items():
        rank = -(-share * len(values) // 100)
        assert gathered(aggregate, values) == sorted(values)[rank - 1]


def test_without_an_event_there_is_nothing() -> None:
    """What is counted or added is 0, all else is missing."""
    for aggregate in Aggregate:
        zero = aggregate in (Aggregate.COUNT, Aggregate.SUM, Aggregate.UNIQUE)
        assert gathered(aggregate, []) == (0 if zero else None)
