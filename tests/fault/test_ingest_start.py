"""What a server can't work with: a directory in use or read-only, and a clock that jumps back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.fault.ingest_needs import small_disk
from tests.fault.ingest_process import Fault, FaultyServer


def _serve(data: Path, room: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "livetally", "serve", "--port", "0", "--data", str(data)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=room
    )


def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    """It exits 1 and says who is in the way; the first one goes on."""
    with FaultyServer(tmp_path) as server:
        assert server.start()
        second = _serve(server.data, tmp_path)
        assert second.returncode == 1
        assert "Another server uses" in second.stderr
        assert "Traceback" not in second.stderr
        assert "listens" not in second.stdout
        assert server.request("POST", "/v1/events", '{"type": "tap"}').status == 200


def test_a_read_only_directory_is_refused(tmp_path: Path) -> None:
    """It exits 1 and names the directory and the reason, with data in it or without."""
    with small_disk(tmp_path / "disk", 400) as disk:
        with FaultyServer(tmp_path, data=disk / "used") as server:
            assert server.start()
            assert server.stop() == 0
        (disk / "empty").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)  # noqa: S607
        for name in ("used", "empty", "new"):
            refused = _serve(disk / name, tmp_path)
            assert refused.returncode == 1, name
            assert f"{disk / name} can't be used: Read-only file system" in refused.stderr
            assert "Traceback" not in refused.stderr


def test_a_clock_that_jumps_back_takes_no_order_away(tmp_path: Path) -> None:
    """Events are stored all the same; neither positions nor times of arrival go back."""
    with FaultyServer(tmp_path) as server:
        assert server.start(Fault("clock back", 3))
        positions = [
            server.request("POST", "/v1/events", f'{{"type": "tap", "id": "{n}"}}').body["position"]
            for n in range(6)
        ]
        assert positions == [1, 2, 3, 4, 5, 6]
        told = server.request("GET", "/v1/events").body["events"]
        by_position = sorted(told, key=lambda row: int(row["position"]))
        assert [row["id"] for row in by_position] == list("012345")
        received = [row["received"] for row in by_position]
        assert received == sorted(received)
        assert server.stop() == 0
