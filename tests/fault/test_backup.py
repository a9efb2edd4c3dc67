"""Backups under load, and what is left of them when the server or the command is killed."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
import signal
import threading
from pathlib import Path

import pytest

from tests.fault.backup_room import (
    begin_restore,
    check_same,
    define,
    restored,
    sending,
    take_backup,
    until_sent,
)
from tests.fault.ingest_checker import raw_rows
from tests.fault.ingest_process import FaultyServer
from tests.fault.ingest_senders import Ledger
from tests.waiting import until

_KILLS = int(os.environ.get("LIVETALLY_BACKUP_KILLS", "3"))


@pytest.fixture
def seed() -> int:
    """Return what the events follow from; a failure shows it."""
    chosen = int(os.environ.get("LIVETALLY_FAULT_SEED", random.randrange(10**6)))
    print(f"seed {chosen}: repeat with LIVETALLY_FAULT_SEED={chosen}")  # noqa: T201 - on failure
    return chosen


@pytest.mark.timeout(240)
def test_a_backup_under_load_gives_the_same_store_again(tmp_path: Path, seed: int) -> None:
    """Taken twice while events come, restored twice: rows, sums and duplicates are as they were."""
    place, ledger = tmp_path / "backups", Ledger(seed)
    with FaultyServer(tmp_path) as server:
        assert server.start()
        define(server)
        with sending(server, ledger):
            until_sent(ledger, 400)
            first = take_backup(server, place)
            until_sent(ledger, 800)
            second = take_backup(server, place)
            until_sent(ledger, 1_000)
        rows = raw_rows(server)
        key = server.key
        server.kill()
        shutil.rmtree(server.data)
    assert first["position"] < second["position"] < max(row["position"] for row in rows)
    told = restored(place, tmp_path / "newest")
    assert told["position"] == second["position"]
    middle = (first["position"] + second["position"]) // 2
    assert restored(place, tmp_path / "middle", "--to-position", str(middle))["position"] == middle
    for data, position in (("newest", second["position"]), ("middle", middle)):
        (tmp_path / f"room {data}").mkdir()
        with FaultyServer(tmp_path / f"room {data}", tmp_path / data) as again:
            again.key = key
            assert again.start()
            check_same(again, rows, position, seed)
            ledger.position = position  # what was told after it is gone with the disk
            with sending(again, ledger, 1):
                # Its first batches repeat what others have sent, in the backup and not.
                until_sent(ledger, ledger.stored + 50)
            kept = {(row["source"], row["id"]) for row in rows if row["position"] <= position}
            after = [(row["source"], row["id"]) for row in raw_rows(again)]
            assert len(after) == len(set(after)), "what the backup holds was taken twice"
            assert kept < set(after)
            assert again.stop() == 0


@pytest.mark.timeout(60 + 60 * _KILLS)
def test_a_killed_backup_is_none(tmp_path: Path, seed: int) -> None:
    """Kill -9 in the middle of a backup: those before are whole, the next is, no half one is."""
    place, ledger, chance = tmp_path / "backups", Ledger(seed), random.Random(seed)
    whole: list[int] = []
    with FaultyServer(tmp_path) as server:
        assert server.start()
        define(server)
        with sending(server, ledger):
            until_sent(ledger, 300)
        for _ in range(_KILLS):
            with sending(server, ledger):
                until_sent(ledger, ledger.stored + 100)
                whole.append(take_backup(server, place)["position"])
                until_sent(ledger, ledger.stored + 200)
                killer = threading.Timer(chance.uniform(0.01, 0.25), server.kill)
                killer.start()
                told = None
                with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                    told = take_backup(server, place, full=True)
                killer.join()
                if told is not None and "position" in told:
                    whole.append(told["position"])
                assert server.start()
        names = sorted((place / "backups").glob("*.json"))
        assert len(names) >= len(whole)
        shadow = server.data / "events" / "shadow"
        assert not list(shadow.glob("livetally*")), "a snapshot of a killed backup holds room"
        rows = raw_rows(server)
        last = take_backup(server, place)["position"]
        key = server.key
    for name in (names[0].stem, names[-1].stem, None):
        chosen = ["--backup", name] if name else []
        data = tmp_path / f"restored {name}"
        position = restored(place, data, *chosen)["position"]
        assert position in (*whole, last) or name == names[-1].stem
        (tmp_path / f"room {name}").mkdir()
        with FaultyServer(tmp_path / f"room {name}", data) as again:
            again.key = key
            assert again.start()
            check_same(again, rows, position, seed)


@pytest.mark.timeout(180)
def test_a_killed_restore_is_not_started_on(tmp_path: Path, seed: int) -> None:
    """Kill -9 in the middle of a restore: no server takes the directory, the next restore does."""
    place, ledger = tmp_path / "backups", Ledger(seed)
    with FaultyServer(tmp_path) as server:
        assert server.start()
        define(server)
        with sending(server, ledger):
            until_sent(ledger, 500)
        rows = raw_rows(server)
        position = take_backup(server, place)["position"]
        key = server.key
    data = tmp_path / "half"
    running = begin_restore(place, data)
    until(
        lambda: list((data / "events").glob("store/*/*/*_*_*")) or running.poll() is not None,
        "the first part",
        60,
    )
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert running.returncode == -signal.SIGKILL, "it was over before it could be killed"
    (tmp_path / "room").mkdir()
    with FaultyServer(tmp_path / "room", data) as again:
        again.key = key
        assert not again.start()
        assert again.code == 1
        assert "run 'livetally restore' again" in again.log.read_text()
        assert restored(place, data)["position"] == position
        assert again.start()
        check_same(again, rows, position, seed)
    refused = begin_restore(place, data)
    _, err = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert "There is data" in err
