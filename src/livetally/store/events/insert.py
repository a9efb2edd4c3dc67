"""One insert: rows become a block, blocks one part, on disk before the call returns.

In the flow: receives ``Batch`` columns from the writer, hands blocks to the engine.
Guarantee: when an insert returns, every row is durable and every later query counts it; when it
raises, it is not known that one is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from livetally.definitions import Field
from livetally.store.events import native
from livetally.store.events.columns import encode, engine_type
from livetally.store.events.engine import Engine, EngineError
from livetally.store.events.layout import TABLE
from livetally.store.events.native import Array
from livetally.store.events.schema import COLUMNS

__all__ = ["Encoded", "EventRows", "encode_rows", "insert_encoded", "insert_rows"]

# One block, one part: the engine must not cut the block, nor wait for more.
_SETTINGS = (
    "max_insert_block_size = 4000000, min_insert_block_size_rows = {joined_rows},"
    " min_insert_block_size_bytes = 0, async_insert = 0, optimize_on_insert = 0,"
    " max_insert_threads = 1, max_threads = 1, input_format_parallel_parsing = 0, log_queries = 0,"
    # Columns that are left out get their DEFAULT all the same; this one is for values left out.
    " input_format_defaults_for_omitted_fields = 0"
)
_ALONE = _SETTINGS.format(joined_rows=0)
# Several blocks, one part all the same: those of one insert are joined.
_TOGETHER = _SETTINGS.format(joined_rows=4_000_000)


class EventRows(NamedTuple):
    """Columns of events, all of the same length; times in microseconds since 1970 UTC.

    ``fields`` maps a column to its declared field and values, None where the event lacks it: times
    in microseconds since 1970 UTC, decimals in units of the last place. A declared column that is
    not there is read from ``data`` by the engine.
    """

    team: Sequence[int] | Array
    type: Sequence[str]
    occurred_us: Sequence[int] | Array
    subject: Sequence[str]
    source: Sequence[str]
    id: Sequence[bytes]
    timed: Sequence[bool]
    received_us: Sequence[int] | Array
    data: Sequence[bytes]
    attributes: Sequence[str]
    fields: Mapping[str, tuple[Field, Sequence[Any]]]


class Encoded(NamedTuple):
    """Rows as the engine takes them, column by column: name, the engine's type, values."""

    rows: int
    columns: tuple[tuple[str, str, bytes], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(name for name, _, _ in self.columns)

    @property
    def size_bytes(self) -> int:
        """How many bytes the values are."""
        return sum(len(values) for _, _, values in self.columns)


def encode_rows(rows: EventRows, position: int) -> Encoded:
    """Return ``rows``, at least one, as commit ``position``."""
    return _encoded(rows, np.full(len(rows.id), position, np.uint64))


def insert_encoded(engine: Engine, group: Sequence[Encoded]) -> None:
    """Make the rows of ``group`` durable, all or none. Blocks until they are on disk.

    For an engine of this process; the same rows again are others. A column that some of them lack
    the engine reads from their raw data, for all of them: the same values, only slower.

    Args:
        engine: the store.
        group: at least one.

    Raises:
        EngineError: it is not certain that the rows are on disk.
    """
    first, *others = {one.names for one in group}
    common = set(first).intersection(*others)
    blocks = [
        native.block([column for column in one.columns if column[0] in common], one.rows)
        for one in group
    ]
    names = tuple(name for name in first if name in common)
    block = blocks[0] if len(blocks) == 1 else b"".join(blocks)
    engine.insert(TABLE, names, block, _TOGETHER)


def insert_rows(
    engine: Engine,
    rows: EventRows,
    position: int | Sequence[int],
    token: str = "",
    *,
    again: bool = False,
) -> None:
    """Make ``rows`` durable as commit ``position``. Blocks until they are on disk.

    Args:
        engine: the store.
        rows: at least one.
        position: of the commit; no other has it. Or of several: one for each row, growing.
        token: of the insert, for a server: inserts with the same one count once.
        again: whether an earlier call with this token has failed, so that the rows may be stored.

    Raises:
        EngineUnreachable: it is not known whether the rows are on disk; call ``again``.
        EngineError: it is not certain that the rows are on disk.
    """
    count = len(rows.id)
    positions = np.full(count, position, np.uint64) if isinstance(position, int) else position
    encoded = _encoded(rows, positions)
    names, block = encoded.names, native.block(encoded.columns, count)
    if not (again and engine.layout.server):
        engine.insert(TABLE, names, block, _ALONE, token)
        return
    # The token alone is not enough when the server has died: it writes the token down beside the
    # part, not with it, so that either may be there without the other. The rows themselves tell,
    # once the token has made sure that the first insert does not go on.
    if _count_at(engine, positions) == count:
        return
    engine.insert(TABLE, names, block, _ALONE, token)
    stored = _count_at(engine, positions)
    if stored == 0:
        engine.insert(TABLE, names, block, _ALONE, f"{token} again")
        stored = _count_at(engine, positions)
    if stored != count:
        raise EngineError(f"Of insert {token}, {stored} of {count} events are stored.")


def _count_at(engine: Engine, positions: Sequence[int] | Array) -> int:
    distinct = np.unique(np.asarray(positions, np.uint64)).tolist()
    sql = f"SELECT count() FROM {TABLE} WHERE position IN {{positions:Array(UInt64)}}"
    return int(engine.read(sql, {"positions": distinct})[0][0])


def _encoded(rows: EventRows, positions: Sequence[int] | Array) -> Encoded:
    count = len(rows.id)
    encoded = (
        native.uint32s(rows.team),
        native.texts(rows.type),
        native.int64s(rows.occurred_us),
        native.texts(rows.subject),
        native.texts(rows.source),
        native.strings(rows.id),
        native.uint8s(rows.timed),
        native.int64s(rows.received_us),
        native.uint64s(positions),
        native.strings(rows.data),
        native.texts(rows.attributes),
    )
    columns = [(name, kind, data) for (name, kind), data in zip(COLUMNS, encoded, strict=True)]
    columns += [_field_column(field, values) for field, values in rows.fields.values()]
    return Encoded(count, tuple(columns))


def _field_column(field: Field, values: Sequence[Any]) -> tuple[str, str, bytes]:
    return field.column, engine_type(field), encode(field, values)
