"""What a cluster does as a whole: waits for what is away, forgets everywhere, refuses the weak."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import nats
import pytest
from sqlalchemy import create_engine, text

from livetally.testing import Server, ServerFailed
from tests.cluster_room import ClusterRoom, cluster_room
from tests.e2e.live_follower import Follower
from tests.e2e.walls import talk
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)

DEFINITION = """
application = "club"
[event.visit]
data.minutes = "integer"
[metric.visits]
event = "visit"
aggregate = "count"
by = ["subject"]
[entity.member]
key = "subject"
events = ["visit"]
fields.visits = { count = "visit" }
[sink.members]
to = "env:CLUB_DATABASE"
entity = "member"
"""


@pytest.fixture(scope="module")
def room(
    postgresql_server: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterRoom]:
    """Start the engines: one NATS server, so that everything is quick."""
    place = tmp_path_factory.mktemp("engines")
    (place / "club.toml").write_text(DEFINITION, encoding="utf-8")
    with cluster_room(place, postgresql_server, nats=1, name="livetally_whole") as started:
        started.env_of_all["CLUB_DATABASE"] = postgresql_server.make_database("livetally_club")
        started.env_of_all["LIVETALLY_LOG_COPIES"] = "true"
        yield started


@pytest.fixture(scope="module")
def three(room: ClusterRoom) -> Iterator[tuple[Server, Server, Server]]:
    """Start two API processes and a loader."""
    club = [room.folder / "club.toml"]
    with (
        room.process("loader", club) as loader,
        room.process("api", club) as one,
        room.process("api", club) as other,
    ):
        yield one, other, loader


def visit(client: httpx2.Client, who: str, name: str = "", **more: Any) -> dict[str, Any]:
    """Send a visit; return the answer."""
    event = {"type": "visit", "subject": who, "data": {"minutes": 5}, **more}
    if name:
        event["id"] = name
    reply = client.post("/v1/events", json=event)
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


def visits(client: httpx2.Client, who: str, position: int) -> int:
    """Return how often somebody came, at a position or later."""
    reply = client.get(f"/v1/metrics/visits?where=subject:{who}&min_position={position}")
    assert reply.status_code == 200, reply.text
    return int(reply.json()["rows"][0]["value"]) if reply.json()["rows"] else 0


def test_what_one_process_takes_all_of_them_count(three: tuple[Server, ...]) -> None:
    """The same event sent to both is a duplicate; a position of one is waited for by the other."""
    one, other, _ = three
    with talk(one, one.key) as here, talk(other, other.key) as there:
        first = visit(here, "ada", "1")
        assert (first["stored"], first["duplicates"]) == (1, 0)
        again = visit(there, "ada", "1")
        assert (again["stored"], again["duplicates"]) == (0, 1)
        assert again["position"] > first["position"]
        changed = visit(there, "ada", "1", data={"minutes": 6})
        assert (changed["stored"], len(changed["conflicts"])) == (0, 1)
        assert visits(there, "ada", again["position"]) == 1
        path = f"/v1/metrics/visits?min_position={changed['position']}"
        assert there.get(path).json()["position"] >= changed["position"]
        refused = there.get("/v1/metrics/visits", params={"min_position": 10**9})
        assert refused.status_code == 400


def test_a_loader_sends_clients_away(three: tuple[Server, ...]) -> None:
    """It answers supervisors; who asks for anything else is told where to go."""
    loader = three[2]
    with talk(loader, loader.key) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/healthz").status_code == 200
        away = client.get("/v1/metrics")
        assert away.status_code == 421
        assert "role is api" in away.json()["detail"]


def test_ingest_goes_on_without_the_store(room: ClusterRoom, three: tuple[Server, ...]) -> None:
    """While it is away events are acknowledged, and counted once when it is back."""
    one, other, loader = three
    with talk(one, one.key) as here, talk(other, other.key) as there:
        room.store_server.kill()
        last = [visit(here, "grace", f"away {number}") for number in range(20)][-1]
        assert last["stored"] == 1
        with talk(loader, loader.key) as client:
            until(lambda: client.get("/readyz").status_code == 503, "the loader to say so")
            assert "loader" in client.get("/readyz").json()["troubles"]
        room.store_server.start()
        assert visits(there, "grace", last["position"]) == 20
        again = visit(there, "grace", "away 7")
        assert again["duplicates"] == 1


def test_who_is_erased_is_erased_everywhere(three: tuple[Server, ...]) -> None:
    """Answers that another process has kept are gone, its streams begin anew, ids are free."""
    one, other, _ = three
    with talk(one, one.key) as here, talk(other, other.key) as there:
        visit(here, "ida")
        told = visit(here, "zoe", "z1")
        path = "/v1/entities/member?sort=key"
        with Follower(other, path) as follower:
            assert visits(there, "zoe", told["position"]) == 1
            follower.until(lambda stream: "zoe" in str(stream.rows))
            erased = here.delete("/v1/events", params={"subject": "zoe"})
            assert erased.status_code in (200, 202), erased.text
            until(lambda: visits(there, "zoe", 0) == 0, "the other process to forget")
            with pytest.raises(AssertionError, match="ended after"):
                follower.until(lambda stream: "zoe" not in str(stream.rows))
        with Follower(other, path) as follower:
            follower.until(lambda stream: stream.rows)
            assert "zoe" not in str(follower.rows)
        again = visit(there, "zoe", "z1")
        assert (again["stored"], again["duplicates"]) == (1, 0)
        assert visits(here, "zoe", again["position"]) == 1


def test_what_is_stored_can_be_read_from_nats(room: ClusterRoom, three: tuple[Server, ...]) -> None:
    """Every stored event once, as a CloudEvent; a duplicate is no copy."""
    with talk(three[0], three[0].key) as here:
        visit(here, "joan", "copy 1", time="2026-03-01T10:00:00Z")
        last = visit(here, "joan", "copy 1", time="2026-03-01T10:00:00Z")
        visits(here, "joan", last["position"])

    async def read() -> list[dict[str, Any]]:
        client = await nats.connect(room.log)
        reader = await client.jetstream().subscribe(
            "livetally.copies.1.visit", ordered_consumer=True
        )
        events = []
        try:
            while True:
                events.append(json.loads((await reader.next_msg(timeout=1)).data))
        except nats.errors.TimeoutError:
            return events
        finally:
            await client.close()

    copies = asyncio.run(read())
    mine = [one for one in copies if one["subject"] == "joan"]
    assert [one["id"] for one in mine] == ["copy 1"]
    assert mine[0]["specversion"] == "1.0"
    assert mine[0]["time"] == "2026-03-01T10:00:00+00:00"
    assert mine[0]["data"] == {"minutes": 5}
    # Who was erased may come again with the same id.
    others = [(one["source"], one["id"]) for one in copies if one["subject"] != "zoe"]
    assert len(set(others)) == len(others)


def test_one_process_keeps_the_tables_and_another_takes_over(
    room: ClusterRoom, three: tuple[Server, ...]
) -> None:
    """A sink follows, and goes on when the loader that kept it is killed."""
    one, _, loader = three
    engine = create_engine(
        room.env_of_all["CLUB_DATABASE"].replace("postgresql://", "postgresql+psycopg://")
    )

    def kept(who: str) -> int:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT to_regclass('members')")).scalar()
            if found is None:
                return 0
            asked = text("SELECT visits FROM members WHERE key = :who")
            return int(connection.execute(asked, {"who": who}).scalar() or 0)

    with talk(one, one.key) as here, room.process("loader", [room.folder / "club.toml"]):
        visit(here, "mary")
        until(lambda: kept("mary") == 1, "the table to follow", 20)
        loader.kill()
        visit(here, "mary")
        until(lambda: kept("mary") == 2, "another process to keep it", 30)
        loader.start()
    engine.dispose()


def test_a_log_that_is_kept_with_less_care_is_refused(
    room: ClusterRoom,
    three: tuple[Server, ...],
    tmp_path: Path,
    postgresql_server: Database,
) -> None:
    """Servers that sync later, too few of them, other partitions: each with the reason."""
    assert all(process.running for process in three)  # so that the log is there

    def reason(**more: str) -> str:
        begun = time.monotonic()
        settings = {f"LIVETALLY_{name}": text for name, text in more.items()}
        with pytest.raises(ServerFailed) as failed, room.process("all", env=settings):
            pass
        assert time.monotonic() - begun < 20
        return failed.value.log

    assert "of at least 3 servers" in reason(LOG_REPLICAS="3")
    assert "was made with 1 partitions" in reason(LOG_PARTITIONS="5")
    assert "Only 0 of the log's servers" in reason(LOG_MONITORS="http://127.0.0.1:9")
    assert "belong together" in reason(STORE="")
    assert "all processes share" in reason(CATALOG="")
    (tmp_path / "other").mkdir()
    with cluster_room(
        tmp_path / "other", postgresql_server, nats=1, name="livetally_lazy", sync="2m"
    ) as lazy:
        with pytest.raises(ServerFailed) as failed, lazy.process("all"):
            pass
        assert "acknowledges before it syncs" in failed.value.log
        with lazy.process("all", env={"LIVETALLY_LOG_SYNC": "trust"}) as trusting:
            assert trusting.running


def test_an_older_store_is_filled_from_the_log(tmp_path: Path, postgresql_server: Database) -> None:
    """As the guide says: the notes of the loaders are taken away, and the log is read again."""
    (tmp_path / "club.toml").write_text(DEFINITION.partition("[sink")[0], encoding="utf-8")

    async def forget(address: str) -> None:
        client = await nats.connect(address)
        await client.jetstream().delete_key_value("livetally_log_state")
        await client.close()

    with cluster_room(tmp_path, postgresql_server, nats=1, name="livetally_older") as room:
        server = room.process("all", [tmp_path / "club.toml"])
        files, older = tmp_path / "clickhouse", tmp_path / "older"
        with server:
            with talk(server, server.key) as client:
                last = [visit(client, "ada", f"early {number}") for number in range(5)][-1]
                assert visits(client, "ada", last["position"]) == 5
            server.stop()
            room.store_server.kill()
            shutil.copytree(files, older, symlinks=True)
            room.store_server.start()
            server.start()
            with talk(server, server.key) as client:
                last = [visit(client, "ada", f"late {number}") for number in range(7)][-1]
                assert visits(client, "ada", last["position"]) == 12
            server.stop()
            room.store_server.kill()
            shutil.rmtree(files)
            older.rename(files)
            room.store_server.start()
            asyncio.run(forget(room.log))
            server.start()
            with talk(server, server.key) as client:
                assert visits(client, "ada", last["position"]) == 12
                assert visit(client, "ada", "late 3")["duplicates"] == 1


def test_a_process_may_be_a_worker_of_sources() -> None:
    """``--role worker`` is ``livetally worker``, and says what that lacks."""
    command = [sys.executable, "-m", "livetally", "serve", "--role", "worker"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "LIVETALLY_NATS" in done.stderr


def test_a_process_ends_in_time_although_the_store_stands_still(room: ClusterRoom) -> None:
    """A loader that is in the middle of an insert does not wait for it for minutes."""
    club = [room.folder / "club.toml"]
    with room.process("all", club) as server, talk(server, server.key) as client:
        last = visit(client, "ann")
        visits(client, "ann", last["position"])
        room.store_server.signal(signal.SIGSTOP)
        try:
            visit(client, "ann")
            assert server.stop(timeout_s=12) == 0
        finally:
            room.store_server.signal(signal.SIGCONT)
