"""Events that look like life, made from a definition, a seed and a beginning.

In the flow: receives a ``Simulation`` from ``definitions``, hands events to ``cli``, which sends
them.

Guarantee: pure; the same simulation, seed, rate and beginning make the same events in the same
order, with the same ids, on every machine and Python; memory is bounded by the entities that live.

    chance.py    the draws: numbers between 0 and 1 and what is made of them
    rhythm.py    how busy an instant is
    drawing.py   a declared draw -> a function that draws
    living.py    the entities that there are, and the state of each
    scenario.py  the simulation as a stream of events
    pace.py      when an event is due, and whole streams in order of time
"""

from __future__ import annotations

from livetally.simulate.pace import Pace, merged
from livetally.simulate.scenario import Acted, Scenario, Simulated

__all__ = ["Acted", "Pace", "Scenario", "Simulated", "merged"]
