"""Every released version's data directory opens in this one, and none of a newer one does.

In the flow: each archive beside this file was left by a server of that version, stopped in order;
``expected.json`` in it is what that server answered.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from livetally.testing import Server
from livetally.testing.server import ServerFailed
from tests.e2e.walls import talk

ARCHIVES = sorted(Path(__file__).parent.glob("*.tar.gz"))


def unpacked(archive: Path, room: Path) -> dict[str, Any]:
    """Unpack an archive; return what its server answered."""
    with tarfile.open(archive) as files:
        files.extractall(room, filter="data")
    told: dict[str, Any] = json.loads((room / "expected.json").read_text())
    return told


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.name)
def test_a_directory_of_an_earlier_version_is_gone_on_with(archive: Path, tmp_path: Path) -> None:
    """Same answers, same keys, same identities; and it can be stopped and started again."""
    expected = unpacked(archive, tmp_path)
    server = Server(data=tmp_path / "data", env={"LIVETALLY_QUERIES_PER_HOUR": "100000"})
    with server:
        for _ in range(2):
            with talk(server, server.key) as client:
                rows = client.get("/v1/metrics/revenue?interval=month&by=shop").json()["rows"]
                assert rows == expected["revenue"]
                assert client.get("/v1/metrics/buyers").json()["rows"] == expected["buyers"]
                entities = client.get("/v1/entities/buyer").json()["entities"]
                assert entities == expected["entities"]
                assert client.get("/v1/events?limit=1").json()["position"] == expected["position"]
                assert client.post("/v1/verify").text.splitlines()[-1].startswith('{"verified":tr')
                again: dict[str, Any] = {"type": "sale", "id": "s0-0", "subject": "b0"}
                again |= {"time": "2026-01-10T08:00:00Z", "data": {"value": "0.05", "shop": "a"}}
                assert client.post("/v1/events", json=again).json()["duplicates"] == 1
            with talk(server, expected["blue_key"]) as client:
                assert client.get("/v1/metrics/revenue").json()["rows"][0]["value"] == 7.25
            server.restart()
    assert (tmp_path / "data" / "version").read_text().split()[0] == "3"


def test_a_directory_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """A server that does not know the form of the files says so, and touches nothing."""
    unpacked(ARCHIVES[-1], tmp_path)
    data = tmp_path / "data"
    (data / "version").write_text("99 9.9.9\n")
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.name != "lock"}
    with pytest.raises(ServerFailed) as failed, Server(data=data):
        pass
    assert "written by a newer Livetally (9.9.9)" in failed.value.log
    after = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.name != "lock"}
    assert after == before


def test_there_is_an_archive_of_a_release() -> None:
    """What is released is kept here; without any, nothing above would be tested."""
    assert [path.name for path in ARCHIVES][:1] == ["0.1.0.tar.gz"]
