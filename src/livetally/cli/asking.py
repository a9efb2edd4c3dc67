"""The options of a question, the same for ``query`` and ``watch`` and with the names of HTTP.

In the flow: filled from the command line, handed to the client as ``Asked``.
Guarantee: an option that is not given is not sent: the server's own default holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from livetally.client import Asked

__all__ = ["WHOLE", "Range", "asked"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Range:
    """Which part of a metric, and how it is divided."""

    interval: str | None = None
    """minute, hour, day, week, month, quarter or year; one total without it."""

    start: Annotated[str | None, Parameter(name="--from")] = None
    """First instant: 2026, 2026-03, 2026-03-29, 2026-03-29T12:00 or with an offset."""

    end: Annotated[str | None, Parameter(name="--to")] = None
    """Where the range ends, itself not included."""

    tz: str | None = None
    """Time zone of the buckets and dates, such as Europe/Oslo; UTC by default."""

    by: list[str] | None = None
    """Dimension to group by; may be repeated, or a list with commas."""

    where: list[str] | None = None
    """Filter such as carrier:UA,AA or delay:>15; may be repeated."""

    fill: str | None = None
    """zero shows buckets without events too, none leaves them out."""


WHOLE = Range()
"""The default of every command: one total over everything."""


def asked(
    within: Range,
    *,
    order: str | None = None,
    limit: int | None = None,
    top: int | None = None,
    compare: str | None = None,
    min_position: int | None = None,
) -> Asked:
    """Return the arguments of ``Client.query``."""
    return {
        "interval": within.interval,
        "start": within.start,
        "end": within.end,
        "tz": within.tz,
        "by": within.by or (),
        "where": within.where or (),
        "fill": within.fill,
        "order": order,
        "limit": limit,
        "top": top,
        "compare": compare,
        "min_position": min_position,
    }
