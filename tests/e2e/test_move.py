"""A data directory goes to a cluster: all of it, once, while the cluster takes events."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from livetally.store.events import EmbeddedEngine, ServerEngine
from livetally.store.events.thin import drop_data
from livetally.testing import Server
from tests.cluster_room import KEY, ClusterRoom, cluster_room
from tests.e2e.move_room import DEFINITION, command, events, make_team, moved, page, send
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)
pytestmark = pytest.mark.timeout(300)

SALES = "/v1/metrics/sales?by=shop"
REVENUE = "/v1/metrics/revenue?by=shop"
TEAMS = ("default", "blue")
IN_2026_US = 1_767_225_600_000_000


class History(NamedTuple):
    """A stopped server's directory, and what it had and answered."""

    data: Path
    red: list[dict[str, Any]]
    blue: list[dict[str, Any]]
    answers: list[Any]

    @property
    def total(self) -> int:
        """How many events there are."""
        return len(self.red) + len(self.blue)

    def copy(self, to: Path) -> Path:
        """Return a copy of the directory: a move leaves a note in it."""
        return Path(shutil.copytree(self.data, to / "data", symlinks=True))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Fill a directory with the events of two teams, and stop its server."""
    place = tmp_path_factory.mktemp("history")
    (place / "shop.toml").write_text(DEFINITION, encoding="utf-8")
    red, blue = events(1, 16_000), events(2, 8_000)
    with Server(place / "data", definitions=[place / "shop.toml"], key=KEY) as server:
        make_team(server, "blue")
        assert send(server, red) == len(red)
        assert send(server, blue, "blue") == len(blue)
        answers = _answers(server)
    return History(place / "data", red, blue, answers)


@contextmanager
def _room(database: Database, folder: Path, partitions: int = 1) -> Iterator[ClusterRoom]:
    (folder / "room").mkdir()
    with cluster_room(
        folder / "room", database, partitions=partitions, name="livetally_move"
    ) as room:
        yield room


def _answers(server: Server) -> list[Any]:
    return [page(server, path, team)["rows"] for path in (SALES, REVENUE) for team in TEAMS]


def _stored(room: ClusterRoom) -> tuple[int, int]:
    """Return how many rows the store has, and how many identities."""
    with closing(ServerEngine(room.store_server.url)) as engine:
        rows = engine.read("SELECT count(), uniqExact(team, source, id) FROM livetally.events")
    return int(rows[0][0]), int(rows[0][1])


@pytest.mark.parametrize("partitions", [1, 3])
def test_everything_is_moved_once_while_events_come(
    postgresql_server: Database, history: History, tmp_path: Path, partitions: int
) -> None:
    """Killed in the middle, with the same, conflicting and new events sent before and meanwhile."""
    data = history.copy(tmp_path)
    again = history.red[-3_000:]
    other = [{**one, "data": {"value": "0.01", "shop": "other"}} for one in again[:5]]
    early, late = events(3, 1_000), events(4, 2_000)
    with (
        _room(postgresql_server, tmp_path, partitions) as room,
        room.process("all", env={"LIVETALLY_SOURCES_ON": "nowhere"}) as server,
    ):
        assert send(server, [*other, *early]) == len(other) + len(early)
        assert send(server, again) == len(again) - len(other)
        sender = threading.Thread(target=lambda: (send(server, history.red), send(server, late)))
        with command(room, "move", "--from", str(data), "--json") as first:
            note = data / "moved"
            until(lambda: note.exists() and b'"position":0,' not in note.read_bytes(), "a step", 60)
            first.send_signal(signal.SIGKILL)
        sender.start()
        told = moved(room, data)
        sender.join(60)
        assert (told["verified"], told["catalog"]) == (True, "copied before"), told
        assert told["moved_before"] > 0
        assert (told["compared"], told["differences"]) == (history.total, [])
        assert told["moved"] + told["moved_before"] == history.total
        assert sum(one["differing"] for one in told["conflicts"]) == len(other)
        assert told["resent"] >= len(again) - len(other)
        everything = history.total + len(early) + len(late)
        until(lambda: _stored(room) == (everything, everything), "every event, once", 30)
        assert page(server, SALES, "blue")["rows"] == history.answers[1]
        second = moved(room, data)
        assert (second["verified"], second["moved"]) == (True, 0)
        assert _stored(room) == (everything, everything)


def test_a_difference_is_found(
    postgresql_server: Database, history: History, tmp_path: Path
) -> None:
    """A row that is gone, one that was changed, one that is there twice: the day is named."""
    data = history.copy(tmp_path)
    with _room(postgresql_server, tmp_path) as room, room.process("all"):
        assert moved(room, data)["verified"]
        planted = {
            "missing": "ALTER TABLE livetally.events DELETE WHERE team = 1 AND id = '1-7'",
            "differing": "ALTER TABLE livetally.events UPDATE subject = 'eve'"
            " WHERE team = 2 AND id = '2-7'",
            "twice": "INSERT INTO livetally.events SELECT * FROM livetally.events"
            " WHERE team = 2 AND id = '2-9'",
        }
        with closing(ServerEngine(room.store_server.url)) as engine:
            for statement in planted.values():
                wait = " SETTINGS mutations_sync = 2" if "ALTER" in statement else ""
                engine.execute(statement + wait)
        told = moved(room, data, code=1)
        assert not told["verified"]
        found = {
            (one["team"], word) for one in told["differences"] for word in planted if one[word]
        }
        assert found == {(1, "missing"), (2, "differing"), (2, "twice")}
        assert [sum(one[word] for one in told["differences"]) for word in planted] == [1, 1, 1]


def test_what_is_left_of_old_events_is_moved(
    postgresql_server: Database, history: History, tmp_path: Path
) -> None:
    """Where only declared fields are kept, statistics over them are as they were."""
    data = history.copy(tmp_path)
    with closing(EmbeddedEngine(data / "events")) as engine:
        for team in (1, 2):
            drop_data(engine, team, "sale", IN_2026_US)
    with _room(postgresql_server, tmp_path) as room, room.process("all") as server:
        told = moved(room, data)
        assert (told["verified"], told["catalog"]) == (True, "copied")
        assert _stored(room) == (history.total, history.total)
        until(lambda: _answers(server) == history.answers, "the definitions", 30)
        with closing(ServerEngine(room.store_server.url)) as store:
            sql = "SELECT count() FROM livetally.events WHERE data = 'null' AND type = 'sale'"
            assert store.read(sql)[0][0] > 0


def test_what_is_in_the_way_is_said(
    postgresql_server: Database, history: History, tmp_path: Path
) -> None:
    """A running server, a catalog with something in it, no loader, a team that is not there."""
    data = history.copy(tmp_path)
    with _room(postgresql_server, tmp_path) as room:
        with Server(data, key=KEY):
            assert "stop the server" in _refusal(room, "--from", str(data))
        assert "no store in" in _refusal(room, "--from", str(tmp_path / "none"))
        password = _refusal(room, "--from", str(data), "--to", room.store_server.url, code=2)
        assert "LIVETALLY_STORE" in password
        (tmp_path / "other.toml").write_text('application = "other"\n[event.tick]\n')
        with command(room, "migrate", "--definitions", str(tmp_path / "other.toml")) as migrating:
            migrating.communicate(timeout=60)
        assert "--events-only" in _refusal(room, "--from", str(data))
        unknown = _refusal(room, "--from", str(data), "--events-only")
        assert "team 2 ('blue') has events" in unknown
        with room.process("api") as api:
            make_team(api, "blue")
        waiting = _refusal(room, "--from", str(data), "--events-only", "--patience", "2")
        assert "no loader has put anything" in waiting
        with room.process("loader"):
            told = moved(room, data, "--events-only")
        assert (told["verified"], told["moved"]) == (True, 0)
        assert (told["catalog"], told["moved_before"]) == ("left as it is", history.total)


def _refusal(room: ClusterRoom, *words: str, code: int = 1) -> str:
    with command(room, "move", *words) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    return said
