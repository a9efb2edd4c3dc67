"""A declared draw becomes a function that draws.

In the flow: receives a ``Draw`` from ``scenario``, hands back what it calls for each event.
Guarantee: a function draws the same number of times whatever the values are, so that what one event
got does not move what the next one gets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, TypeAlias

from livetally.definitions import Draw, DrawKind, Names
from livetally.simulate.chance import Chance, Weights
from livetally.simulate.living import Living
from livetally.simulate.names import made_up

__all__ = ["ABSENT", "Drawn", "drawing"]

ABSENT: Any = object()
"""Stands for a value that this event does not have."""

Drawn: TypeAlias = Callable[[Callable[[str], Any]], Any]
"""Draws; is told how to find the last value of the event's own entity."""

_EXPONENT_MAX = 700.0  # beyond it no float is left


def drawing(draw: Draw, chance: Chance, living: Mapping[str, Living]) -> Drawn:
    """Return the function that draws.

    Args:
        draw: what is declared.
        chance: where the numbers come from.
        living: the entities by name, for keys of others.
    """
    make = _made(draw, chance, living)
    if not draw.missing:
        return make

    def sometimes(last: Callable[[str], Any]) -> Any:
        value, share = make(last), chance.share()
        return ABSENT if share < draw.missing else value

    return sometimes


def _made(draw: Draw, chance: Chance, living: Mapping[str, Living]) -> Drawn:
    match draw.kind:
        case DrawKind.VALUE:
            value = draw.values[0]
            return lambda _: value
        case DrawKind.CHOICE:
            weights, values = Weights(draw.weights), draw.values
            return lambda _: values[weights.index(chance.share())]
        case DrawKind.CHANCE:
            return lambda _: chance.share() < draw.first
        case DrawKind.INTEGER:
            lowest, highest = int(draw.first), int(draw.second)
            return lambda _: chance.whole(lowest, highest)
        case DrawKind.UUID:
            return lambda _: chance.uuid()
        case DrawKind.NAME:
            which = Names(draw.text)
            return lambda _: made_up(which, chance)
        case DrawKind.SEQUENCE:
            numbers = count(1)
            return lambda _: draw.text.replace("{n}", str(next(numbers)))
        case DrawKind.ONE_OF:
            others = living[draw.text]
            return lambda _: _or_absent(others.find(chance.share(), ()))
        case DrawKind.LAST:
            return lambda last: _or_absent(last(draw.text))
        case _:
            return _number(draw, chance)


def _or_absent(value: Any) -> Any:
    return ABSENT if value is None else value


def _number(draw: Draw, chance: Chance) -> Drawn:
    """Return what draws from a distribution, within its bounds, rounded."""
    shape = _shape(draw, chance)
    lowest = -math.inf if draw.minimum is None else draw.minimum
    highest = math.inf if draw.maximum is None else draw.maximum
    digits = draw.decimals

    def rounded(_: Callable[[str], Any]) -> int | float:
        value = min(max(shape(), lowest), highest)
        return round(value, digits) if digits else round(value)

    return rounded


def _shape(draw: Draw, chance: Chance) -> Callable[[], float]:
    first, second = draw.first, draw.second
    match draw.kind:
        case DrawKind.UNIFORM:
            return lambda: first + (second - first) * chance.share()
        case DrawKind.NORMAL:
            return lambda: first + second * chance.normal()
        case _:
            return lambda: first * math.exp(min(second * chance.normal(), _EXPONENT_MAX))
