"""Payments of twelve users: the lines of ``events.jsonl`` as events, then made-up ones, now.

In the flow: reads the file beside it, hands bodies of NDJSON to ``livetally demo``; run by itself
it writes ``events.jsonl`` anew.
Guarantee: the same file gives the same events, each with an id of its own, so that sending any of
them again changes nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

__all__ = ["Payments", "event_of", "example", "lines", "made_up"]

_FILE: Final = Path(__file__).with_name("events.jsonl")
_EVENTS: Final = 600
_SEED: Final = 7
_SOURCE: Final = "events.jsonl"
_START: Final = datetime(2026, 9, 1, tzinfo=UTC)
_DAYS: Final = 84
_REFUNDS: Final = 0.12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND: Final = 0.7


def lines() -> list[dict[str, Any]]:
    """Return the lines of the file: ``userId``, ``name``, ``value``, and ``at``, when it was."""
    return [json.loads(line) for line in _FILE.read_text(encoding="utf-8").splitlines()]


def event_of(number: int, line: dict[str, Any]) -> dict[str, Any]:
    """Return a line as an event; its number is its id."""
    return {
        "type": line["name"],
        "id": f"line-{number}",
        "source": _SOURCE,
        "time": line["at"],
        "subject": line["userId"],
        "data": {"value": line["value"]},
    }


def _payment(random: Random) -> dict[str, Any]:
    user = f"user{min(int(random.expovariate(0.28)) + 1, 12)}"
    name = "subtract_revenue" if random.random() < _REFUNDS else "add_revenue"
    value = round(random.lognormvariate(3.4, 0.8), 2)
    return {"userId": user, "name": name, "value": value}


def made_up() -> Iterator[str]:
    """Yield the lines of the file, the same each time."""
    random = Random(_SEED)
    first = (("add", "user1", 100), ("subtract", "user1", 50), ("add", "user2", 200))
    payments = [{"userId": who, "name": f"{what}_revenue", "value": n} for what, who, n in first]
    payments += [_payment(random) for _ in range(_EVENTS - len(payments))]
    seconds = sorted(random.randrange(_DAYS * 86_400) for _ in payments)
    for after_s, payment in zip(seconds, payments, strict=True):
        at = (_START + timedelta(seconds=after_s)).isoformat().replace("+00:00", "Z")
        yield json.dumps({**payment, "at": at}) + "\n"


class Payments:
    """What ``livetally demo`` shows: three months, then what is paid now."""

    title = "Revenue of twelve users"
    events_total = _EVENTS
    stored = f"/v1/metrics/payments?where=source:{_SOURCE}"

    def history(self, skip: int) -> Iterator[tuple[int, bytes]]:
        """Yield one body to send, without the first ``skip`` events."""
        events = [event_of(number, line) for number, line in enumerate(lines())][skip:]
        yield len(events), "".join(json.dumps(event) + "\n" for event in events).encode()

    def live(self, random: Random) -> Iterator[tuple[float, Callable[[int], bytes]]]:
        """Yield, without end, seconds to wait and what to send then, given the instant."""
        while True:
            yield random.expovariate(_PER_SECOND), partial(_now, _payment(random))


def _now(payment: dict[str, Any], now_us: int) -> bytes:
    at = (_EPOCH + timedelta(microseconds=now_us)).isoformat().replace("+00:00", "Z")
    event = event_of(now_us, {**payment, "at": at})
    return json.dumps({**event, "source": "livetally-demo"}).encode()


def example() -> Payments:
    """Return what ``livetally demo`` needs of this example."""
    return Payments()


if __name__ == "__main__":
    sys.stdout.writelines(made_up())
