"""Incidents of a plant: thirty days of them before a date, then those of now.

In the flow: hands bodies of NDJSON to ``livetally demo``; run by itself it writes the thirty days
to standard output.
Guarantee: the same day gives the same events in the order of time, each with an id of its own; an
incident is updated and completed only after it was opened.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from random import Random
from typing import Any, Final

__all__ = ["EVENTS_TOTAL", "Incidents", "events", "example"]

_MACHINES: Final = ("press 1", "press 2", "mill", "kiln", "conveyor", "packing line", "crane")
_WRONG: Final = (
    "bearing runs hot",
    "emergency stop pressed",
    "no signal from the encoder",
    "oil pressure low",
    "paper jam",
    "temperature out of range",
    "vibration above limit",
)
_SEVERITIES: Final = ("low", "low", "low", "medium", "medium", "high")
_INCIDENTS: Final = 900
_SEED: Final = 5
_END: Final = datetime(2026, 11, 25, tzinfo=UTC)
_SECONDS: Final = 30 * 86_400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PER_BODY: Final = 1_000
_PER_SECOND: Final = 0.5
_OPEN_MAX: Final = 25
_UPDATED: Final = 0.35
_COMPLETED: Final = 0.985
_OVERRIDDEN: Final = 0.06
_SOURCE: Final = "plant"

_Made = tuple[float, str, str, dict[str, str]]


def _opened(random: Random) -> dict[str, str]:
    return {
        "machine": random.choice(_MACHINES),
        "severity": random.choice(_SEVERITIES),
        "text": random.choice(_WRONG),
        "status": "open",
    }


def _life(random: Random, name: str, start_s: float) -> Iterator[_Made]:
    """Yield what happens to one incident, with the seconds at which it does."""
    yield start_s, "incident_opened", name, _opened(random)
    at_s = start_s + random.expovariate(1 / 5_400)
    if random.random() < _UPDATED:
        yield at_s, "incident_updated", name, {"severity": random.choice(_SEVERITIES)}
        at_s += random.expovariate(1 / 3_600)
    if random.random() < _COMPLETED:
        who = random.choice(("machine", "ada", "bo", "carl"))
        yield at_s, "incident_completed", name, {"status": "completed", "by": who}
        if random.random() < _OVERRIDDEN:
            at_s += random.expovariate(1 / 900)
            yield at_s, "incident_updated", name, {"status": "open", "by": "machine"}
            at_s += random.expovariate(1 / 3_600)
            yield at_s, "incident_completed", name, {"status": "completed", "by": "machine"}


def _made() -> list[_Made]:
    random = Random(_SEED)
    starts = sorted(random.random() * _SECONDS for _ in range(_INCIDENTS))
    lives = [
        made
        for number, start_s in enumerate(starts)
        for made in _life(random, f"INC-{number + 1:05}", start_s)
    ]
    return sorted(made for made in lives if made[0] < _SECONDS)


def _event(made: _Made, number: int) -> dict[str, Any]:
    at_s, kind, name, data = made
    time = _END + timedelta(seconds=int(at_s) - _SECONDS)
    return {
        "type": kind,
        "id": f"{name}-{number}",
        "source": _SOURCE,
        "time": time.isoformat().replace("+00:00", "Z"),
        "subject": name,
        "data": data,
    }


def events() -> Iterator[dict[str, Any]]:
    """Yield every event of the thirty days, in the order of time."""
    for number, made in enumerate(_made()):
        yield _event(made, number)


EVENTS_TOTAL: Final = len(_made())


class Incidents:
    """What ``livetally demo`` shows: thirty days, then what happens now."""

    title = "Incidents of a plant"
    events_total = EVENTS_TOTAL
    stored = f"/v1/metrics/incident_events?where=source:{_SOURCE}"

    def history(self, skip: int) -> Iterator[tuple[int, bytes]]:
        """Yield bodies to send, without the first ``skip`` events."""
        left = islice(events(), skip, None)
        while batch := list(islice(left, _PER_BODY)):
            yield len(batch), "".join(json.dumps(event) + "\n" for event in batch).encode()

    def live(self, random: Random) -> Iterator[tuple[float, Callable[[int], bytes]]]:
        """Yield, without end, seconds to wait and what to send then, given the instant.

        Some are opened and some got worse; the oldest are completed by their machine when there are
        many, and now and then one is open again, whoever has completed it.
        """
        names: list[str] = []
        number = 0
        while True:
            wait_s = random.expovariate(_PER_SECOND)
            drawn = random.random()
            if len(names) > _OPEN_MAX:
                change = ("incident_completed", {"status": "completed", "by": "machine"})
                yield wait_s, partial(_now, *change, names.pop(0))
            elif names and drawn < _OVERRIDDEN:
                change = ("incident_updated", {"status": "open", "by": "machine"})
                yield wait_s, partial(_now, *change, random.choice(names))
            elif names and drawn < _UPDATED:
                worse = {"severity": random.choice(_SEVERITIES)}
                yield wait_s, partial(_now, "incident_updated", worse, random.choice(names))
            else:
                number += 1
                names.append(f"NEW-{random.randrange(10**6):06}-{number}")
                yield wait_s, partial(_now, "incident_opened", _opened(random), names[-1])


def _now(kind: str, data: dict[str, str], name: str, now_us: int) -> bytes:
    time = (_EPOCH + timedelta(microseconds=now_us)).isoformat().replace("+00:00", "Z")
    event = {"type": kind, "id": f"{now_us}-{name}", "source": "livetally-demo", "time": time}
    return json.dumps({**event, "subject": name, "data": data}).encode()


def example() -> Incidents:
    """Return what ``livetally demo`` needs of this example."""
    return Incidents()


def main() -> None:
    """Write the events of the thirty days to standard output, one a line."""
    sys.stdout.writelines(json.dumps(event) + "\n" for event in events())


if __name__ == "__main__":
    main()
