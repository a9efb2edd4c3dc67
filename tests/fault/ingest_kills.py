"""Kills a server again and again under concurrent senders, then has everything checked.

In the flow: called by ``test_ingest_kills`` with a seed; starts servers with faults and senders.
Guarantee: every point of ``POINTS`` is met in turn; where within it the crash falls, what is sent
and how the definition changes follow from the seed, as far as threads allow.
"""

from __future__ import annotations

import http.client
import random
import signal
import threading
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tests.fault.ingest_checker import check_statistics, check_store
from tests.fault.ingest_faulty_server import POINTS
from tests.fault.ingest_process import Fault, FaultyServer
from tests.fault.ingest_senders import Ledger, Sender

__all__ = ["Told", "definition", "kill_and_check"]

_SENDERS = 6
# A commit takes a millisecond: without it, two hundred kills end with millions of events.
_PACE_S = 0.03
_CHECK_EVERY = 50
_LONG_S = 90
_DELAYS_MS = {"while a merge runs": 60, "while a definition changes": 40}


class Told(NamedTuple):
    """What a run has done: kills by point, and what the senders have."""

    seed: int
    kills: Counter[str]
    before_ready: int
    sent: int
    acknowledged: int
    position: int
    retries: int


def definition(chance: random.Random | None = None) -> str:
    """Return the shop; with ``chance``, with a further metric by chosen dimensions."""
    lines = [
        'application = "shop"',
        "[event.sale]",
        'data.value = { type = "decimal", scale = 2, required = true }',
        'data.shop = "string"',
        'data.till = "integer"',
        '[metric.sales]\nevent = "sale"\naggregate = "count"\nby = ["shop"]',
        '[metric.revenue]\nevent = "sale"\naggregate = "sum"\nvalue = "value"\nby = ["shop"]',
    ]
    if chance:
        by = chance.sample(["shop", "till", "source", "subject"], chance.randint(1, 4))
        names = ", ".join(f'"{name}"' for name in by)
        lines.append(f'data.note{chance.randrange(30)} = "string"')
        lines.insert(5, lines.pop())
        lines.append(f'[metric.more]\nevent = "sale"\naggregate = "count"\nby = [{names}]')
    return "\n".join(lines)


def kill_and_check(server: FaultyServer, seed: int, kills: int, lies: Sequence[Fault] = ()) -> Told:
    """Let ``kills`` servers die under load, then compare everything with what was acknowledged.

    Args:
        server: on an empty directory; none of its servers runs.
        seed: of everything that is chosen by chance.
        kills: how many.
        lies: faults of every server, the last one too.

    Raises:
        AssertionError: an acknowledged event is lost, one is there twice, a statistic is not what
            a recount gives, a position went back; names the seed.
    """
    chance = random.Random(seed)
    ledger, stopping = Ledger(seed), threading.Event()
    senders = [Sender(server, ledger, "abcdefgh"[i], stopping, _PACE_S) for i in range(_SENDERS)]
    done: Counter[str] = Counter()
    before_ready = 0
    _define(server, lies)
    for sender in senders:
        sender.start()
    try:
        for number in range(kills):
            point = list(POINTS)[number % len(POINTS)]
            before_ready += not _one_kill(server, point, chance, lies)
            done[point] += 1
            _raise_from(senders)
            if number % _CHECK_EVERY == _CHECK_EVERY - 1:
                server.start(*lies)
                check_store(server, ledger)
                server.kill()
        server.start(*lies)
        stopping.set()
        for sender in senders:
            sender.join(_LONG_S)
            assert not sender.is_alive(), "a batch is never acknowledged"
        _raise_from(senders)
    finally:
        for sender in senders:
            sender.abandoned.set()
        stopping.set()
    check_statistics(server, check_store(server, ledger), seed)
    assert ledger.acknowledged == ledger.sent.keys()
    assert ledger.stored <= len(ledger.sent), "the answers count more events than were sent"
    retries = sum(sender.retries for sender in senders)
    assert server.stop() == 0
    return Told(
        seed,
        done,
        before_ready,
        len(ledger.sent),
        len(ledger.acknowledged),
        ledger.position,
        retries,
    )


def _define(server: FaultyServer, lies: Sequence[Fault]) -> None:
    assert server.start(*lies)
    _put(server, definition())
    assert server.stop() == 0


def _one_kill(
    server: FaultyServer, point: str, chance: random.Random, lies: Sequence[Fault]
) -> bool:
    """Run one server until it kills itself; return whether it got ready before."""
    fault = Fault(point, chance.randint(1, 8), chance.uniform(0, _DELAYS_MS.get(point, 15)))
    ready = server.start(*lies, fault)
    while ready and point == "while a definition changes" and server.running:
        try:
            _put(server, definition(chance))
        except (OSError, http.client.HTTPException):
            break
    assert server.wait() == -signal.SIGKILL, server.code
    return ready


def _put(server: FaultyServer, text: str) -> None:
    answer = server.request("PUT", "/v1/definitions/shop", text, "toml")
    assert answer.status == 200, answer


def _raise_from(senders: Sequence[Sender]) -> None:
    for sender in senders:
        if sender.failure is not None:
            raise sender.failure
