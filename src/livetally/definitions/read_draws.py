"""Reads how values are drawn: ``{ choice = { web = 3, phone = 1 } }``, ``{ normal = [20, 4] }``.

In the flow: receives a value of a simulation's table from ``read_simulations``, hands back a
``Draw``.

Guarantee: a draw that came out of a definition without problems can be drawn from, and what it
gives fits the declared field that it is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from livetally.definitions.fields import Field, FieldType
from livetally.definitions.locate import Path
from livetally.definitions.plain import jsonable
from livetally.definitions.problems import Problems
from livetally.definitions.simulation import Draw, DrawKind, Names
from livetally.definitions.table import Table

__all__ = ["draw_of", "fits", "is_draw", "number"]

_CHOICES_MAX: Final = 1_000
_DECIMALS_MAX: Final = 9
_KINDS: Final = frozenset(kind.value for kind in DrawKind)
_PAIRS: Final = {
    DrawKind.INTEGER: "the lowest and the highest, such as [1, 6]",
    DrawKind.UNIFORM: "the lowest and the highest, such as [0, 1]",
    DrawKind.NORMAL: "the mean and the deviation, such as [20, 4]",
    DrawKind.LOGNORMAL: "the median and the spread, such as [20, 0.5]",
}
_TEXTS: Final = frozenset({FieldType.STRING, FieldType.UUID, FieldType.TIME})
_ANYTHING: Final = frozenset({DrawKind.LAST, DrawKind.ONE_OF})
_OF_TYPE: Final = {
    DrawKind.UUID: {FieldType.STRING, FieldType.UUID},
    DrawKind.NAME: {FieldType.STRING},
    DrawKind.SEQUENCE: {FieldType.STRING},
    DrawKind.CHANCE: {FieldType.BOOLEAN},
    DrawKind.INTEGER: {FieldType.INTEGER, FieldType.NUMBER, FieldType.DECIMAL},
}


def is_draw(value: object) -> bool:
    """Whether this says how a value is drawn, and is not a table of further fields.

    A field may be called like a draw: ``user.name`` is told from ``name = "person"`` by its table.
    """
    if not isinstance(value, dict):
        return True
    said = (value[kind] for kind in _KINDS if kind in value)
    return any(not isinstance(one, dict) or _are_weights(one) for one in said)


def draw_of(value: Any, path: Path, problems: Problems) -> Draw | None:
    """Read a draw; None when it can't be told which.

    Args:
        value: a text, number or boolean that stands for itself, or a table.
        path: where it stands.
        problems: where mistakes go.
    """
    if not isinstance(value, dict):
        if isinstance(value, list):
            problems.add(path, "a list can't be drawn; to choose from it, write { choice = [...] }")
            return None
        return Draw(DrawKind.VALUE, values=(jsonable(value),))
    table = Table(value, path, problems)
    kinds = [kind for kind in DrawKind if kind.value in table]
    if len(kinds) != 1:
        table.problem(f"must have exactly one of: {', '.join(DrawKind)}")
        return None
    draw = _read(kinds[0], table)
    table.finish()
    return draw


def number(table: Table, key: str, lowest: float, highest: float) -> float | None:
    """Return a number within the bounds, or None when it is not given or a mistake."""
    value = table.raw(key)
    if value is None:
        return None
    if _is_number(value) and lowest <= float(value) <= highest:
        return float(value)
    table.problem(f"must be a number from {lowest:g} to {highest:g}", key)
    return None


def fits(draw: Draw, field: Field) -> bool:
    """Whether what is drawn is of the field's type."""
    if draw.kind in _ANYTHING:
        return True
    if draw.kind in (DrawKind.VALUE, DrawKind.CHOICE):
        return all(_is_of(value, field.type) for value in draw.values)
    if draw.kind in _OF_TYPE:
        return field.type in _OF_TYPE[draw.kind]
    if field.type is FieldType.INTEGER:
        return draw.decimals == 0
    return field.type in (FieldType.NUMBER, FieldType.DECIMAL)


