"""Senders that never give up, and the ledger of what they sent and what was acknowledged.

In the flow: run as threads against a ``FaultyServer``; the checker compares its rows with the
ledger.
Guarantee: what an event says follows from its id and the seed, so a retry says the same; a batch is
sent until it is acknowledged; an acknowledgement that contradicts itself or an earlier one is an
error.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections.abc import Sequence
from typing import Any, Protocol

from tests.fault.ingest_process import Answer

__all__ = ["BASE_S", "DAYS", "Asked", "Ledger", "Sender"]

BASE_S = 1_762_000_000
"""Events lie in the ``DAYS`` before this instant (in 2025), seconds since 1970."""
DAYS = 40

_PAUSE_S = 0.05
_IN_A_BATCH_MAX = 30
_SHOPS = ("north", "south", "west", "øst")


class Asked(Protocol):
    """What takes requests: a server, or any of several."""

    def request(self, method: str, path: str, body: str = "") -> Answer:
        """Ask once. Raises OSError or http.client.HTTPException when there was no answer."""
        ...


class Ledger:
    """What was sent, what was acknowledged, and the newest position told. Any thread.

    ``rows_until`` is the newest position told that some row has to reach.
    """

    def __init__(self, seed: int, *, has_rows_at_each: bool = True) -> None:
        """Nothing was sent yet.

        Args:
            seed: of the events.
            has_rows_at_each: whether each position has rows: with a log, a message of nothing but
                repeated events has a position too.
        """
        self.seed = seed
        self.rows_until = 0
        self._has_rows_at_each = has_rows_at_each
        self.sent: dict[str, dict[str, Any]] = {}
        self.acknowledged: set[str] = set()
        self.position = 0
        self.stored = 0
        self._names: list[str] = []
        self._lock = threading.Lock()

    def event(self, name: str) -> dict[str, Any]:
        """Return the event of an id: always the same."""
        chance = random.Random(f"{self.seed} {name}")
        event: dict[str, Any] = {"type": "sale", "id": name, "source": f"till-{name[0]}"}
        if chance.random() < 0.8:
            event["time"] = _instant(chance)
        cents = chance.randrange(-50_000, 200_000)
        event["data"] = {
            "value": f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}",
            "shop": chance.choice(_SHOPS),
            "till": chance.randrange(3),
        }
        return event

    def batch(self, chance: random.Random, prefix: str) -> list[dict[str, Any]]:
        """Return new events, with some that others have sent, and some twice."""
        with self._lock:
            names = [
                chance.choice(self._names)
                if self._names and chance.random() < 0.15
                else f"{prefix}{chance.getrandbits(60):x}"
                for _ in range(chance.randint(1, _IN_A_BATCH_MAX))
            ]
            names += [name for name in names if chance.random() < 0.1]
            events = [self.event(name) for name in names]
            for event in events:
                if event["id"] not in self.sent:
                    self.sent[event["id"]] = event
                    self._names.append(event["id"])
        return events

    def acknowledge(self, events: Sequence[dict[str, Any]], answer: Answer, floor: int) -> None:
        """Note a 2xx to a request that was sent when ``floor`` was the newest position told.

        Raises:
            AssertionError: it does not account for every item, or the position went back.
        """
        told = answer.body
        assert told["rejected"] == [], told
        assert "conflicts" not in told, told
        assert told["stored"] + told["duplicates"] == len(events), told
        assert told["position"] >= floor, f"the position went back from {floor}: {told}"
        with self._lock:
            self.acknowledged.update(event["id"] for event in events)
            self.position = max(self.position, told["position"])
            self.stored += told["stored"]
            if told["stored"] or self._has_rows_at_each:
                self.rows_until = max(self.rows_until, told["position"])


def _instant(chance: random.Random) -> str:
    """Return an instant of the last days, to the microsecond; many are in the last two hours."""
    back_s = 7200 if chance.random() < 0.5 else DAYS * 86_400
    seconds = BASE_S - chance.randrange(1, back_s)
    day, second = divmod(seconds, 86_400)
    # Civil from days since 1970 would be the calendar's work; here the months are of 2025 only.
    first = 20_089  # 2025-01-01
    lengths = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    left, month = day - first, 0
    while left >= lengths[month]:
        left -= lengths[month]
        month += 1
    hour, rest = divmod(second, 3600)
    clock = f"{hour:02}:{rest // 60:02}:{rest % 60:02}.{chance.randrange(10**6):06}"
    return f"2025-{month + 1:02}-{left + 1:02}T{clock}Z"


class Sender(threading.Thread):
    """Sends batches, each until it is acknowledged; ends when told to, with nothing open."""

    def __init__(
        self,
        server: Asked,
        ledger: Ledger,
        prefix: str,
        stopping: threading.Event,
        pace_s: float = 0,
    ) -> None:
        """Send to ``server`` until ``stopping``; ``prefix`` is one letter, the sender's own.

        ``pace_s`` is waited after each batch, so that all can still be compared.
        """
        super().__init__(name=f"sender {prefix}", daemon=True)
        self._server = server
        self._ledger = ledger
        self._prefix = prefix
        self._stopping = stopping
        self._chance = random.Random(f"{ledger.seed} sender {prefix}")
        self._pace_s = pace_s
        self.retries = 0
        self.failure: BaseException | None = None
        self.abandoned = threading.Event()

    def run(self) -> None:
        """Send."""
        try:
            while not self._stopping.is_set():
                self._deliver(self._ledger.batch(self._chance, self._prefix))
                self._stopping.wait(self._pace_s)
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.failure = error

    def _deliver(self, events: list[dict[str, Any]]) -> None:
        body = json.dumps(events, ensure_ascii=False)
        while not self.abandoned.is_set():
            floor = self._ledger.position
            try:
                answer = self._server.request("POST", "/v1/events", body)
            except (OSError, http.client.HTTPException):
                self.retries += 1
                self.abandoned.wait(_PAUSE_S)
                continue
            if answer.status == 200:
                self._ledger.acknowledge(events, answer, floor)
                return
            assert answer.status == 503, answer
            assert "retry-after" in answer.headers, answer
            self.retries += 1
            self.abandoned.wait(_PAUSE_S)
