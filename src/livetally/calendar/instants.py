"""The one form in which instants travel inside the program: whole microseconds since 1970 in UTC.

In the flow: receives aware datetimes from the edge of the program, hands integers to every room.

Guarantee: exact in both directions; no float is involved.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = [
    "DAY_US",
    "EPOCH",
    "HOUR_US",
    "MAX_US",
    "MICROSECOND",
    "MINUTE_US",
    "MIN_US",
    "from_us",
    "to_us",
]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US


def to_us(moment: datetime) -> int:
    """Return the microseconds since 1970-01-01T00:00Z of an aware datetime; negative before.

    Raises:
        TypeError: for a datetime without a zone, which is no instant.
    """
    return (moment - EPOCH) // MICROSECOND


def from_us(instant_us: int) -> datetime:
    """Return the datetime in UTC of ``instant_us`` microseconds since 1970-01-01T00:00Z.

    Raises:
        OverflowError: outside the years 1 to 9999, which no accepted instant is.
    """
    return EPOCH + timedelta(microseconds=instant_us)


# The years that both Python and the engine's DateTime64 can show; both ends can be asked for.
# Source: ClickHouse reference, DateTime64, supported range of values.
MIN_US: Final = to_us(datetime(1900, 1, 1, tzinfo=UTC))
MAX_US: Final = to_us(datetime(2300, 1, 1, tzinfo=UTC)) - 1
