"""Everything acknowledged counts once, and every view is right, whatever part of a cluster dies."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from livetally.testing import Server
from tests.cluster_room import ClusterRoom, cluster_room
from tests.fault.cluster_storm import AnyOf, Storm
from tests.fault.ingest_checker import check_statistics, check_store
from tests.fault.ingest_kills import definition
from tests.fault.ingest_senders import Ledger, Sender
from tests.fault.live_checker import DEFINITION, check
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)

# Hundreds take an hour: CLUSTER_STRIKES=100 pytest tests/fault/test_cluster_kills.py
STRIKES = int(os.environ.get("CLUSTER_STRIKES", "10"))
SENDERS = "abcdef"


@contextmanager
def fleet(room: ClusterRoom, path: Path) -> Iterator[dict[str, Server]]:
    """Start two processes of each role."""
    with ExitStack() as stack:
        processes = {
            f"{role}{number}": room.process(role, [path])
            for role in ("api", "loader")
            for number in range(2)
        }
        for process in processes.values():
            stack.enter_context(process)
        yield processes


def seeded() -> tuple[int, random.Random]:
    """Return the seed, and say it."""
    seed = int(os.environ.get("CLUSTER_SEED", random.randrange(10**6)))
    print(f"seed {seed}: repeat with CLUSTER_SEED={seed}")  # noqa: T201 - shown when it fails
    return seed, random.Random(seed)


@pytest.mark.timeout(60 + STRIKES * 30)
@pytest.mark.parametrize("partitions", [1, 3])
def test_what_was_acknowledged_counts_once_whatever_dies(
    postgresql_server: Database, tmp_path: Path, partitions: int
) -> None:
    """Parts are killed, stopped and restarted under load, alone and together."""
    seed, chance = seeded()
    path = tmp_path / "shop.toml"
    path.write_text(definition(), encoding="utf-8")
    ledger, stopping = Ledger(seed, has_rows_at_each=False), threading.Event()
    with (
        cluster_room(tmp_path, postgresql_server, partitions=partitions) as room,
        fleet(room, path) as processes,
    ):
        apis = [process for name, process in processes.items() if name.startswith("api")]
        senders = [Sender(AnyOf(apis, chance), ledger, name, stopping) for name in SENDERS]
        storm = Storm(room, postgresql_server, processes, chance)
        for sender in senders:
            sender.start()
        try:
            for _ in range(STRIKES):
                storm.strike()
                _raise_from(senders)
            stopping.set()
            for sender in senders:
                sender.join(120)
                assert not sender.is_alive(), f"seed {seed}: a batch is never acknowledged"
            _raise_from(senders)
        finally:
            stopping.set()
            for sender in senders:
                sender.abandoned.set()
        newest = f"/v1/events?limit=1&min_position={ledger.position}"
        for api in apis:
            asked = AnyOf([api], chance)
            until(partial(_answers, asked, newest), "what was acknowledged", 60)
            check_statistics(asked, check_store(asked, ledger), seed)
        assert ledger.acknowledged == ledger.sent.keys()
        print(f"{len(ledger.sent)} events, {ledger.position} messages, {dict(storm.done)}")  # noqa: T201


_BROKEN = {
    "lost": """
import livetally.cluster.log as log
publish, count = log.Log.publish, 0
async def lying(self, partition, body, number, deadline_s):
    global count
    count += 1
    if count % 10:
        return await publish(self, partition, body, number, deadline_s)
    return await self.last_of() + 1
log.Log.publish = lying
""",
    "doubled": """
import livetally.cluster.storing as storing
storing._Overlay.look_up = lambda self, asked: self._index.look_up(asked.among([]))
""",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", sorted(_BROKEN))
def test_the_check_fails_when_a_promise_is_broken(
    postgresql_server: Database, tmp_path: Path, what: str
) -> None:
    """Acknowledged before the log has it: lost. Loaded without looking for duplicates: doubled."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(_BROKEN[what], encoding="utf-8")
    paths = os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])
    path = tmp_path / "shop.toml"
    path.write_text(definition(), encoding="utf-8")
    chance = random.Random(7)
    ledger, stopping = Ledger(7, has_rows_at_each=False), threading.Event()
    with (
        cluster_room(tmp_path, postgresql_server, nats=1) as room,
        room.process("all", [path], {"PYTHONPATH": paths}) as server,
    ):
        asked = AnyOf([server], chance)
        senders = [Sender(asked, ledger, name, stopping) for name in "abc"]
        for sender in senders:
            sender.start()
        until(lambda: len(ledger.acknowledged) > 400, "events to be sent", 60)
        stopping.set()
        for sender in senders:
            sender.join(30)
        with pytest.raises(AssertionError, match=what):
            check_store(asked, ledger)


def _answers(asked: AnyOf, path: str) -> bool:
    return asked.request("GET", path).status == 200


def _raise_from(senders: list[Sender]) -> None:
    for sender in senders:
        if sender.failure is not None:
            raise sender.failure


@pytest.mark.timeout(120 + STRIKES * 30)
async def test_every_view_is_right_whatever_dies(
    postgresql_server: Database, tmp_path: Path
) -> None:
    """Clients come back to any API process with the id that another one gave them."""
    seed, chance = seeded()
    path = tmp_path / "shop.toml"
    path.write_text(DEFINITION, encoding="utf-8")
    with cluster_room(tmp_path, postgresql_server) as room, fleet(room, path) as processes:
        apis = [process for name, process in processes.items() if name.startswith("api")]
        storm = Storm(room, postgresql_server, processes, chance)
        strikes = [storm.strike] * STRIKES
        told = await check(apis, seed, seconds=len(strikes) * 0.5, faults=strikes, rest_s=60)
    print(told, dict(storm.done))  # noqa: T201
