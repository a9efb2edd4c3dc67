"""An answer on the wire: JSON, CSV and Arrow.

In the flow: receives ``Answer`` and rows from ``query`` and ``live``, hands bytes to the routes.
Guarantee: a row is written the same way in an answer and in a live update; decimals are written as
numbers with every digit; the same content has the same ``ETag``, and another one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from livetally.api.tables import ARROW, CSV, as_arrow, as_csv
from livetally.calendar import label, labels
from livetally.query import Answer, AnswerRow, MetricQuery

__all__ = [
    "encode_head",
    "encode_rows",
    "encode_value",
    "marks_of",
    "written",
]

_encoder = msgspec.json.Encoder(decimal_format="number")


def encode_value(value: Any) -> bytes:
    """Write a value as JSON, decimals as numbers."""
    return _encoder.encode(value)


def encode_rows(query: MetricQuery, rows: Iterable[AnswerRow]) -> bytes:
    """Write rows as a JSON array."""
    listed = list(rows)
    if query.interval is None:
        begun: list[dict[str, Any]] = [{} for _ in listed]
    else:
        begun = [{"time": text} for text in _times(query, listed)]
    names = query.columns
    for one, row in zip(begun, listed, strict=True):
        if names:
            one.update(zip(names, row.keys, strict=False))
        if row.other:
            one["other"] = True
        one["value"] = row.value
        if query.compare:
            one["previous"] = row.previous
    return _encoder.encode(begun)


def encode_head(query: MetricQuery, start_us: int | None, end_us: int | None) -> bytes:
    """Write the members of a live snapshot that stand before its position and rows."""
    return _encoder.encode(_about(query, start_us, end_us))[1:-1] + b","


def written(answer: Answer, media_type: str) -> tuple[str, bytes]:
    """Write a whole answer as ``JSON``, ``CSV`` or ``ARROW``; return its ``ETag`` and the bytes.

    The tag changes whenever the content does. It is weak, because ``position`` moves on with every
    commit, also with those that change nothing here.

    Raises:
        UnsupportedMedia: Arrow, and pyarrow is not installed.

    Source: RFC 9110, section 8.8.1.
    """
    head = _head(answer)
    rows = _csv(answer) if media_type == CSV else encode_rows(answer.query, answer.rows)
    mark = blake2b(media_type.encode(), digest_size=12)
    mark.update(head)
    mark.update(rows)
    tag = f'W/"{mark.hexdigest()}"'
    if media_type == CSV:
        return tag, rows
    if media_type == ARROW:
        return tag, _arrow(answer)
    return tag, b"{" + head + b',"position":%d,"rows":' % answer.position + rows + b"}"


def marks_of(answer: Answer) -> dict[str, str]:
    """Return what an answer says of itself that its rows don't: for forms that have rows only."""
    marks: dict[str, str] = {}
    if answer.truncated:
        marks["truncated"] = "true"
    if answer.gone_before_us is not None:
        marks["gone_before"] = label(answer.gone_before_us, answer.query.zone)
    if answer.error:
        marks["standard_error"] = str(answer.error)
    return marks


def _head(answer: Answer) -> bytes:
    about = _about(answer.query, answer.start_us, answer.end_us)
    if answer.previous:
        start, end = labels(answer.previous, answer.query.zone)
        about["previous"] = {"from": start, "to": end}
    if answer.truncated:
        about["truncated"] = True
    if answer.gone_before_us is not None:
        about["gone_before"] = label(answer.gone_before_us, answer.query.zone)
    if answer.error:
        about["approximate"] = {"standard_error": answer.error}
    return _encoder.encode(about)[1:-1]


def _about(query: MetricQuery, start_us: int | None, end_us: int | None) -> dict[str, Any]:
    zone = query.zone
    return {
        "metric": query.metric,
        "interval": query.interval.value if query.interval else None,
        "tz": zone.key,
        "from": None if start_us is None else label(start_us, zone),
        "to": None if end_us is None else label(end_us, zone),
    }


def _times(query: MetricQuery, rows: Sequence[AnswerRow]) -> list[str]:
    """Write each row's bucket, each bucket once, however many groups it has."""
    starts = [row.bucket_us or 0 for row in rows]
    if not query.by:
        return labels(starts, query.zone)
    different = list(dict.fromkeys(starts))
    texts = dict(zip(different, labels(different, query.zone), strict=True))
    return [texts[start] for start in starts]


def _columns(answer: Answer) -> dict[str, list[Any]]:
    """Return an answer column by column, ``time`` as microseconds."""
    query, rows = answer.query, answer.rows
    columns: dict[str, list[Any]] = {}
    if query.interval:
        columns["time"] = [row.bucket_us for row in rows]
    for place, name in enumerate(query.columns):
        columns[name] = [row.keys[place] if row.keys else None for row in rows]
    if query.top is not None:
        columns["other"] = [row.other for row in rows]
    columns["value"] = [row.value for row in rows]
    if query.compare:
        columns["previous"] = [row.previous for row in rows]
    return columns


def _csv(answer: Answer) -> bytes:
    columns = _columns(answer)
    if "time" in columns:
        columns["time"] = _times(answer.query, answer.rows)
    return as_csv(columns)


def _arrow(answer: Answer) -> bytes:
    times = {"time": answer.query.zone.key} if answer.query.interval else {}
    return as_arrow(_columns(answer), times, answer.position, marks_of(answer))
