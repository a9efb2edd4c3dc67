"""Taps on the tags of ten teams: 200,000 over two years, the same each time, then more, now.

In the flow: hands bodies of NDJSON to ``livetally demo``; run by itself it writes ``tags.csv`` or
``taps.csv`` to standard output.
Guarantee: the same seed gives the same taps in the order of time, each with an id of its own.

Of realistic shape: a few tags get most taps, people tap by day and more on Saturdays, teams hang up
their tags one after the other, and there is a fair in September.
"""

from __future__ import annotations

import argparse
import json
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate, islice
from random import Random
from typing import Any, Final

__all__ = ["TAPS_TOTAL", "TEAMS", "Taps", "event_of", "example", "tags", "taps"]

TEAMS: Final = (
    "amber",
    "blue",
    "coral",
    "denim",
    "ebony",
    "fern",
    "gold",
    "hazel",
    "indigo",
    "jade",
)
TAPS_TOTAL: Final = 200_000

_SEED: Final = 2_024
_TAGS_PER_TEAM: Final = 25
_START: Final = datetime(2024, 11, 1, tzinfo=UTC)
_DAYS: Final = 730
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PER_BODY: Final = 5_000
_PER_SECOND: Final = 1.5
_SOURCE: Final = "taps.csv"
# How busy the hours of a day are, from midnight on, and the days of a week, from Monday on.
_BY_NIGHT: Final = (1, 1, 0, 0, 0, 1, 3, 8)
_BY_DAY: Final = (14, 15, 16, 20, 24, 22, 18, 19, 22, 26, 22, 16, 12, 8, 5, 2)
_HOURS: Final = (*_BY_NIGHT, *_BY_DAY)
_WEEKDAYS: Final = (8, 8, 9, 10, 13, 19, 12)
_FAIR_DAYS: Final = range(675, 682)
_FAIR: Final = 4


def tags() -> list[tuple[str, str]]:
    """Return every tag with its team."""
    return [
        (f"{team}-{number:02}", team) for team in TEAMS for number in range(1, _TAGS_PER_TEAM + 1)
    ]


def _weight_of_day(day: int) -> float:
    """Return how busy a day is: more every month, by the day of the week, most at the fair."""
    weekday = (_START + timedelta(days=day)).weekday()
    fair = _FAIR if day in _FAIR_DAYS else 1
    return _WEEKDAYS[weekday] * (1 + day / _DAYS) * fair


def _chosen(random: Random, sums: Sequence[float]) -> int:
    """Draw an index; ``sums`` are the weights up to it, added up."""
    return bisect_left(sums, random.random() * sums[-1])


def taps(total: int = TAPS_TOTAL) -> Iterator[tuple[str, str, str, str]]:
    """Yield ``(id, time, tag, team)``, in the order of time."""
    random = Random(_SEED)
    days = list(accumulate(map(_weight_of_day, range(_DAYS))))
    hours = list(accumulate(_HOURS))
    popular = list(accumulate(random.lognormvariate(0, 1.1) for _ in tags()))
    seconds = sorted(
        _chosen(random, days) * 86_400 + _chosen(random, hours) * 3_600 + random.randrange(3_600)
        for _ in range(total)
    )
    all_tags = tags()
    for number, second in enumerate(seconds):
        tag, team = all_tags[_chosen(random, popular)]
        # A team has its first tags up before the first month is over, its last after half a year.
        while int(tag[-2:]) * 7 * 86_400 > second + 30 * 86_400:
            tag, team = all_tags[_chosen(random, popular)]
        time = (_START + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")
        yield f"tap-{number:06}", time, tag, team


def event_of(tap: tuple[str, str, str, str], source: str = _SOURCE) -> dict[str, Any]:
    """Return a tap as an event."""
    name, time, tag, team = tap
    event = {"type": "tap", "id": name, "source": source, "time": time, "subject": tag}
    return {**event, "data": {"tag": tag, "team": team}}


class Taps:
    """What ``livetally demo`` shows: two years of all teams, then what is tapped now."""

    title = "Taps on the tags of ten teams"
    events_total = TAPS_TOTAL
    stored = f"/v1/metrics/taps?where=source:{_SOURCE}"

    def history(self, skip: int) -> Iterator[tuple[int, bytes]]:
        """Yield bodies to send, without the first ``skip`` events."""
        events = map(event_of, islice(taps(), skip, None))
        while batch := list(islice(events, _PER_BODY)):
            yield len(batch), "".join(json.dumps(event) + "\n" for event in batch).encode()

    def live(self, random: Random) -> Iterator[tuple[float, Callable[[int], bytes]]]:
        """Yield, without end, seconds to wait and what to send then, given the instant."""
        all_tags = tags()
        while True:
            tag, team = all_tags[min(int(random.paretovariate(0.6)), len(all_tags)) - 1]
            yield random.expovariate(_PER_SECOND), partial(_now, tag, team)


def _now(tag: str, team: str, now_us: int) -> bytes:
    time = (_EPOCH + timedelta(microseconds=now_us)).isoformat().replace("+00:00", "Z")
    return json.dumps(event_of((f"{now_us}-{tag}", time, tag, team), "livetally-demo")).encode()


def example() -> Taps:
    """Return what ``livetally demo`` needs of this example."""
    return Taps()


def main() -> None:
    """Write a CSV file: the taps, of one team with ``--team``, or the tags with ``--tags``."""
    options = argparse.ArgumentParser(description="Write made-up taps as CSV.")
    options.add_argument("--tags", action="store_true", help="write the tags and their teams")
    options.add_argument("--team", choices=TEAMS, help="write the taps on this team's tags only")
    chosen = options.parse_args()
    out = sys.stdout
    if chosen.tags:
        out.write("tag,team\n")
        out.writelines(f"{tag},{team}\n" for tag, team in tags())
        return
    out.write("id,tag,tapped_at\n")
    for name, time, tag, team in taps():
        if chosen.team in (None, team):
            out.write(f"{name},{tag},{time}\n")


if __name__ == "__main__":
    main()
