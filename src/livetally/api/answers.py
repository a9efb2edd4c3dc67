"""An answer on the wire: JSON and CSV.

In the flow: receives ``Answer`` and rows from ``query`` and ``live``, hands bytes to the routes.
Guarantee: a row is written the same way in an answer and in a live update; decimals are written as
numbers with every digit.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import msgspec

from livetally.calendar import label
from livetally.query import Answer, AnswerRow, MetricQuery

__all__ = ["answer_csv", "answer_json", "encode_head", "encode_rows", "encode_value"]

_encoder = msgspec.json.Encoder(decimal_format="number")


def encode_value(value: Any) -> bytes:
    """Write a value as JSON, decimals as numbers."""
    return _encoder.encode(value)


def encode_rows(query: MetricQuery, rows: Iterable[AnswerRow]) -> bytes:
    """Write rows as a JSON array."""
    return _encoder.encode([_row(query, row) for row in rows])


def answer_json(answer: Answer) -> bytes:
    """Write a whole answer."""
    query = answer.query
    body = _about(query, answer.start_us, answer.end_us)
    body["position"] = answer.position
    if answer.truncated:
        body["truncated"] = True
    body["rows"] = [_row(query, row) for row in answer.rows]
    return _encoder.encode(body)


def answer_csv(answer: Answer) -> bytes:
    """Write the rows as CSV with a header line (RFC 4180)."""
    query = answer.query
    out = io.StringIO()
    writer = csv.writer(out)
    times = ["time"] if query.interval else []
    writer.writerow([*times, *query.by, "value"])
    for row in answer.rows:
        shown = [label(row.bucket_us, query.zone)] if row.bucket_us is not None else []
        value = "" if row.value is None else row.value
        writer.writerow([*shown, *("" if key is None else key for key in row.keys), value])
    return out.getvalue().encode()


def encode_head(query: MetricQuery, start_us: int | None, end_us: int | None) -> bytes:
    """Write the members of a live snapshot that stand before its position and rows."""
    return _encoder.encode(_about(query, start_us, end_us))[1:-1] + b","


def _about(query: MetricQuery, start_us: int | None, end_us: int | None) -> dict[str, Any]:
    zone = query.zone
    return {
        "metric": query.metric,
        "interval": query.interval.value if query.interval else None,
        "tz": zone.key,
        "from": None if start_us is None else label(start_us, zone),
        "to": None if end_us is None else label(end_us, zone),
    }


def _row(query: MetricQuery, row: AnswerRow) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if row.bucket_us is not None:
        shown["time"] = label(row.bucket_us, query.zone)
    shown.update(zip(query.by, row.keys, strict=False))
    shown["value"] = row.value
    return shown
