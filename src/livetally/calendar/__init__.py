"""Intervals and buckets in civil time, as integers that an engine without time zones can compare.

In the flow: receives names and texts from a question, hands instants, bucket edges and labels to
``query``, ``live``, ``console`` and ``simulate``.

Guarantee: pure arithmetic on the time zones of the ``tzdata`` package; the answer depends on
nothing of the machine, and an instant is never rounded. Every function can be called
from any thread and does not wait, but for the first use of a zone, which reads one small file.

    intervals.py  which lengths a bucket can have
    zones.py      an IANA name -> a time zone
    instants.py   datetime <-> microseconds
    offsets.py    where a zone's distance from UTC changes
    edges.py      the instants at which buckets begin
    periods.py    the bucket that contains now; the period to compare with
    texts.py      text -> instant -> text
    cron.py       a schedule -> the next instant that it names
"""

from __future__ import annotations

from livetally.calendar.cron import Cron, next_cron, parse_cron
from livetally.calendar.edges import aligned, edges
from livetally.calendar.instants import MAX_US, MIN_US, from_us, to_us
from livetally.calendar.intervals import Interval
from livetally.calendar.periods import current_bucket, previous
from livetally.calendar.texts import label, labels, parse_instant
from livetally.calendar.zones import find_zone

__all__ = [
    "MAX_US",
    "MIN_US",
    "Cron",
    "Interval",
    "aligned",
    "current_bucket",
    "edges",
    "find_zone",
    "from_us",
    "label",
    "labels",
    "next_cron",
    "parse_cron",
    "parse_instant",
    "previous",
    "to_us",
]
