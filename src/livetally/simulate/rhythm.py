"""How busy an instant is: the hours of a day and the days of a week in civil time.

In the flow: made by ``scenario`` from a simulation's weights, asked for every instant drawn.
Guarantee: averaged over the hours of a week the factor is 1, so that a rhythm moves events and
makes none; an hour that a zone has twice is as busy both times.
"""

from __future__ import annotations

from livetally.calendar import find_zone, from_us
from livetally.definitions import Simulation

__all__ = ["Rhythm"]

# Every zone's distance from UTC is a multiple of this, since 1972.
_QUARTER_US = 15 * 60 * 1_000_000


class Rhythm:
    """How busy instants are, compared with the average. Not safe for threads."""

    def __init__(self, simulation: Simulation) -> None:
        """Follow the weights of a simulation, in its zone."""
        self._zone = find_zone(simulation.tz)
        hours, days = simulation.hours, simulation.weekdays
        mean = sum(hours) / len(hours) * sum(days) / len(days)
        self._factors = [[hour * day / mean for hour in hours] for day in days]
        self.highest = max(max(day) for day in self._factors)
        self._quarter: int | None = None
        self._factor = 1.0

    def factor(self, instant_us: int) -> float:
        """Return how busy an instant is: 1 is the average, up to ``highest``."""
        quarter = instant_us // _QUARTER_US
        if quarter != self._quarter:
            civil = from_us(quarter * _QUARTER_US).astimezone(self._zone)
            self._quarter = quarter
            self._factor = self._factors[civil.weekday()][civil.hour]
        return self._factor
