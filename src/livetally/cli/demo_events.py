"""Sends an example's events to the demo's server: its history once, then what happens now.

In the flow: receives bodies from an ``Example``, sends them as any client would, over HTTP.
Guarantee: every event is sent until it is acknowledged, and sending it again is harmless, because
it has an id; only being told to end comes between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

import httpx2

from livetally.cli.demo_examples import Example
from livetally.cli.demo_stop import Stop
from livetally.clock import Clock
from livetally.errors import LivetallyError

__all__ = ["Api", "keep_coming", "load"]

# The same draws in every demo: what differs is only when.
_SEED: Final = 2013
_TIMEOUT_S: Final = 60.0
_PAUSE_S: Final = 0.2
_TRY_AGAIN: Final = frozenset({429, 503})


class Api:
    """The few requests of the demo; one that fails for now is sent again."""

    def __init__(self, url: str, key: str, stop: Stop) -> None:
        """Talk to the server at ``url`` with ``key``, until ``stop``."""
        self._stop = stop
        self._client = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_S,
            trust_env=False,  # a proxy has no business between a demo and its own machine
        )

    def wait_until_ready(self) -> None:
        """Return when the server is ready to store and to answer."""
        self._answer("GET", "/readyz")

    def signin_path(self) -> str:
        """Return the path of a link that signs in once."""
        return str(self._answer("POST", "/v1/session/link")["url"])

    def total(self, request: str) -> int:
        """Return the value of a metric's total; 0 without an event."""
        rows = self._answer("GET", request)["rows"]
        return int(rows[0]["value"]) if rows else 0

    def send(self, ndjson: bytes) -> None:
        """Send events; return when they are durable.

        Raises:
            LivetallyError: the server refused one of them.
        """
        headers = {"Content-Type": "application/x-ndjson"}
        reply = self._answer("POST", "/v1/events", content=ndjson, headers=headers)
        for refused in reply["rejected"]:
            reason = f"{refused['field']}: {refused['error']}"
            raise LivetallyError(f"The server refused an event of the example: {reason}")

    def _answer(self, method: str, request: str, **content: Any) -> dict[str, Any]:
        while True:
            try:
                response = self._client.request(method, request, **content)
            except httpx2.TransportError:
                pass  # it starts, or it has ended: then ``stop`` knows
            else:
                if response.is_success:
                    return dict(response.json())
                if response.status_code not in _TRY_AGAIN:
                    raise LivetallyError(f"{method} {request}: {response.text}")
            self._stop.pause(_PAUSE_S)


def load(example: Example, api: Api, advance: Callable[[int], None]) -> None:
    """Send what is missing of an example's history; blocks until it is durable.

    Args:
        example: whose history to send.
        api: where to.
        advance: called with the number of events that were already there, then with the number in
            each body that was acknowledged.

    Raises:
        LivetallyError: the server refused an event, or counts another number in the end.
    """
    if not example.events_total:
        return
    have = api.total(example.stored)
    advance(have)
    # One body is sent after the other, so what is there is the beginning; should it be anything
    # else, then everything is sent again, and what was there already is not counted twice.
    for skip in (have, 0):
        if have == example.events_total:
            return
        for events, body in example.history(skip):
            api.send(body)
            advance(events)
        have = api.total(example.stored)
    if have != example.events_total:
        raise LivetallyError(
            f"{example.title}: {have} events are stored, {example.events_total} were expected."
            " Remove the demo's directory to start anew."
        )


def keep_coming(
    examples: Sequence[Example], api: Api, stop: Stop, clock: Clock, say: Callable[[str], None]
) -> None:
    """Say what to expect, and send what happens live; returns only by being told to end."""
    lives = [example.live(Random(_SEED)) for example in examples]  # noqa: S311
    due: list[tuple[float, int, Callable[[int], bytes]]] = []

    def plan(place: int) -> None:
        for wait_s, make in lives[place]:
            heappush(due, (clock.monotonic_s() + wait_s, place, make))
            return

    for place in range(len(lives)):
        plan(place)
    coming = "New events keep coming." if due else "Nothing more comes by itself."
    say(f"{coming} Ctrl-C ends the demo.")
    while due:
        at_s, place, make = heappop(due)
        stop.pause(at_s - clock.monotonic_s())
        api.send(make(clock.now_us()))
        plan(place)
    stop.pause()
