"""A ClickHouse server as the event store: what its address, its absence and its death mean."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from livetally.errors import SettingInvalid
from livetally.store.events import (
    EngineError,
    EngineUnreachable,
    EventRows,
    ServerEngine,
    create,
    insert_rows,
    read_stored,
    store_size,
)
from livetally.store.events.snapshot import NoSnapshot, freeze, thaw, thaw_all
from tests.clickhouse_server import CLUSTER, PASSWORD, ClickHouseServer

MOMENTS = ["before", "after", "meanwhile"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """Start one server; what kills it starts it again."""
    started = ClickHouseServer(tmp_path_factory.mktemp("events"))
    yield started
    started.close()


@pytest.fixture(scope="module", params=["", CLUSTER], ids=["server", "cluster"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerEngine]:
    """Open a store on a server, and one on a cluster."""
    started = ClickHouseServer(tmp_path_factory.mktemp("events"))
    opened = ServerEngine(started.url, request.param)
    create(opened)
    yield opened
    opened.close()
    started.close()


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[ClickHouseServer]:
    """Start a server of the test's own, to be killed."""
    started = ClickHouseServer(tmp_path)
    yield started
    started.close()


def rows(*ids: str) -> EventRows:
    """Return events that differ in nothing but their ids."""
    count = len(ids)
    return EventRows(
        team=[1] * count,
        type=["sale"] * count,
        occurred_us=[1_767_225_600_000_000] * count,
        subject=["ada"] * count,
        source=["web"] * count,
        id=[one.encode() for one in ids],
        timed=[True] * count,
        received_us=[1_767_225_600_000_000] * count,
        data=[b"{}"] * count,
        attributes=[""] * count,
        fields={},
    )


def count(engine: ServerEngine, position: int) -> int:
    """Return how many events a commit has."""
    sql = "SELECT count() FROM livetally.events WHERE position = {position:UInt64}"
    return int(engine.read(sql, {"position": position})[0][0])


def test_a_commit_that_is_repeated_with_its_token_counts_once(engine: ServerEngine) -> None:
    """With another token, or without one, the same rows are another insert."""
    for _ in range(2):
        insert_rows(engine, rows("a", "b"), 1, token="one")
    assert count(engine, 1) == 2
    insert_rows(engine, rows("a", "b"), 1, token="two")
    assert count(engine, 1) == 4
    for _ in range(2):
        insert_rows(engine, rows("c"), 2)
    assert count(engine, 2) == 2


def test_a_large_commit_and_long_lists_go_through(engine: ServerEngine) -> None:
    """A block that is packed on its way, and more ids than one field of a form may hold."""
    ids = [f"large-{number:06}-{'x' * 40}" for number in range(6_000)]
    insert_rows(engine, rows(*ids), 10)
    assert count(engine, 10) == len(ids)
    found = read_stored(engine, 1, [(one.encode(), 10) for one in ids])
    assert sorted(one.id for one in found) == ids


def test_the_size_is_the_server_s(engine: ServerEngine) -> None:
    """Its parts and its disk."""
    insert_rows(engine, rows("size"), 20)
    size = store_size(engine)
    assert size.parts > 0
    assert size.bytes > 0
    assert size.free_bytes > 0


def test_a_server_s_files_are_not_copied(engine: ServerEngine) -> None:
    """A backup is refused with what to do instead; clearing up is nothing."""
    thaw_all(engine)
    thaw(engine, "x")
    with pytest.raises(NoSnapshot, match="BACKUP"):
        freeze(engine, "x")


def test_threads_share_an_engine(engine: ServerEngine) -> None:
    """Questions at the same time get their own answers."""
    answers: dict[int, object] = {}

    def ask(number: int) -> None:
        for _ in range(20):
            answers[number] = engine.read("SELECT {n:UInt64}", {"n": number})

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [[number]] for number in range(8)}


def test_a_wrong_password_is_refused_and_never_shown(server: ClickHouseServer) -> None:
    """Trying again would not help; the message names the user."""
    with pytest.raises(EngineError, match="livetally: Authentication failed") as caught:
        ServerEngine(server.url_of("not/this@one"))
    assert not isinstance(caught.value, EngineUnreachable)
    assert caught.value.code == 516
    assert "not/this@one" not in str(caught.value)


