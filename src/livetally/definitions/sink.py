"""What a declared sink is: a table elsewhere that is kept equal to an entity, a metric or events.

In the flow: built by ``read_sinks``, carried to ``sinks``.

Guarantee: immutable; the entity, metric or event types exist, each column has a source, and no
password can stand in it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from livetally.calendar import Interval

__all__ = ["Sink", "SinkKind"]


class SinkKind(StrEnum):
    """What a row of the table is."""

    ENTITY = "entity"
    METRIC = "metric"
    EVENT = "event"


class Sink(msgspec.Struct, frozen=True):
    """One table that is kept.

    Attributes:
        name: unique among the sinks of a team.
        application: the application that declares it.
        to: where the table is, the first that is set: ``env:NAME`` (a variable that holds a URL) or
            ``sqlite:FILE`` (a file in the data directory).
        table: name of the table.
        kind: what a row is.
        of: the entity's or metric's name; the event types.
        columns: name of each column and what it holds, in order.
        interval: length of a metric's bucket; None for one total.
        tz: IANA name of the zone that a metric's buckets are in.
        by: a metric's dimensions.
        notify: PostgreSQL's channel that each change goes out on; "" for none.
    """

    name: str
    application: str
    to: tuple[str, ...]
    table: str
    kind: SinkKind
    of: tuple[str, ...]
    columns: dict[str, str]
    interval: Interval | None = None
    tz: str = "UTC"
    by: tuple[str, ...] = ()
    notify: str = ""
