"""Lengths of time and instants as options write them: ``10m``, ``30d``, ``-30d``, ``2026-01-01``.

In the flow: receives the texts of options, hands microseconds to commands.
Guarantee: what can't be read is a wrong use that shows how to write it.
"""

from __future__ import annotations

import re

from livetally.cli.codes import WrongUsage

__all__ = ["duration_us", "instant_us"]

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw])", re.ASCII)
_US = 1_000_000
_HOUR_US = 3_600 * _US


def duration_us(text: str, option: str) -> int:
    """Return a length of time in microseconds: a number and s, m, h, d or w.

    Raises:
        WrongUsage: it is none.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise WrongUsage(f"{option}: '{text}' is no length of time; write 90s, 10m, 2h, 30d or 4w.")
    return int(float(found[1]) * _UNITS_S[found[2]] * _US)


def instant_us(text: str, option: str, now_us: int) -> int:
    """Return an instant: ``now``, a date or time, or a length before now, such as ``-30d``.

    What is so long before now is brought down to a whole hour, so that a command that is repeated
    within the hour means the same.

    Raises:
        WrongUsage: it is none.
    """
    from livetally.calendar import find_zone, parse_instant
    from livetally.errors import BadInput

    if text == "now":
        return now_us
    if text.startswith("-"):
        return (now_us - duration_us(text[1:], option)) // _HOUR_US * _HOUR_US
    try:
        return parse_instant(text, find_zone("UTC"), option)
    except BadInput as error:
        raise WrongUsage(error.message) from None
