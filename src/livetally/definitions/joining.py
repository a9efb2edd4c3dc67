"""Joins what several applications declare of one event type.

In the flow: asked by ``team`` whether two declarations of a field can both hold, and by ``query``
for the event type that a team's events are checked against and kept as.

Guarantee: what comes out can be obeyed: no field stands below another one, and every field takes
some value; what could not hold beside the rest is left out and told.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import msgspec

from livetally.definitions.fields import EventType, Field
from livetally.definitions.paths import parents

__all__ = ["Clash", "holders", "joined_event", "narrowed"]


class Clash(NamedTuple):
    """A declaration that doesn't hold, because a later one can't hold beside it.

    Attributes:
        event: the event type.
        field: the path that it declares.
        reason: what of it doesn't hold, and why.
    """

    event: str
    field: str
    reason: str


def joined_event(
    one: EventType, other: EventType, *, precedes: bool = False
) -> tuple[EventType, tuple[Clash, ...]]:
    """Return the event type that both declare, and what of ``one`` doesn't hold in it.

    What either says of a field holds. Events are kept for the longer time, which loses nothing that
    somebody counts on.

    Args:
        one: the earlier declaration.
        other: the later one, whose fields hold where both can't.
        precedes: whether ``other`` alone says how long events are kept, where it says it.
    """
    fields: dict[str, Field] = {}
    clashes: list[Clash] = []
    inside = holders(other)
    for path, field in one.fields.items():
        if reason := _misplaced(path, other, inside):
            clashes.append(Clash(one.name, path, f"left out: {reason}"))
        else:
            fields[path] = field
    for path, field in other.fields.items():
        known, fields[path] = fields.get(path), field
        if known is None:
            continue
        if known.column != field.column:
            reason = f"left out as {known.type_tag}: it is declared as {field.type_tag} too"
            clashes.append(Clash(one.name, path, reason))
        elif both := narrowed(known, field):
            fields[path] = both
        else:
            reason = "its bounds don't hold: with those of the other declaration no value is left"
            clashes.append(Clash(one.name, path, reason))
    kept = [
        theirs if mine is None or (precedes and theirs is not None) else max(mine, theirs or mine)
        for mine, theirs in zip(_kept(one), _kept(other), strict=True)
    ]
    description = other.description or one.description
    return EventType(other.name, description, fields, *kept), tuple(clashes)


def narrowed(one: Field, other: Field) -> Field | None:
    """Return the field that takes what both take, None when that is nothing.

    Args:
        one: a declaration.
        other: another one of the same path, type and scale; its description is preferred.
    """
    lows = [low for low in (one.minimum, other.minimum) if low is not None]
    highs = [high for high in (one.maximum, other.maximum) if high is not None]
    lengths = [length for length in (one.max_length, other.max_length) if length is not None]
    listed = other.one_of or one.one_of
    if one.one_of:
        listed = tuple(value for value in listed if value in one.one_of)
    field = msgspec.structs.replace(
        other,
        required=one.required or other.required,
        one_of=listed,
        minimum=max(lows, default=None),
        maximum=min(highs, default=None),
        max_length=min(lengths, default=None),
        description=other.description or one.description,
    )
    if lows and highs and max(lows) > min(highs):
        return None
    if (one.one_of or other.one_of) and not any(_fits(field, value) for value in listed):
        return None
    return field


def holders(event: EventType) -> dict[str, str]:
    """Return the paths at which fields need an object, and the first field that each holds."""
    found: dict[str, str] = {}
    for path in event.fields:
        for parent in parents(path):
            found.setdefault(parent, path)
    return found


def _misplaced(path: str, other: EventType, inside: dict[str, str]) -> str:
    """Say why a field can't stand beside those of another declaration; "" when it can."""
    for parent in parents(path):
        if parent in other.fields:
            return f"'{parent}' is declared as {other.fields[parent].type_tag}"
    return f"it can't hold '{inside[path]}', which is declared too" if path in inside else ""


def _fits(field: Field, value: str | int) -> bool:
    """Whether a value of a list is within the other bounds."""
    if isinstance(value, str):
        return field.max_length is None or len(value) <= field.max_length
    low: int | Decimal = value if field.minimum is None else field.minimum
    high: int | Decimal = value if field.maximum is None else field.maximum
    return low <= value <= high


def _kept(event: EventType) -> Iterator[int | None]:
    """Yield how long events are kept, their data, and how much of the disk they take."""
    yield from (event.keep_days, event.keep_data_days, event.keep_bytes)
