"""A Parquet file becomes lines of JSON, as if it were a JSON-lines file.

In the flow: receives an open file from ``opening``, hands lines to ``objects`` and ``mapped``.
Guarantee: memory holds a few thousand rows however long the file is; decimals keep every digit, and
times are to the microsecond.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, Final

from livetally.cli.load.records import Line
from livetally.errors import LivetallyError
from livetally.mapping import encode

__all__ = ["parquet_lines"]

_BATCH_ROWS: Final = 4_096


def parquet_lines(stream: IO[bytes]) -> Iterator[Line]:
    """Yield the rows of a Parquet file, numbered from 1; what is null is left out.

    Raises:
        LivetallyError: pyarrow is not installed, or the file is no Parquet.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise LivetallyError("Parquet needs pyarrow: pip install 'livetally[arrow]'.") from None
    number = 0
    try:
        file = parquet.ParquetFile(stream)
        for batch in file.iter_batches(_BATCH_ROWS):
            table = _to_microseconds(pa, batch)
            for row in _rows(table):
                number += 1
                yield _line(number, row)
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0].rstrip(".")
        raise LivetallyError(
            f"The file can't be read as Parquet, after row {number}: {first}."
        ) from None


def _to_microseconds(pa: Any, batch: Any) -> Any:
    """Return a batch whose times Python can hold: its own are to the microsecond."""
    fields = [field.with_type(_coarser(pa, field.type)) for field in batch.schema]
    return pa.Table.from_batches([batch]).cast(pa.schema(fields), safe=False)


def _coarser(pa: Any, kind: Any) -> Any:
    """Return a type with microseconds for nanoseconds, however deep they are in it."""
    types = pa.types
    if types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz) if kind.unit == "ns" else kind
    if types.is_duration(kind):
        return pa.duration("us") if kind.unit == "ns" else kind
    if types.is_time64(kind):
        return pa.time64("us")
    if types.is_struct(kind):
        return pa.struct([one.with_type(_coarser(pa, one.type)) for one in kind])
    if types.is_map(kind):
        return pa.map_(_coarser(pa, kind.key_type), _coarser(pa, kind.item_type))
    if types.is_list(kind):
        return pa.list_(_coarser(pa, kind.value_type))
    if types.is_large_list(kind):
        return pa.large_list(_coarser(pa, kind.value_type))
    if types.is_fixed_size_list(kind):
        return pa.list_(_coarser(pa, kind.value_type), kind.list_size)
    return kind


def _rows(table: Any) -> Iterator[dict[str, Any] | str]:
    """Yield rows; as text where one has a value that Python can't hold, such as the year 20000."""
    try:
        yield from table.to_pylist()
    except (ValueError, OverflowError):
        for place in range(table.num_rows):
            one = table.slice(place, 1)
            try:
                yield from one.to_pylist()
            except (ValueError, OverflowError):
                yield str({name: _shown(one[name]) for name in one.column_names})


def _shown(column: Any) -> str:
    """Return the one value of a column as pyarrow shows it: Python need not be able to hold it."""
    return " ".join(column.to_string().split()).strip("[ ]")


def _line(number: int, row: dict[str, Any] | str) -> Line:
    if isinstance(row, str):
        return Line(number, _as_text(row), "has a value that is out of range")
    try:
        return Line(number, encode({name: one for name, one in row.items() if one is not None}))
    except (TypeError, ValueError) as error:
        return Line(number, _as_text(repr(row)), f"can't be written as JSON: {error}")


def _as_text(row: str) -> bytes:
    """Return what stands in the file of rejected rows in place of a line."""
    return row.encode("utf-8", "backslashreplace")
