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
            for row in _to_microseconds(pa, batch).to_pylist():
                number += 1
                yield _line(number, row)
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0].rstrip(".")
        raise LivetallyError(
            f"The file can't be read as Parquet, after row {number}: {first}."
        ) from None


def _to_microseconds(pa: Any, batch: Any) -> Any:
    """Return a batch whose times Python can hold: its own are to the microsecond."""
    fields = [
        pa.field(field.name, pa.timestamp("us", field.type.tz))
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns"
        else field
        for field in batch.schema
    ]
    return pa.Table.from_batches([batch]).cast(pa.schema(fields), safe=False)


def _line(number: int, row: dict[str, Any]) -> Line:
    try:
        return Line(number, encode({name: one for name, one in row.items() if one is not None}))
    except (TypeError, ValueError) as error:
        return Line(number, b"{}", f"can't be written as JSON: {error}")
