"""Kill -9 at named points: no acknowledged event is lost, none is there twice, all counts agree.

``LIVETALLY_FAULT_KILLS=200`` runs the long form; ``LIVETALLY_FAULT_SEED`` repeats a run.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.fault.ingest_kills import kill_and_check
from tests.fault.ingest_process import Fault, FaultyServer

_KILLS = int(os.environ.get("LIVETALLY_FAULT_KILLS", "30"))


def _seed() -> int:
    seed = int(os.environ.get("LIVETALLY_FAULT_SEED", random.randrange(10**6)))
    print(f"seed {seed}: repeat with LIVETALLY_FAULT_SEED={seed}")  # noqa: T201 - shown on failure
    return seed


@pytest.mark.timeout(120 + 20 * _KILLS)
def test_nothing_acknowledged_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    """Senders that retry through crashes at every point end with each event there once."""
    with FaultyServer(tmp_path) as server:
        told = kill_and_check(server, _seed(), _KILLS)
    print(told)  # noqa: T201 - the figures of a long run
    assert told.kills.total() == _KILLS
    assert told.acknowledged > 10 * _KILLS


def test_the_check_finds_events_acknowledged_too_early(tmp_path: Path) -> None:
    """A server that answers before it has stored loses what it acknowledged, or counts it twice."""
    found = r"seed \d+: \d+ lost|the answers count more events than were sent"
    with FaultyServer(tmp_path) as server, pytest.raises(AssertionError, match=found):
        kill_and_check(server, _seed(), 4, [Fault("acknowledge first")])


def test_the_check_finds_doubles(tmp_path: Path) -> None:
    """With a server that does not look identities up, the check finds events twice."""
    with (
        FaultyServer(tmp_path) as server,
        pytest.raises(AssertionError, match=r"seed \d+: \d+ doubled"),
    ):
        kill_and_check(server, _seed(), 1, [Fault("skip dedupe")])
