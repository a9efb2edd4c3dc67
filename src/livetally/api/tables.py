"""Columns on the wire: CSV and Arrow, for answers and for pages alike.

In the flow: receives named columns from ``answers`` and ``pages``, hands bytes back.
Guarantee: no digit of a decimal or of a long integer is lost; what is missing is empty in CSV and
null in Arrow.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from livetally.errors import UnsupportedMedia

__all__ = ["ARROW", "CSV", "JSON", "as_arrow", "as_csv", "content_type", "mark_headers"]

JSON = "application/json"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"

_INT64 = 2**63


def content_type(form: str) -> str:
    """Return the media type as it is sent."""
    return f"{form}; charset=utf-8" if form == CSV else form


def mark_headers(marks: Mapping[str, str]) -> dict[str, str]:
    """Return as headers what an answer says of itself and CSV has no place for."""
    return {f"X-Livetally-{name.replace('_', '-').title()}": text for name, text in marks.items()}


def as_csv(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Write columns of one length with a header line; what is missing is empty.

    Source: RFC 4180.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for cells in zip(*columns.values(), strict=True):
        writer.writerow([_cell(cell) for cell in cells])
    return out.getvalue().encode()


def as_arrow(
    columns: Mapping[str, Sequence[Any]],
    times: Mapping[str, str],
    position: int,
    marks: Mapping[str, str] = {},
) -> bytes:
    """Write columns as one Arrow record batch in the streaming format.

    Args:
        columns: of one length.
        times: the columns that are instants, in microseconds since 1970, each with its time zone.
        position: up to which commit they are true; stands in the schema's metadata.
        marks: what else stands there.

    Raises:
        UnsupportedMedia: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise UnsupportedMedia("Arrow needs pyarrow: pip install 'livetally[arrow]'.") from None
    arrays = {
        name: pa.array(values, pa.timestamp("us", tz=times[name]))
        if name in times
        else pa.array(_of_one_type(values))
        for name, values in columns.items()
    }
    table = pa.table(arrays).replace_schema_metadata({"position": str(position), **marks})
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def _of_one_type(values: Sequence[Any]) -> Sequence[Any]:
    """Make decimals of whole numbers beside decimals, or too long for 64 bits.

    Beside a binary number every number is one: no decimal has room for 1e300 and 1e-200.
    """
    known = [value for value in values if value is not None]
    if any(isinstance(value, float) for value in known):
        return [None if value is None else float(value) for value in values]
    long = any(isinstance(value, int) and not -_INT64 <= value < _INT64 for value in known)
    if not long and not any(isinstance(value, Decimal) for value in known):
        return values
    return [None if value is None else Decimal(value) for value in values]
