"""The API and the processes of tests of sources, as fixtures.

In the flow: named as a plug-in by test modules, which ask for ``api`` and ``begin``.
Guarantee: the processes of one test share a catalog and a clock, and are closed at its end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from livetally.store.catalog import open_catalog
from livetally.testing.clock import ManualClock
from tests.e2e.source_process import MINUTE, Begin, Process
from tests.nobel import SOURCE, Nobel, nobel

__all__ = ["api", "begin"]


@pytest.fixture
def api() -> Iterator[Nobel]:
    """The API."""
    with nobel() as said:
        yield said


@pytest.fixture
async def begin(tmp_path: Path, api: Nobel) -> AsyncIterator[Begin]:
    """Return what starts a process on the same catalog and clock."""
    clock = ManualClock()
    clock.jump_to(clock.now_us() // (5 * MINUTE) * (5 * MINUTE) + MINUTE)
    opened: list[Process] = []

    def start(change: str = "", by: str = "", name: str = "one") -> Process:
        catalog = open_catalog(tmp_path / "catalog.db", clock)
        toml = SOURCE.replace(change, by).replace("URL", api.url)
        opened.append(Process(catalog, clock, toml, name))
        return opened[-1]

    yield start
    for one in opened:
        await one.close()
        one.catalog.close()
