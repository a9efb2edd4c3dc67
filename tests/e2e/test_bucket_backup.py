"""A backup into a bucket and the way back, by the commands that an operator types."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from livetally.testing import Server
from tests.buckets import S3_ENVIRONMENT, bucket_server, make_bucket
from tests.e2e.walls import SHOP, talk


def command(*words: str, **variables: str) -> str:
    """Run a command line; return what it printed."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("LIVETALLY")}
    done = subprocess.run(
        [sys.executable, "-m", "livetally", *words],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(180)
def test_a_bucket_gives_the_store_back(tmp_path: Path) -> None:
    """The second backup writes what is new; restored to a position, and to the newest, it is so."""
    with bucket_server(tmp_path) as address:
        make_bucket(address, "kept")
        place = "s3://kept/of/the-shop"
        cloud = {**S3_ENVIRONMENT, "AWS_ENDPOINT_URL": address}
        settings = {**cloud, "LIVETALLY_BACKUP_TO": place}
        with Server(definitions=[SHOP], env=settings) as server:
            reach = {"LIVETALLY_URL": server.url, "LIVETALLY_KEY": server.key}
            with talk(server, server.key) as client:
                for number in range(3):
                    event = {"type": "sale", "id": f"e{number}", "data": {"value": "1.50"}}
                    assert client.post("/v1/events", json=event).status_code == 200
                told = command("backup", **reach)
                assert "true at position 3" in told
                client.post("/v1/events", json={"type": "sale", "id": "e9"})
                told = command("backup", place, **reach)
                assert "true at position 4" in told
                assert command("backup", "--show", **reach).count("position") == 1
                outside = client.post("/v1/backups", json={"to": "s3://kept/elsewhere"})
                assert outside.status_code == 400
        newest, earlier = tmp_path / "newest", tmp_path / "earlier"
        command("restore", place, "--data", str(newest), **cloud)
        command("restore", place, "--data", str(earlier), "--to-position", "2", **cloud)
    for data, count in ((newest, 4), (earlier, 2)):
        with Server(data=data) as server, talk(server, server.key) as client:
            assert client.get("/v1/events").json()["position"] == count
            assert len(client.get("/v1/events").json()["events"]) == count
            lines = client.post("/v1/verify").text.splitlines()
            assert '"verified":true' in lines[-1]