def test_an_error_of_the_engine_has_its_code_and_no_password(server: ClickHouseServer) -> None:
    """Also when the statement has the password in it."""
    engine = ServerEngine(server.url)
    with pytest.raises(EngineError, match="refused: Code: 60") as caught:
        engine.read(f"DESCRIBE `{PASSWORD}`")
    engine.close()
    assert caught.value.code == 60
    assert not isinstance(caught.value, EngineUnreachable)
    assert PASSWORD not in str(caught.value)


def test_an_unknown_cluster_is_named_with_those_there_are(server: ClickHouseServer) -> None:
    """Before anything is stored in the wrong place."""
    with pytest.raises(SettingInvalid, match=f"no cluster 'other'; it knows {CLUSTER}"):
        ServerEngine(server.url + "?cluster=other")


def test_a_server_that_is_away_may_be_asked_again(lone: ClickHouseServer) -> None:
    """At the start, and later; when it is back the same engine goes on."""
    engine = ServerEngine(lone.url)
    create(engine)
    lone.kill()
    for ask in (lambda: engine.read("SELECT 1"), lambda: insert_rows(engine, rows("a"), 1)):
        with pytest.raises(EngineUnreachable, match="Connection refused") as caught:
            ask()
        assert PASSWORD not in str(caught.value)
    with pytest.raises(EngineUnreachable):
        ServerEngine(lone.url)
    lone.start()
    assert count(engine, 1) == 0
    engine.close()


@pytest.mark.parametrize("cluster", ["", CLUSTER], ids=["server", "cluster"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_commit_counts_once_though_the_database_is_killed_in_it(
    lone: ClickHouseServer, moment: str, cluster: str
) -> None:
    """Before it is stored, after, or anywhere between: repeated with its token it is there once."""
    engine = ServerEngine(lone.url, cluster)
    create(engine)
    insert_rows(engine, rows("before"), 1, token="0")
    for position in range(2, 8 if moment == "meanwhile" else 3):
        lone.die_at_insert(moment, delay_ms=position - 2)
        with pytest.raises(EngineUnreachable):
            insert_rows(engine, rows("a", "b"), position, token=f"{position}")
        lone.wait()
        lone.start()
        insert_rows(engine, rows("a", "b"), position, token=f"{position}", again=True)
        assert count(engine, position) == 2
    assert count(engine, 1) == 1
    engine.close()


@pytest.mark.parametrize("lost", ["part", "token"])
def test_a_token_without_its_part_and_a_part_without_its_token_do_no_harm(
    lone: ClickHouseServer, lost: str
) -> None:
    """The server writes both, one after the other, and may die between them."""
    engine = ServerEngine(lone.url)
    create(engine)
    insert_rows(engine, rows("a", "b"), 1, token="one")
    if lost == "part":
        engine.execute("ALTER TABLE livetally.events DELETE WHERE 1 SETTINGS mutations_sync = 2")
        insert_rows(engine, rows("a", "b"), 1, token="one")
        assert count(engine, 1) == 0, "the token alone would lose the commit"
    lone.kill()
    if lost == "token":
        for log in lone.directory.rglob("deduplication_log_*"):
            log.write_bytes(b"")
    lone.start()
    insert_rows(engine, rows("a", "b"), 1, token="one", again=True)
    assert count(engine, 1) == 2
    engine.close()


class _Proxy(BaseHTTPRequestHandler):
    """What stands before a server that is away: it answers every request with its own status."""

    status = 502

    def do_GET(self) -> None:
        """Answer without one of the engine's codes."""
        self.send_response(self.status)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"<html>Oops")

    def do_POST(self) -> None:
        """Answer it the same."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("status", "later"), [(502, True), (503, True), (404, False)])
def test_an_answer_without_a_code_is_a_proxy_s(
    monkeypatch: pytest.MonkeyPatch, status: int, *, later: bool
) -> None:
    """One that can't reach the server may later; one that knows no such thing never will."""
    monkeypatch.setattr(_Proxy, "status", status)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        with pytest.raises(EngineError, match=f"HTTP status {status}") as caught:
            ServerEngine(f"clickhouse://me:sesame@127.0.0.1:{proxy.server_port}")
        proxy.shutdown()
    assert isinstance(caught.value, EngineUnreachable) == later
    assert "sesame" not in str(caught.value)


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be asked again."""
    monkeypatch.setattr("livetally.store.events.server._SILENT_S", 1)
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, pytest.raises(EngineUnreachable, match="timed out"):
        ServerEngine(f"clickhouse://127.0.0.1:{silent.getsockname()[1]}")
