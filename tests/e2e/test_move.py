"""A data directory goes to a cluster: all of it, once, while the cluster takes events."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from livetally.store.events import ServerEngine
from livetally.testing import Server
from tests.cluster_room import KEY, ClusterRoom, cluster_room
from tests.e2e.move_room import DEFINITION, command, events, moved, page, send
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)
pytestmark = pytest.mark.timeout(300)

ALL = "/v1/metrics/sales?by=shop"


class History(NamedTuple):
    """A stopped server's directory, and what it had."""

    data: Path
    red: list[dict[str, Any]]
    blue: list[dict[str, Any]]
    answers: dict[str, Any]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Fill a directory with the events of two teams, and stop its server."""
    place = tmp_path_factory.mktemp("history")
    (place / "shop.toml").write_text(DEFINITION, encoding="utf-8")
    red, blue = events(1, 14_000), events(2, 7_000)
    with Server(place / "data", definitions=[place / "shop.toml"], key=KEY) as server:
        _make_team(server, "blue")
        assert send(server, red) == len(red)
        assert send(server, blue, "blue") == len(blue)
        answers = {team: page(server, ALL, team) for team in ("default", "blue")}
    return History(place / "data", red, blue, answers)


def _make_team(server: Server, name: str) -> None:
    import httpx2

    answer = httpx2.post(
        f"{server.url}/v1/teams", json={"name": name}, headers={"X-API-Key": server.key}
    )
    assert answer.status_code == 201, answer.text


@pytest.fixture(params=[1, 3], ids=["one partition", "three partitions"])
def room(
    request: pytest.FixtureRequest, postgresql_server: Database, tmp_path: Path
) -> Iterator[ClusterRoom]:
    """Start a cluster's engines."""
    name = f"livetally_move_{request.param}"
    with cluster_room(
        tmp_path, postgresql_server, partitions=request.param, name=name
    ) as started:
        yield started


def _copy(history: History, tmp_path: Path) -> Path:
    """Return a copy of the directory: a move leaves a note in it."""
    import shutil

    return Path(shutil.copytree(history.data, tmp_path / "data", symlinks=True))


def _stored(room: ClusterRoom) -> tuple[int, int]:
    """Return how many rows the store has, and how many identities."""
    engine = ServerEngine(room.store_server.url)
    try:
        rows = engine.read("SELECT count(), uniqExact(team, source, id) FROM livetally.events")
    finally:
        engine.close()
    return int(rows[0][0]), int(rows[0][1])


def test_everything_is_moved_once_while_events_come(
    room: ClusterRoom, history: History, tmp_path: Path
) -> None:
    """Killed in the middle, with the same and with conflicting events sent meanwhile."""
    data = _copy(history, tmp_path)
    everything = len(history.red) + len(history.blue)
    first = command(room, "move", "--from", str(data), "--json")
    note = data / "moved"
    until(lambda: note.exists() and b'"position":0' not in note.read_bytes(), "a step", 60)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    with room.process("all", env={"LIVETALLY_SOURCES_ON": "nowhere"}) as server:
        # The last ones of the directory: the move does not have them yet, or just now.
        again = history.red[-3_000:]
        other = [{**one, "data": {"value": "0.01", "shop": "other"}} for one in again[:5]]
        new = events(3, 2_000)
        sender = threading.Thread(
            target=lambda: (send(server, other), send(server, again), send(server, new))
        )
        sender.start()
        told = moved(room, data)
        sender.join(60)
        assert told["verified"]
        assert told["catalog"] == "copied before"
        assert told["compared"] == everything
        assert told["moved"] + told["moved_before"] == everything
        assert _stored(room) == (everything + len(new), everything + len(new))
        assert sum(one["differing"] for one in told["conflicts"]) <= len(other)
        assert page(server, ALL, "blue")["rows"] == history.answers["blue"]["rows"]
        second = moved(room, data)
        assert (second["verified"], second["moved"]) == (True, 0)
        assert _stored(room) == (everything + len(new), everything + len(new))
