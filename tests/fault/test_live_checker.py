"""Live streams without gaps, whatever breaks: and a check that would notice if there were any."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from livetally.testing import Server
from tests.fault.live_checker import DEFINITION, check

# Resumes as if nothing had ever changed while a client was away.
_BROKEN = """
from livetally.live.metric import MetricQuestion
MetricQuestion.lacking = lambda self, rows, position: []
"""


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    """Return the shop's definition as a file."""
    path = tmp_path / "shop.toml"
    path.write_text(DEFINITION, encoding="utf-8")
    return path


async def test_every_picture_equals_a_fresh_answer_after_cuts_and_restarts(
    definition: Path,
) -> None:
    """Clients that are cut off and servers that stop or crash leave no gap and cause no reset."""
    seed = int(os.environ.get("LIVE_SEED", random.randrange(10**6)))
    print(f"seed {seed}: repeat with LIVE_SEED={seed}")  # noqa: T201 - shown when the test fails
    with Server(definitions=[definition]) as server:
        told = await check(server, seed, seconds=10, restarts="ktk", rest_s=20)
    print(told)  # noqa: T201


async def test_the_check_fails_when_resuming_is_broken(definition: Path, tmp_path: Path) -> None:
    """With a server that forgets what changed while a client was away, the check says so."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(_BROKEN, encoding="utf-8")
    paths = os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])
    with (
        Server(definitions=[definition], env={"PYTHONPATH": paths}) as server,
        pytest.raises(AssertionError, match=r"seed 7: \d+ differ"),
    ):
        await check(server, 7, seconds=4, restarts="t", rest_s=8)
