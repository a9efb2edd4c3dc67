"""Kills the taps' server and its PostgreSQL catalog in turn while ten teams send, and recounts.

In the flow: run by ``test_examples_kills``.
Guarantee: what is compared was worked out from the taps that were acknowledged, in plain Python;
it is asked for as the example's old client does, with each team's own key.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import httpx2
import msgspec

from livetally.cli.demo_examples import Example
from livetally.testing import Server
from tests.e2e.walls import talk
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Process

__all__ = ["Keys", "Sent", "compare", "send_and_kill"]

Tap = dict[str, Any]

_FIRST_DAY, _LAST_DAY = "2024-11-01", "2026-10-31"
_SENDERS = 3
_TEAMS = 10
_HISTORY = 900
_BATCH = 20
_MORE = 600
_TRIES = 30
_AGAIN = 0.2
_US = 1_000_000


class Keys(NamedTuple):
    """The keys of a team: one that sends, and one that asks."""

    write: str
    read: str


class Sent(NamedTuple):
    """Each team's keys, and the taps that were acknowledged to any of them."""

    keys: dict[str, Keys]
    taps: list[Tap]


class Senders:
    """Threads that send taps with their teams' keys, each body until it is acknowledged."""

    def __init__(
        self,
        server: Server,
        example: Example,
        history: Sequence[Tap],
        keys: dict[str, Keys],
        seed: int,
    ) -> None:
        """Send the history, and then what is drawn from ``seed``."""
        self._server = server
        self._keys = keys
        self._stop = threading.Event()
        self._abandoned = threading.Event()
        self.acknowledged: list[Tap] = []
        self.failures: list[BaseException] = []
        self.tried = 0
        self.in_vain = 0
        self._threads = [
            threading.Thread(
                target=self._send, args=(history[number::_SENDERS], example, seed, number)
            )
            for number in range(_SENDERS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        if kind is not None:
            self._abandoned.set()  # what failed may never answer again
        for thread in self._threads:
            thread.join()

    def until_more(self) -> None:
        """Wait until more taps are acknowledged.

        Raises:
            AssertionError: they are not, or a sender was answered what it should not be.
        """
        enough = len(self.acknowledged) + _MORE

        def more() -> bool:
            if self.failures:
                raise self.failures[0]
            return len(self.acknowledged) > enough

        until(more, "more taps", 60)

    def until_tried(self) -> None:
        """Wait until taps were sent in vain, or taken by a server that needs no catalog for it."""
        enough = self.tried + _TRIES
        until(lambda: self.tried > enough, "more to be sent", 60)

    def _send(self, history: Sequence[Tap], example: Example, seed: int, number: int) -> None:
        random = Random(f"{seed} again {number}")
        earlier: list[tuple[str, list[Tap]]] = []
        try:
            with talk(self._server) as client:
                for team, taps in _by_team(_taps(history, example, seed, number)):
                    if self._stop.is_set() or not self._deliver(client, team, taps):
                        return
                    self.acknowledged.extend(taps)
                    earlier.append((team, taps))
                    # As after an answer that was lost: what is known already must not count again,
                    # also when the server has been killed since.
                    if random.random() < _AGAIN and not self._deliver(
                        client, *random.choice(earlier)
                    ):
                        return
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.failures.append(error)

    def _deliver(self, client: httpx2.Client, team: str, taps: Sequence[Tap]) -> bool:
        """Send until it is acknowledged; false when nobody wants to know any more."""
        headers = {"x-api-key": self._keys[team].write}
        while not self._abandoned.is_set():
            self.tried += 1
            try:
                reply = client.post("/v1/events", json=taps, headers=headers)
            except httpx2.TransportError:
                self.in_vain += 1
            else:
                if reply.is_success:
                    told = reply.json()
                    assert told["stored"] + told["duplicates"] == len(taps), told
                    return True
                assert reply.status_code == 503, reply.text
                self.in_vain += 1
            self._abandoned.wait(0.05)
        return False


def _lines(body: bytes) -> list[Tap]:
    return msgspec.json.Decoder(Tap).decode_lines(body)


def _taps(history: Sequence[Tap], example: Example, seed: int, number: int) -> Iterator[Tap]:
    """Yield a part of the example's history, then taps as it makes them, of all its two years."""
    yield from history
    random = Random(f"{seed} {number}")
    first_us, last_us = (
        int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * _US
        for day in (_FIRST_DAY, _LAST_DAY)
    )
    for _, made in example.live(random):
        # The rest of the division keeps the senders' taps apart: the instant is part of the id.
        yield from _lines(made(random.randrange(first_us, last_us, _SENDERS) + number))


def _by_team(taps: Iterator[Tap]) -> Iterator[tuple[str, list[Tap]]]:
    """Yield bodies of one team each; a team with few taps sends fewer at a time."""
    waiting: dict[str, list[Tap]] = defaultdict(list)
    for count, tap in enumerate(taps):
        team = tap["data"]["team"]
        waiting[team].append(tap)
        full = [team] if len(waiting[team]) == _BATCH else []
        for name in full or (list(waiting) if count % 500 == 0 else []):
            yield name, waiting.pop(name)


def _keys(server: Server, teams: Sequence[str]) -> dict[str, Keys]:
    """Make the teams, and their keys."""
    made: dict[str, Keys] = {}
    with talk(server, server.key) as operator:
        for team in teams:
            assert operator.post("/v1/teams", json={"name": team}).status_code == 201
            texts = []
            for scope in Keys._fields:
                body = {"team": team, "name": scope, "scopes": [scope]}
                texts.append(operator.post("/v1/keys", json=body).json()["key"])
            made[team] = Keys(*texts)
    return made


def send_and_kill(server: Server, catalog: Process, example: Example, seed: int) -> Sent:
    """Have ten teams send; kill the server, its catalog, both at once, and the server again.

    Raises:
        AssertionError: a sender was answered what it should not be.
    """
    history = _lines(next(example.history(0))[1])[:_HISTORY]
    keys = _keys(server, sorted({tap["data"]["team"] for tap in history}))
    assert len(keys) == _TEAMS
    with Senders(server, example, history, keys, seed) as senders:
        senders.until_more()
        for killed in ("server", "catalog", "both", "server"):
            if killed != "catalog":
                server.kill()
            if killed != "server":
                catalog.kill()
                senders.until_tried()
                catalog.start()
            if killed != "catalog":
                server.start()
            senders.until_more()
    if senders.failures:
        raise senders.failures[0]
    print(f"{len(senders.acknowledged)} taps, sent in vain {senders.in_vain} times")  # noqa: T201
    return Sent(keys, senders.acknowledged)


def compare(server: Server, sent: Sent, what: str) -> None:
    """Ask as the old client does, with each team's key, and for every tag that the team can see.

    Raises:
        AssertionError: a team sees other taps than its own; its name follows on ``what``.
    """
    for team, keys in sent.keys.items():
        own = [tap for tap in sent.taps if tap["data"]["team"] == team]
        with talk(server, None, **{"x-api-key": keys.read}) as client:
            for interval, length in (("day", 10), ("month", 7)):
                ask = {"startDate": _FIRST_DAY, "endDate": _LAST_DAY, "interval": interval}
                reply = client.post("/v1/api/tap/analytics", json=ask)
                assert reply.status_code == 200, f"{what}: {team}: {reply.text}"
                # Days without a tap are there as well, with 0.
                rows = [row for row in reply.json()["data"] if row["count"]]
                seen = {row["date"][:length]: row["count"] for row in rows}
                expected = Counter(tap["time"][:length] for tap in own)
                assert seen == expected, f"{what}: {team}: by {interval}"
            rows = client.get("/v1/metrics/taps?by=team,tag").json()["rows"]
        tags = {(row["team"], row["tag"]): row["value"] for row in rows}
        assert tags == Counter((team, tap["subject"]) for tap in own), f"{what}: {team}: its tags"
