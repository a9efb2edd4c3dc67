"""An answer to a question about a metric: rows with exact values.

In the flow: built by ``question`` from a JSON answer and by ``watching`` from a picture, handed to
the program that asked.
Guarantee: no digit is lost: whole numbers are ``int`` of any size, numbers with a fraction are
``Decimal`` with the digits that the server wrote.

pandas and pyarrow are imported only by the method that needs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from livetally.errors import LivetallyError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Answer", "Row", "decode_exact"]

Row: TypeAlias = dict[str, Any]
"""The bucket's ``time`` when there is an interval, each dimension by name, and the ``value``."""

_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def decode_exact(body: bytes | str) -> dict[str, Any]:
    """Read a JSON object; numbers with a fraction become ``Decimal``."""
    return _decoder.decode(body)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Rows, and what they answer.

    Attributes:
        metric: the name that was asked for.
        interval: ``minute`` to ``year``; None for one total.
        tz: IANA name of the zone that the buckets follow.
        start: first instant covered, RFC 3339; None when there is none.
        end: instant at which the range ends, itself not covered.
        position: everything committed up to here is counted.
        rows: ordered as asked.
        truncated: whether there are more rows than were asked for.
    """

    metric: str
    interval: str | None
    tz: str
    start: str | None
    end: str | None
    position: int
    rows: list[Row]
    truncated: bool = False

    @classmethod
    def read(cls, body: bytes) -> Answer:
        """Build an answer from its JSON."""
        return cls.of(decode_exact(body))

    @classmethod
    def of(cls, members: dict[str, Any]) -> Answer:
        """Build an answer from the members of its JSON."""
        return cls(
            metric=members["metric"],
            interval=members["interval"],
            tz=members["tz"],
            start=members["from"],
            end=members["to"],
            position=members["position"],
            rows=members["rows"],
            truncated=members.get("truncated", False),
        )

    @property
    def value(self) -> Any:
        """The value of an answer that is one number; None when nothing was counted.

        Raises:
            LivetallyError: the answer has several rows.
        """
        if len(self.rows) > 1:
            raise LivetallyError(f"This answer has {len(self.rows)} values; look at its rows.")
        return self.rows[0]["value"] if self.rows else None

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self, *, exact: bool = False) -> Any:
        """Return the rows as a pandas data frame; ``time`` is of the asked zone.

        Args:
            exact: keep numbers with a fraction as ``Decimal`` objects instead of floats.

        Raises:
            LivetallyError: pandas is not installed.
        """
        pandas = _imported("pandas")
        columns = self._columns()
        if not exact:
            columns = {name: _floats(values) for name, values in columns.items()}
        if "time" in columns:
            times = pandas.to_datetime(pandas.Series(columns["time"], dtype="str"), utc=True)
            columns["time"] = times.dt.tz_convert(self.tz)
        return pandas.DataFrame(columns)

    def to_arrow(self) -> pa.Table:
        """Return the rows as an Arrow table: decimals stay decimals, ``time`` is of the asked zone.

        Raises:
            LivetallyError: pyarrow is not installed.
        """
        pyarrow = _imported("pyarrow")
        columns = self._columns()
        arrays = {name: pyarrow.array(_alike(values)) for name, values in columns.items()}
        if "time" in columns:
            instants = [datetime.fromisoformat(text) for text in columns["time"]]
            arrays["time"] = pyarrow.array(instants, pyarrow.timestamp("us", self.tz))
        return pyarrow.table(arrays)

    def _columns(self) -> dict[str, list[Any]]:
        """Turn rows into columns; an answer without rows still has its time and its value."""
        names = self.rows[0] if self.rows else (["time", "value"] if self.interval else ["value"])
        return {name: [row[name] for row in self.rows] for name in names}


def _alike(values: list[Any]) -> list[Any]:
    """Make whole numbers decimals where they stand among decimals, as the value of a zero may."""
    if not any(isinstance(value, Decimal) for value in values):
        return values
    return [Decimal(value) if isinstance(value, int) else value for value in values]


def _floats(values: list[Any]) -> list[Any]:
    if not any(isinstance(value, Decimal) for value in values):
        return values
    return [float(value) if isinstance(value, (Decimal, int)) else value for value in values]


def _imported(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise LivetallyError(f"This needs {name}: pip install {name}") from None
