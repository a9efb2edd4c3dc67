"""All rows in the order of their commits, to be stored elsewhere again.

In the flow: read by ``server.moving``, which replays what an embedded store holds through a log.
Guarantee: reads only; every row comes once, with everything that was ever said in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from livetally.definitions import Field, FieldType
from livetally.store.events.engine import Columns, Engine
from livetally.store.events.layout import TABLE
from livetally.store.events.literals import literal
from livetally.store.events.thin import NO_DATA

__all__ = [
    "Held",
    "Kind",
    "Portion",
    "count_after",
    "held_fields",
    "held_kinds",
    "look_at",
    "read_held",
    "table_id",
]

_SLOW = {"max_execution_time": 3600}
_HELD = (
    "team, type, source, id, subject, toUnixTimestamp64Micro(occurred_at), timed,"
    " toUnixTimestamp64Micro(received_at), data, attributes"
)
_ORDER = "position, team, received_at, source, id"


class Portion(NamedTuple):
    """The commits ``first`` to ``last``: how many events, how long what was sent is together.

    ``thinned`` are those of which only declared fields are left.
    """

    first: int
    last: int
    events: int
    data_bytes: int
    thinned: int


class Kind(NamedTuple):
    """A type of a team: how many events, and when the newest of them arrived."""

    team: int
    type: str
    events: int
    received_us: int


class Held(NamedTuple):
    """Columns of rows, all of one length; times in microseconds since 1970 UTC."""

    team: list[int]
    type: list[str]
    source: list[str]
    id: list[str]
    subject: list[str]
    occurred_us: list[int]
    timed: list[int]
    received_us: list[int]
    data: list[str]
    attributes: list[str]


def table_id(engine: Engine) -> str:
    """Return the events table's own id: no other table has it, nor one from a backup. Blocks."""
    sql = f"SELECT toString(uuid) FROM system.tables WHERE {engine.layout.of_local}"
    return str(engine.read(sql)[0][0])


def count_after(engine: Engine, after: int) -> int:
    """Return how many events are stored after a position. Blocks."""
    sql = f"SELECT count() FROM {TABLE} WHERE position > {{after:UInt64}}"
    return int(engine.read(sql, {"after": after}, _SLOW)[0][0])


def held_kinds(engine: Engine) -> list[Kind]:
    """Return every type of every team, in order. Blocks."""
    rows = engine.read(
        "SELECT team, type, count(), toUnixTimestamp64Micro(max(received_at))"
        f" FROM {TABLE} GROUP BY team, type ORDER BY team, type",
        None,
        _SLOW,
    )
    return [Kind(*row) for row in rows]


def look_at(engine: Engine, first: int, last: int) -> Portion:
    """Return what the commits ``first`` to ``last`` hold. Blocks."""
    rows = engine.read(
        f"SELECT count(), sum(length(data)), countIf(data = {literal(NO_DATA)}) FROM {TABLE}"
        " WHERE position BETWEEN {first:UInt64} AND {last:UInt64}",
        {"first": first, "last": last},
        _SLOW,
    )
    return Portion(first, last, *map(int, rows[0]))


def read_held(engine: Engine, portion: Portion, offset: int, limit: int) -> Held:
    """Return a portion's rows that are whole, ``limit`` at most after ``offset``. Blocks."""
    found = _read(engine, portion, f"{_HELD}", f"data != {literal(NO_DATA)}", offset, limit)
    return Held(*found)


def held_fields(
    engine: Engine, portion: Portion, fields: Mapping[str, Field], offset: int, limit: int
) -> tuple[Held, dict[str, list[Any]]]:
    """Return as ``read_held`` the rows of which only fields are left, and those. Blocks.

    Values are as in ``EventRows``: decimals in units of the last place.
    """
    columns = "".join(f", `{name}`" for name in fields)
    found = _read(engine, portion, f"{_HELD}{columns}", f"data = {literal(NO_DATA)}", offset, limit)
    width = len(Held._fields)
    values = {
        name: _as_stored(field, column)
        for (name, field), column in zip(fields.items(), found[width:], strict=True)
    }
    return Held(*found[:width]), values


def _read(
    engine: Engine, portion: Portion, columns: str, condition: str, offset: int, limit: int
) -> Columns:
    return engine.read_columns(
        f"SELECT {columns} FROM {TABLE}"
        " WHERE position BETWEEN {first:UInt64} AND {last:UInt64}"
        f" AND {condition} ORDER BY {_ORDER} LIMIT {limit:d} OFFSET {offset:d}",
        {"first": portion.first, "last": portion.last},
        _SLOW,
    )


def _as_stored(field: Field, values: Sequence[Any]) -> list[Any]:
    match field.type:
        case FieldType.DECIMAL:
            scale = field.scale or 0
            return [None if one is None else int(Decimal(one).scaleb(scale)) for one in values]
        case FieldType.NUMBER:
            return [None if one is None else float(one) for one in values]
        case _:
            return list(values)
