"""Everything is made and brought up to date without a server, once, by however many processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from livetally.store.events import ServerEngine, existing_columns
from livetally.testing import Server
from tests.cluster_room import ClusterRoom, cluster_room
from tests.e2e.move_room import DEFINITION, command

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)
pytestmark = pytest.mark.timeout(180)

PARTS = ["catalog", "store", "log"]


def _told(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return what a command did, by part."""
    with process:
        told, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    parts: list[dict[str, Any]] = json.loads(told)["parts"]
    return {one["part"]: one["done"] for one in parts}


def _migrate(room: ClusterRoom, path: Path) -> subprocess.Popen[str]:
    return command(room, "migrate", "--definitions", str(path), "--json")


def _here(data: Path, path: Path) -> subprocess.Popen[str]:
    words = ("migrate", "--data", str(data), "--definitions", str(path), "--json")
    return subprocess.Popen(
        [sys.executable, "-m", "livetally", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def test_a_cluster_is_made_by_several_at_once(postgresql_server: Database, tmp_path: Path) -> None:
    """Each ends well, the second time nothing is left to do, and servers find all of it."""
    path = tmp_path / "shop.toml"
    path.write_text(DEFINITION, encoding="utf-8")
    with cluster_room(tmp_path, postgresql_server, partitions=2, name="livetally_migrate") as room:
        for told in [_told(one) for one in [_migrate(room, path) for _ in range(3)]]:
            assert list(told) == PARTS
        assert _told(_migrate(room, path)) == dict.fromkeys(PARTS, "nothing to do")
        with closing(ServerEngine(room.store_server.url)) as engine:
            assert {"f_value__decimal2", "f_shop__string"} <= existing_columns(engine)
        with room.process("all", [path]):
            assert _told(_migrate(room, path)) == dict.fromkeys(PARTS, "nothing to do")
        path.write_text(f'{DEFINITION}\n[event.visit]\ndata.page = "string"\n', encoding="utf-8")
        told = _told(_migrate(room, path))
        assert told["store"] == "added 1 columns and 0 projections"
        assert told["log"] == "nothing to do"


def test_a_data_directory_is_made_by_several_at_once(tmp_path: Path) -> None:
    """They wait for each other; afterwards a server starts on it."""
    path, data = tmp_path / "shop.toml", tmp_path / "data"
    path.write_text(DEFINITION, encoding="utf-8")
    for told in [_told(one) for one in [_here(data, path) for _ in range(3)]]:
        assert list(told) == PARTS[:2]
    assert _told(_here(data, path)) == dict.fromkeys(PARTS[:2], "nothing to do")
    with Server(data, definitions=[path]) as server:
        assert server.running