def _read(kind: DrawKind, table: Table) -> Draw | None:
    missing = number(table, "missing", 0, 1) or 0.0
    match kind:
        case DrawKind.VALUE:
            return Draw(kind, values=(jsonable(table.raw("value")),), missing=missing)
        case DrawKind.CHOICE:
            return _choice(table, missing)
        case DrawKind.CHANCE:
            return Draw(kind, first=number(table, "chance", 0, 1) or 0.0, missing=missing)
        case DrawKind.NAME:
            which = table.choice("name", Names)
            return Draw(kind, text=which.value, missing=missing) if which else None
        case DrawKind.UUID:
            if table.raw("uuid") is not True:
                table.problem("must be true", "uuid")
            return Draw(kind, missing=missing)
        case DrawKind.SEQUENCE | DrawKind.ONE_OF | DrawKind.LAST:
            text = table.text(kind.value)
            if kind is DrawKind.SEQUENCE and "{n}" not in text:
                table.problem("must hold {n}, which becomes 1, 2, 3, ...", "sequence")
            return Draw(kind, text=text, missing=missing)
        case _:
            return _distribution(kind, table, missing)


def _choice(table: Table, missing: float) -> Draw | None:
    """Read what is chosen from: a list, perhaps with weights, or a table of weights by text."""
    given = table.raw("choice")
    if isinstance(given, dict):
        values: list[Any] = list(given)
        weights: Sequence[Any] = list(given.values())
    elif isinstance(given, list):
        values = [jsonable(value) for value in given]
        weights = table.raw("weights") or [1] * len(values)
    else:
        table.problem("must be a list, or a table of weights", "choice")
        return None
    if not 1 <= len(values) <= _CHOICES_MAX or any(isinstance(v, (dict, list)) for v in values):
        table.problem(f"takes 1 to {_CHOICES_MAX} texts, numbers or booleans", "choice")
        return None
    usable = isinstance(weights, list) and len(weights) == len(values)
    if not usable or not all(_is_number(w) and w >= 0 for w in weights) or not sum(weights):
        table.problem("each weight must be zero or more, one for each choice, not all of them zero")
        return None
    return Draw(
        DrawKind.CHOICE,
        values=tuple(values),
        weights=tuple(float(weight) for weight in weights),
        missing=missing,
    )


def _distribution(kind: DrawKind, table: Table, missing: float) -> Draw | None:
    """Read a distribution of numbers."""
    pair = table.raw(kind.value)
    if not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_number, pair)):  # noqa: PLR2004 - a pair
        table.problem(f"must be {_PAIRS[kind]}", kind.value)
        return None
    first, second = float(pair[0]), float(pair[1])
    if kind in (DrawKind.INTEGER, DrawKind.UNIFORM):
        if first > second:
            table.problem("the highest is below the lowest", kind.value)
    elif second < 0 or (kind is DrawKind.LOGNORMAL and first <= 0):
        table.problem("can't be negative, and a median must be above zero", kind.value)
    if kind is DrawKind.INTEGER:
        if not (first.is_integer() and second.is_integer()):
            table.problem("must be whole numbers", kind.value)
        return Draw(kind, first=first, second=second, decimals=0, missing=missing)
    decimals = table.whole("decimals", 0, _DECIMALS_MAX)
    return Draw(
        kind,
        first=first,
        second=second,
        minimum=number(table, "minimum", -1e15, 1e15),
        maximum=number(table, "maximum", -1e15, 1e15),
        decimals=2 if decimals is None else decimals,
        missing=missing,
    )


def _are_weights(table: dict[str, Any]) -> bool:
    return all(_is_number(weight) for weight in table.values())


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _is_of(value: object, kind: FieldType) -> bool:
    """Whether a value that is written in the definition is one of the type."""
    if kind in _TEXTS:
        return isinstance(value, str)
    if kind is FieldType.BOOLEAN:
        return isinstance(value, bool)
    if kind is FieldType.INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    return _is_number(value)
