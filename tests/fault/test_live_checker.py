"""Live streams without gaps, whatever breaks: and a check that would notice if there were any."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from livetally.testing import Server
from tests.fault.live_checker import DEFINITION, check

# Resumes as if nothing had ever changed while a client was away.
_BROKEN = """
import livetally.live
livetally.live.{name}.lacking = lambda self, rows, position: []
livetally.live.{name}.moved_after = lambda self, position: False
"""
# Asking for a fresh page of entities or events is charged.
_UNCOUNTED = {"LIVETALLY_QUERIES_PER_HOUR": "1000000"}


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    """Return the shop's definition as a file."""
    path = tmp_path / "shop.toml"
    path.write_text(DEFINITION, encoding="utf-8")
    return path


def _again(server: Server, end: Callable[[], object]) -> None:
    end()
    server.start()


async def test_every_picture_equals_a_fresh_answer_after_cuts_and_restarts(
    definition: Path,
) -> None:
    """Clients that are cut off and servers that stop or crash leave no gap and cause no reset."""
    seed = int(os.environ.get("LIVE_SEED", random.randrange(10**6)))
    print(f"seed {seed}: repeat with LIVE_SEED={seed}")  # noqa: T201 - shown when the test fails
    with Server(definitions=[definition], env=_UNCOUNTED) as server:
        faults = [partial(_again, server, end) for end in (server.kill, server.stop, server.kill)]
        told = await check([server], seed, seconds=10, faults=faults, rest_s=20)
    print(told)  # noqa: T201


@pytest.mark.parametrize(
    ("name", "asked"),
    [("MetricQuestion", "metrics"), ("EntitiesQuestion", "entities"), ("TailQuestion", "events")],
)
async def test_the_check_fails_when_resuming_is_broken(
    definition: Path, tmp_path: Path, name: str, asked: str
) -> None:
    """With a server that forgets what changed while a client was away, the check says so."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(_BROKEN.format(name=name), encoding="utf-8")
    paths = os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])
    with (
        Server(definitions=[definition], env=_UNCOUNTED | {"PYTHONPATH": paths}) as server,
        pytest.raises(AssertionError, match=rf"seed 7: \d+ differ.*{asked}"),
    ):
        await check([server], 7, seconds=3, faults=[server.restart], rest_s=5)
