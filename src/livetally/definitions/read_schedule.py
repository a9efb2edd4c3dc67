"""Reads when a source is fetched: ``every = "5 minutes"``, or ``cron`` with a zone.

In the flow: receives a source's table from ``read_sources``; ``sources`` also reads a schedule that
a person sets later.

Guarantee: a schedule that was read has a next time.
"""

from __future__ import annotations

import re
from typing import Final

from livetally.calendar import find_zone, next_cron, parse_cron
from livetally.definitions.source import Schedule
from livetally.definitions.table import Table
from livetally.errors import BadInput

__all__ = ["length_s", "read_schedule", "schedule_of"]

_UNITS_S: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,6}) (second|minute|hour|day|week)s?")
_EVERY_S_MAX: Final = 366 * 86_400


def length_s(text: str, field: str) -> int:
    """Return a length of time in seconds: ``5 minutes``.

    Raises:
        BadInput: it is none.
    """
    found = _LENGTH.fullmatch(text)
    seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not 1 <= seconds <= _EVERY_S_MAX:
        raise BadInput(field, "must be a length of time such as '30 seconds', '5 minutes', '1 day'")
    return seconds


def schedule_of(every: str, cron: str, tz: str, jitter: str) -> Schedule:
    """Read a schedule from its parts; "" stands for what is not given.

    Raises:
        BadInput: names the part and the reason.
    """
    if bool(every) == bool(cron):
        raise BadInput("every", "give either 'every', such as '5 minutes', or 'cron'")
    zone_name = tz or "UTC"
    zone = find_zone(zone_name)
    jitter_s = length_s(jitter, "jitter") if jitter else 0
    if every:
        every_s = length_s(every, "every")
        if jitter_s >= every_s:
            raise BadInput("jitter", "must be shorter than 'every'")
        return Schedule(every_s=every_s, jitter_s=jitter_s, text=f"every {every}")
    if next_cron(parse_cron(cron, "cron"), 0, zone) is None:
        raise BadInput("cron", "names a day that no calendar has")
    return Schedule(cron=cron, tz=zone_name, jitter_s=jitter_s, text=f"cron {cron} ({zone_name})")


def read_schedule(table: Table) -> Schedule:
    """Read a source's schedule."""
    every, cron, tz, jitter = (table.text(key) for key in ("every", "cron", "tz", "jitter"))
    try:
        return schedule_of(every, cron, tz, jitter)
    except BadInput as error:
        known = error.field if error.field in ("every", "cron", "tz", "jitter") else "cron"
        table.problem(error.reason, *((known,) if known in table.given() else ()))
        return Schedule(every_s=300)
