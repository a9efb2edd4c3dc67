"""How tests talk to an index of identities.

In the flow: used by ``test_identities`` and ``test_identities_files``.
Guarantee: keys by number, so that tests say what they mean in a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from livetally.store.identities import IdentityIndex, Stored, files, index

WAIT_S = 20


@contextmanager
def opened(folder: Path) -> Iterator[IdentityIndex]:
    """Open an index, and close it at the end."""
    made = IdentityIndex(folder)
    try:
        yield made
    finally:
        made.close()


def with_small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make runs of a hundred identities, and join fifty at a time."""
    monkeypatch.setattr(index, "_RECENT_MAX", 100)
    monkeypatch.setattr(files, "_JOINED_AT_ONCE", 50)


def keys(*numbers: int) -> list[bytes]:
    """Return keys for numbers."""
    return [b"team%08d" % number for number in numbers]


def tell(
    ids: IdentityIndex,
    contents: dict[bytes, int],
    position: int,
    complete_to: int | None = None,
) -> None:
    """Record the sums of keys."""
    sums = np.array(list(contents.values()), np.uint32)
    ids.record(ids.hashed([list(contents)]), sums, position, complete_to)


def ask(ids: IdentityIndex, asked: Sequence[bytes]) -> dict[bytes, Stored]:
    """Return what is known of keys."""
    found = ids.look_up(ids.hashed([asked])).by_place()
    return {asked[place]: stored for place, stored in found.items()}


def wait_until(ids: IdentityIndex, met: Callable[[], bool]) -> None:
    """Return when its threads have come so far."""
    with ids._changed:
        assert ids._changed.wait_for(met, WAIT_S)


def files_of(folder: Path) -> dict[str, list[Path]]:
    """Return its files by kind."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        found.setdefault(path.name.partition("-")[0], []).append(path)
    return found
