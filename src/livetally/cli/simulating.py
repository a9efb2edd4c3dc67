"""Sends a simulation's events when they are due, many together, and says what became of them.

In the flow: receives events in order of time from ``simulate``, hands lines to the client.
Guarantee: an event is sent until it is acknowledged, in the order of time; at most two batches are
in memory; while one is on its way the next one is made.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from livetally.cli.output import note, print_json
from livetally.cli.progress import running
from livetally.client import Client, Receipt
from livetally.clock import Clock
from livetally.simulate import Pace, Simulated

__all__ = ["Plan", "Sent", "print_events", "send_events"]

_BATCH_EVENTS_MAX = 5_000
_TOGETHER_S = 0.1
_PATIENCE_S = 600.0
_US = 1_000_000
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Plan(NamedTuple):
    """Which part of time a run is about, how fast the past goes by, and how many events at most."""

    start_us: int
    end_us: int | None
    speed: float | None
    events_max: int | None


class Sent(msgspec.Struct):
    """What became of the events of a run."""

    sent: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    conflicts: int = 0
    position: int = 0
    reason: str = ""

    def add(self, receipt: Receipt, events: int) -> None:
        """Count what the server said of a batch."""
        self.sent += events
        self.stored += receipt.stored
        self.duplicates += receipt.duplicates
        self.rejected += len(receipt.rejected)
        self.conflicts += len(receipt.conflicts)
        self.position = max(self.position, receipt.position)
        if receipt.rejected and not self.reason:
            first = receipt.rejected[0]
            self.reason = f"{first.field}: {first.error}"


class _Outgoing:
    """Batches on their way: one at a time, on a thread of its own."""

    def __init__(self, client: Client, thread: ThreadPoolExecutor, sent: Sent) -> None:
        self._client = client
        self._thread = thread
        self._sent = sent
        self._out: tuple[Future[Receipt], int] | None = None

    def send(self, lines: list[bytes]) -> None:
        """Send a batch once the one before it is acknowledged."""
        self.settle()
        out = self._thread.submit(self._client.send_lines, lines, timeout_s=_PATIENCE_S)
        self._out = (out, len(lines))

    def settle(self) -> None:
        """Wait until nothing is on its way.

        Raises:
            LivetallyError: the server did not take it.
        """
        if self._out is not None:
            out, events = self._out
            self._out = None
            self._sent.add(out.result(), events)


def print_events(events: Iterator[Simulated]) -> None:
    """Print events, one JSON object on a line."""
    for one in events:
        sys.stdout.write(_encode(one.event).decode() + "\n")


def send_events(
    events: Iterator[Simulated], plan: Plan, client: Client, clock: Clock, *, json: bool
) -> Sent:
    """Send events when they are due, until there are no more or Ctrl-C; print the result.

    Raises:
        LivetallyError: the server can't be reached, or refuses.
    """
    sent = Sent()
    pace = Pace(plan.start_us, clock.now_us(), plan.speed)
    began_s = clock.monotonic_s()
    with ThreadPoolExecutor(1) as thread, running("simulating", plan.start_us, plan.end_us) as show:
        outgoing = _Outgoing(client, thread, sent)
        try:
            for lines, reached_us in _batches(events, pace, clock):
                outgoing.send(lines)
                show(reached_us, sent.sent, clock.monotonic_s() - began_s)
        except KeyboardInterrupt:
            pass  # how a run without an end is ended; what is on its way still arrives
        outgoing.settle()
    _report(sent, clock.monotonic_s() - began_s, json=json)
    return sent


def _batches(
    events: Iterator[Simulated], pace: Pace, clock: Clock
) -> Iterator[tuple[list[bytes], int]]:
    """Yield lines that are due, and how far in the simulation's time they reach."""
    lines: list[bytes] = []
    reached_us = 0
    for one in events:
        while (wait_s := pace.wait_s(one.occurred_us, clock.now_us())) > 0:
            if lines:
                yield lines, reached_us
                lines = []
            # A little longer than needed: those that follow soon then go together.
            time.sleep(max(wait_s, _TOGETHER_S))
        lines.append(_encode(one.event))
        reached_us = one.occurred_us
        if len(lines) >= _BATCH_EVENTS_MAX:
            yield lines, reached_us
            lines = []
    if lines:
        yield lines, reached_us


def _report(sent: Sent, seconds: float, *, json: bool) -> None:
    if json:
        print_json(sent)
        return
    rate = f", {sent.sent / seconds:,.0f}/s" if seconds > 0 else ""
    print(
        f"Sent {sent.sent:,} events in {seconds:,.1f} s{rate}: {sent.stored:,} stored,"
        f" {sent.duplicates:,} stored before; counted at position {sent.position:,}."
    )
    if sent.rejected:
        note(f"livetally: {sent.rejected:,} rejected; the first: {sent.reason}")
    if sent.conflicts:
        note(f"livetally: {sent.conflicts:,} stored before with other content")
