"""Sink tables equal what was acknowledged, whatever was killed meanwhile."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from livetally.testing import Server
from tests.fault.sink_checker import DEFINITION, check, until_settled

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    """Return the shop's definition as a file."""
    path = tmp_path / "shop.toml"
    path.write_text(DEFINITION, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_tables_equal_what_was_acknowledged_after_kills(
    kind: str, definition: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Server and database are killed in turn; then every table equals entity and recount."""
    seed = int(os.environ.get("SINK_SEED", random.randrange(10**6)))
    kills = os.environ.get("SINK_KILLS", "sds")
    print(f"seed {seed}: repeat with SINK_SEED={seed}")  # noqa: T201 - shown when the test fails
    process, place = None, str(tmp_path / "kept.db")
    if kind != "sqlite":
        database: Database = request.getfixturevalue(f"{kind}_server")
        process, place = database.process, database.make_database("livetally_killed")
    with Server(definitions=[definition], env={"DATABASE": place}) as server:
        print(check(server, process, place, seed, kills))  # noqa: T201


def test_the_check_fails_when_a_change_is_skipped(definition: Path, tmp_path: Path) -> None:
    """With a sink that leaves out some rounds' rows, the check says so."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "from livetally.store.tables.keeping import Turn\n"
        "Turn.append = lambda self, rows, position: len(rows)\n",
        encoding="utf-8",
    )
    paths = os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])
    place = str(tmp_path / "kept.db")
    env = {"DATABASE": place, "PYTHONPATH": paths}
    with Server(definitions=[definition], env=env) as server:
        until_settled(server)  # a table that is filled after the events were sent skips nothing
        with pytest.raises(AssertionError, match="seed 7: payments"):
            check(server, None, place, 7, "d")
