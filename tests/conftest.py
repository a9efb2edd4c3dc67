"""What every test gets: one event loop, seeds that are printed, and none of the user's settings.

In the flow: loaded by pytest before any test module.
Guarantee: a test sees the same surroundings on every machine; a program it needs that is missing
is a failure under ``CI=true`` and a skip with its name elsewhere. No server of any test leaves a
secret unnoticed.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import hypothesis
import pytest

from livetally.testing import Server
from tests.needs import lacking
from tests.secret_search import Find, SecretFound, search_every_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Machines that run several things at once make honest examples slow: no deadline per example.
hypothesis.settings.register_profile("here", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.register_profile("long", deadline=None, print_blob=True, max_examples=2_000)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "here")
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def unraised_finds() -> Iterator[list[Find]]:
    """Search each server's data directory and log when it ends; a secret there is a failure.

    What was found beside another error, which a test may have expected, fails the run at its end.
    """
    with pytest.MonkeyPatch.context() as patch:
        finds = search_every_server(patch, Server)
        yield finds
    if finds:
        raise SecretFound(finds)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the user's ``LIVETALLY_…`` variables and ``.env``: a test names what it sets."""
    for name in tuple(os.environ):
        if name.startswith("LIVETALLY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def program() -> Callable[..., str]:
    """Return the path of the first of the named programs that is installed.

    ``program("chromium", "chromium-browser")``. When none is there the test fails under
    ``CI=true``, and is skipped elsewhere.
    """

    def find(*names: str) -> str:
        for name in names:
            if path := shutil.which(name):
                return path
        return lacking(f"none of these programs is installed: {', '.join(names)}")

    return find
