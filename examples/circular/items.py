"""Items that are made and change hands: two years of them, the same each time, then more, now.

In the flow: hands bodies of NDJSON to ``livetally demo``; run by itself it writes all events to
standard output.
Guarantee: the same seed gives the same events in the order of time, each with an id of its own; an
item is transferred only after it was created.
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
from uuid import UUID

__all__ = ["EVENTS_TOTAL", "Items", "events", "example"]

_KINDS: Final = (
    "bicycle",
    "bookcase",
    "camping stove",
    "cargo trailer",
    "chair",
    "child seat",
    "cordless drill",
    "desk lamp",
    "dinner table",
    "jigsaw",
    "mountain skis",
    "projector",
    "pushchair",
    "raincoat",
    "sewing machine",
    "tent",
)
_USERS: Final = 120
_ITEMS: Final = 1_500
_TRANSFERS: Final = 4_500
EVENTS_TOTAL: Final = len(_KINDS) + _USERS + _ITEMS + _TRANSFERS

_SEED: Final = 11
_START: Final = datetime(2024, 11, 1, tzinfo=UTC)
_SECONDS: Final = 730 * 86_400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PER_BODY: Final = 2_000
_PER_SECOND: Final = 0.8
_NEW: Final = 0.25
_SOURCE: Final = "items.py"


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _event(kind: str, after_s: int, name: str, data: dict[str, str]) -> dict[str, Any]:
    time = (_START + timedelta(seconds=after_s)).isoformat().replace("+00:00", "Z")
    return {"type": kind, "id": name, "source": _SOURCE, "time": time, "data": data}


def _names(random: Random) -> tuple[list[str], list[str], list[str]]:
    """Return the ids of base items, users and items."""
    counts = (len(_KINDS), _USERS, _ITEMS)
    kinds, users, items = ([_uuid(random) for _ in range(count)] for count in counts)
    return kinds, users, items


def events() -> Iterator[dict[str, Any]]:
    """Yield every event, in the order of time."""
    random = Random(_SEED)
    kinds, users, items = _names(random)
    named = dict(zip(kinds, _KINDS, strict=True))
    for name, description in named.items():
        data = {"base_item": name, "description": description}
        yield _event("base_item_added", 0, f"base-{name}", data)
    for user in users:
        yield _event("user_added", 0, f"user-{user}", {"user": user})
    moments = []
    for item in items:
        made = int(_SECONDS * random.betavariate(1.3, 1.6))
        moments.append((made, "item_created", item, random.choice(kinds)))
    made_at = [(made, item) for made, _, item, _ in moments]
    for _ in range(_TRANSFERS):
        made, item = random.choice(made_at)
        after = made + 60 + int((_SECONDS - made - 60) * random.betavariate(1, 2.5))
        moments.append((after, "item_transferred", item, random.choice(users)))
    for number, (after, kind, item, other) in enumerate(sorted(moments)):
        data = {"item": item, "owner": other}
        if kind == "item_created":
            data = {"item": item, "base_item": other, "kind": named[other]}
        yield _event(kind, after, f"{kind}-{number}", data)


class Items:
    """What ``livetally demo`` shows: two years, then what is made and transferred now."""

    title = "Items of a circular economy"
    events_total = EVENTS_TOTAL
    stored = f"/v1/metrics/circular_events?where=source:{_SOURCE}"

    def history(self, skip: int) -> Iterator[tuple[int, bytes]]:
        """Yield bodies to send, without the first ``skip`` events."""
        left = islice(events(), skip, None)
        while batch := list(islice(left, _PER_BODY)):
            yield len(batch), "".join(json.dumps(event) + "\n" for event in batch).encode()

    def live(self, random: Random) -> Iterator[tuple[float, Callable[[int], bytes]]]:
        """Yield, without end, seconds to wait and what to send then, given the instant."""
        kinds, users, items = _names(Random(_SEED))
        named = dict(zip(kinds, _KINDS, strict=True))
        while True:
            if random.random() < _NEW:
                items.append(_uuid(random))
                kind = random.choice(kinds)
                data = {"item": items[-1], "base_item": kind, "kind": named[kind]}
                made = ("item_created", data)
            else:
                made = (
                    "item_transferred",
                    {"item": random.choice(items[-200:]), "owner": random.choice(users)},
                )
            yield random.expovariate(_PER_SECOND), partial(_now, *made)


def _now(kind: str, data: dict[str, str], now_us: int) -> bytes:
    time = (_EPOCH + timedelta(microseconds=now_us)).isoformat().replace("+00:00", "Z")
    event = {"type": kind, "id": f"{now_us}-{data['item']}", "source": "livetally-demo"}
    return json.dumps({**event, "time": time, "data": data}).encode()


def example() -> Items:
    """Return what ``livetally demo`` needs of this example."""
    return Items()


def main() -> None:
    """Write every event to standard output, one a line."""
    sys.stdout.writelines(json.dumps(event) + "\n" for event in events())


if __name__ == "__main__":
    main()
