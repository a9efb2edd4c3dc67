"""What several contract tests of the index of identities begin with.

In the flow: found by pytest for the tests beside it.
Guarantee: every index is closed at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from livetally.store.identities import IdentityIndex
from tests.contract.indexes import opened, with_small_runs


@pytest.fixture
def ids(tmp_path: Path) -> Iterator[IdentityIndex]:
    """Open an index in a new directory."""
    with opened(tmp_path / "ids") as made:
        yield made


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have runs made of a hundred identities."""
    with_small_runs(monkeypatch)
