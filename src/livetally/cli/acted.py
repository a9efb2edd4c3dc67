"""Finds what people have acted on, for simulations that sometimes override them.

In the flow: asked by a scenario for each step that overrides, asks the server for entities.
Guarantee: the server is asked at most once a minute for each question, well within the quota of a
key; when it can't answer, nothing is known to be acted on, and the simulation goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from livetally.client import Call, Client
from livetally.client.segments import segment
from livetally.clock import Clock
from livetally.definitions import Step, format_filter
from livetally.errors import LivetallyError

__all__ = ["People"]

_ASK_AGAIN_S = 60.0
_FOUND_MAX = "200"


class People:
    """The keys of entities that are in the states that people bring about."""

    def __init__(self, client: Client, clock: Clock) -> None:
        """Ask through ``client``."""
        self._client = client
        self._clock = clock
        self._began_us = clock.now_us()
        self._known: dict[tuple[str, ...], tuple[float, list[str]]] = {}

    def acted(self, step: Step, occurred_us: int) -> Sequence[str]:
        """Return the keys that a step may override; none when the server can't say.

        None either while the simulation is in the past, where nobody acts any more.
        """
        if occurred_us < self._began_us:
            return ()
        where = tuple(format_filter(one) for one in step.where)
        question = (step.changes, *where)
        asked_s, keys = self._known.get(question, (float("-inf"), []))
        now_s = self._clock.monotonic_s()
        if now_s - asked_s >= _ASK_AGAIN_S:
            keys = self._ask(step.changes, where)
            self._known[question] = (now_s, keys)
        return keys

    def _ask(self, entity: str, where: tuple[str, ...]) -> list[str]:
        params = (*(("where", text) for text in where), ("limit", _FOUND_MAX))
        call = Call("GET", f"/v1/entities/{segment(entity, 'entity')}", params, {}, None)
        try:
            found = self._client.request(call, again_s=0).read(msgspec.json.decode)
        except LivetallyError:
            return []
        return [str(one["key"]) for one in found["entities"]]
