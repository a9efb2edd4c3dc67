"""``livetally simulate``: events that look like life, from a definition's simulations.

In the flow: reads a definition, makes scenarios of it, hands their events to ``simulating``.
Guarantee: with the same file, seed and ``--from`` the same events are sent again, which count once;
``--dry-run`` prints them and needs no server.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from livetally.cli.codes import DONE, FAILED, WrongUsage
from livetally.cli.connection import LOCAL, Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from livetally.cli.simulating import Plan
    from livetally.definitions import Simulation
    from livetally.simulate import Acted, Simulated

__all__ = ["simulate"]


def simulate(
    file: Path,
    /,
    *names: str,
    start: Annotated[str, Parameter(name="--from", allow_leading_hyphen=True)] = "now",
    end: Annotated[str | None, Parameter(name="--to")] = None,
    length: Annotated[str | None, Parameter(name="--for")] = None,
    rate: float | None = None,
    seed: int | None = None,
    speed: float | None = None,
    count: int | None = None,
    dry_run: bool = False,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Send events that look like life, from a definition's simulations.

    Args:
        file: The definition file.
        names: Which of its simulations; all of them by default.
        start: Where to begin: now, a date or time (in UTC), or -30d: so long ago, on the hour.
        end: Where to end, exclusive: now, a date or time; by default it goes on until Ctrl-C.
        length: Instead of --to: how much time from the beginning, such as 90s, 10m, 2h, 30d.
        rate: Events a second, averaged over a week, instead of the definition's.
        seed: Where the draws begin, instead of the definition's.
        speed: Let the past go by so many times faster than time, not at once.
        count: End after so many events.
        dry_run: Print the events, one JSON object on a line, and send nothing; does not wait.
        json: Print the result as JSON.
        connection: How to reach the server.

    Returns:
        0 when every event was taken, else 1.

    Raises:
        LivetallyError: the file has mistakes, or the server can't be reached.
    """
    from livetally.cli.check import read_file
    from livetally.cli.simulating import Plan, print_events, send_events
    from livetally.clock import SystemClock

    chosen = _chosen(read_file(file).simulations, names, file)
    clock = SystemClock()
    start_us, end_us = _range(start, end, length, clock.now_us())
    _require(rate, speed, count)
    plan = Plan(start_us, end_us, speed, count)
    if dry_run:
        if end_us is None and count is None:
            raise WrongUsage("--dry-run needs an end: give --for, --to or --count.")
        print_events(_events(chosen, plan, rate, seed, None))
        return DONE
    with connection.open() as client:
        from livetally.cli.acted import People

        people = People(client, clock)
        events = _events(chosen, plan, rate, seed, people.acted)
        sent = send_events(events, plan, client, clock, json=json)
    return FAILED if sent.rejected or sent.conflicts else DONE


def _events(
    chosen: list[Simulation],
    plan: Plan,
    rate: float | None,
    seed: int | None,
    acted: Acted | None,
) -> Iterator[Simulated]:
    """Return the events of all simulations in order of time."""
    from livetally.simulate import Scenario, merged

    scenarios = [
        Scenario(simulation, plan.start_us, seed=seed, rate=rate, acted=acted)
        for simulation in chosen
    ]
    events = merged(scenario.events(plan.end_us) for scenario in scenarios)
    return islice(events, plan.events_max) if plan.events_max is not None else events


def _chosen(
    simulations: dict[str, Simulation], names: tuple[str, ...], file: Path
) -> list[Simulation]:
    from livetally.definitions import nearest

    if not simulations:
        raise WrongUsage(f"{file} has no simulation; declare one as [simulation.NAME].")
    for name in names:
        if name not in simulations:
            hint = nearest(name, simulations)
            meant = f"; did you mean '{hint}'?" if hint else ""
            raise WrongUsage(f"{file} has no simulation '{name}'{meant}")
    return [simulations[name] for name in dict.fromkeys(names or simulations)]


def _range(start: str, end: str | None, length: str | None, now_us: int) -> tuple[int, int | None]:
    from livetally.cli.durations import duration_us, instant_us

    if end is not None and length is not None:
        raise WrongUsage("--to and --for both say where to end: give one of them.")
    start_us = instant_us(start, "--from", now_us)
    if length is not None:
        return start_us, start_us + duration_us(length, "--for")
    end_us = None if end is None else instant_us(end, "--to", now_us)
    if end_us is not None and end_us <= start_us:
        raise WrongUsage("--to must lie after --from.")
    return start_us, end_us


def _require(rate: float | None, speed: float | None, count: int | None) -> None:
    for option, value in (("--rate", rate), ("--speed", speed), ("--count", count)):
        if value is not None and not 0 < value <= 1e9:  # noqa: PLR2004 - beyond any machine
            raise WrongUsage(f"{option} must be more than zero.")
