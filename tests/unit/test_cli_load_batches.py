"""The items of a file are divided into batches: by number, and by size when they are long."""

from __future__ import annotations

from itertools import chain

import pytest

from livetally.cli.load.item import Item, Refused
from livetally.cli.load.upload import BATCH_ROWS, full_batches


def items(count: int, event_bytes: int, refused_every: int = 0) -> list[Item | Refused]:
    """Return items whose marks count up; of each ``refused_every`` the last is refused."""
    made: list[Item | Refused] = []
    for number in range(count):
        if refused_every and number % refused_every == refused_every - 1:
            made.append(Refused(number, "at", "is no time", b"", str(number)))
        else:
            made.append(Item(number, b"x" * event_bytes, b"", str(number)))
    return made


@pytest.mark.parametrize(
    ("count", "event_bytes", "lengths"),
    [
        (0, 10, []),
        (1, 10, [1]),
        (BATCH_ROWS, 10, [BATCH_ROWS]),
        (2 * BATCH_ROWS + 1, 10, [BATCH_ROWS, BATCH_ROWS, 1]),
        (1_000, 10_000, [500, 500]),  # 500 is the first hundred beyond 4 MiB
        (250, 1_000_000, [100, 100, 50]),
    ],
)
def test_a_batch_is_bounded_in_rows_and_in_bytes(
    count: int, event_bytes: int, lengths: list[int]
) -> None:
    """Memory holds a few batches, so a batch of long rows has fewer of them."""
    assert [len(batch) for batch in full_batches(items(count, event_bytes))] == lengths


def test_nothing_is_lost_or_moved_between_batches() -> None:
    """Refused ones stay where they stood: the place in the file is counted by them too."""
    given = items(1_234, 10, refused_every=7)
    assert list(chain.from_iterable(full_batches(iter(given), rows=10))) == given
    assert list(chain.from_iterable(full_batches(iter(given), size_bytes=1_000))) == given
