"""What is kept of a bucket's events while they are recounted: as little as its value needs.

In the flow: made by ``recompute`` for each bucket and group.
Guarantee: exact; a sum, a count, a mean, an extreme or the latest take the same memory for one
event as for a million. What counts different values or ranks them keeps the values.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any, Protocol

from livetally.definitions import Aggregate

__all__ = ["EXACT", "Gathered", "Mean", "gathered_for"]

EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)

Order = tuple[int, int, bytes, bytes]
"""Time, position, id and source: the total order of events."""


class Gathered(Protocol):
    """The events of a bucket so far; a value is never None."""

    def add(self, order: Order, value: Any, sign: int, /) -> None:
        """Take one event."""
        ...

    def value(self) -> Any:
        """Return what the bucket's value is made of; None without an event."""
        ...


def gathered_for(aggregate: Aggregate) -> Gathered:
    """Return what gathers for an aggregate."""
    match aggregate:
        case Aggregate.COUNT | Aggregate.SUM:
            return _Sum()
        case Aggregate.AVG:
            return Mean()
        case Aggregate.UNIQUE:
            return _Different()
        case Aggregate.LATEST | Aggregate.FIRST:
            return _Nearest(last=aggregate is Aggregate.LATEST)
        case Aggregate.MIN | Aggregate.MAX:
            return _Extreme(largest=aggregate is Aggregate.MAX)
    return _Ranked(Fraction(int(aggregate.value[1:]), 100))


class _Sum:
    """Whole numbers, decimals and binary numbers, each added exactly by itself."""

    def __init__(self) -> None:
        self._whole = 0
        self._decimal: Decimal | None = None
        self._binary: Fraction | None = None

    def add(self, _order: Order, value: Any, sign: int, /) -> None:
        """Take one event."""
        if isinstance(value, float):
            self._binary = (self._binary or Fraction()) + Fraction(value) * sign
        elif isinstance(value, Decimal):
            signed = value if sign > 0 else EXACT.minus(value)
            self._decimal = EXACT.add(self._decimal or Decimal(0), signed)
        else:
            self._whole += value * sign

    def exact(self) -> Fraction:
        """Return the sum."""
        return self._whole + Fraction(self._decimal or 0) + (self._binary or 0)

    @property
    def is_decimal(self) -> bool:
        """Whether decimals, and no binary numbers, are in it."""
        return self._decimal is not None and self._binary is None

    def value(self) -> Any:
        """Return the sum as an answer has it: binary if a part is, else without a digit lost."""
        total = self.exact()
        if self._binary is not None:
            return float(total)
        if total.denominator == 1:
            return total.numerator
        return EXACT.divide(Decimal(total.numerator), Decimal(total.denominator))


class Mean:
    """A sum and how many."""

    def __init__(self) -> None:
        """Start without an event."""
        self._sum = _Sum()
        self._count = 0

    def add(self, order: Order, value: Any, _sign: int, /) -> None:
        """Take one event; its sign says nothing about a mean."""
        self._sum.add(order, value, 1)
        self._count += 1

    def value(self) -> Fraction | None:
        """Return the exact mean."""
        return self._sum.exact() / self._count if self._count else None

    @property
    def is_decimal(self) -> bool:
        """Whether the mean is one of decimals, and so a decimal."""
        return self._sum.is_decimal


class _Different:
    def __init__(self) -> None:
        self._values: set[Any] = set()

    def add(self, _order: Order, value: Any, _sign: int, /) -> None:
        """Take one event."""
        self._values.add(value)

    def value(self) -> int:
        """Return how many different values there were."""
        return len(self._values)


class _Nearest:
    """The value of the first or last event in the total order."""

    def __init__(self, *, last: bool) -> None:
        self._last = last
        self._best: tuple[Order, Any] | None = None

    def add(self, order: Order, value: Any, _sign: int, /) -> None:
        """Take one event."""
        # Of an event that meets several terms the value of the first is taken.
        if self._best is None or (order > self._best[0] if self._last else order < self._best[0]):
            self._best = order, value

    def value(self) -> Any:
        """Return its value."""
        return None if self._best is None else self._best[1]


class _Extreme:
    def __init__(self, *, largest: bool) -> None:
        self._pick: Any = max if largest else min
        self._best: Any = None

    def add(self, _order: Order, value: Any, _sign: int, /) -> None:
        """Take one event."""
        self._best = value if self._best is None else self._pick(self._best, value)

    def value(self) -> Any:
        """Return the largest, or the smallest."""
        return self._best


class _Ranked:
    """Of n values in order, the one at place ceil(share * n)."""

    def __init__(self, share: Fraction) -> None:
        self._share = share
        self._values: list[Any] = []

    def add(self, _order: Order, value: Any, _sign: int, /) -> None:
        """Take one event."""
        self._values.append(value)

    def value(self) -> Any:
        """Return the value at that place."""
        if not self._values:
            return None
        ranked = sorted(self._values)
        return ranked[math.ceil(self._share * len(ranked)) - 1]
