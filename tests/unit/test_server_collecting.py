"""Collections of garbage stay short, and nothing is kept for ever."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from livetally.server.collecting import short_collections


class Clock:
    """Says what a test wrote into it; each collection takes ``collection_s``."""

    def __init__(self) -> None:
        """Start at nought."""
        self.now_s = 0.0
        self.collection_s = 0.0

    def __call__(self) -> float:
        """Tell the time, and let half of a collection pass."""
        self.now_s += self.collection_s
        return self.now_s


class Circle:
    """Refers to itself, so that only a collection lets it go."""

    def __init__(self) -> None:
        """Close the circle."""
        self.own = self


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Watch the collections of this test, and of nobody else."""
    gc.collect()
    clock = Clock()
    with short_collections(clock):
        yield clock
    assert gc.get_freeze_count() == 0, "all is as it was"


def test_what_outlives_a_long_collection_is_set_aside(clock: Clock) -> None:
    """And a short one sets nothing aside."""
    gc.collect()
    assert gc.get_freeze_count() == 0
    clock.collection_s = 0.05
    gc.collect(1)
    assert gc.get_freeze_count() == 0, "that of the young is none of those"
    gc.collect()
    assert gc.get_freeze_count() > 1_000


def test_what_was_set_aside_goes_when_all_is_looked_at_again(clock: Clock) -> None:
    """A circle that died meanwhile is kept for ten minutes."""
    circle = Circle()
    gone = weakref.ref(circle)
    clock.collection_s = 0.05
    gc.collect()
    clock.collection_s = 0.0
    del circle
    gc.collect()
    assert gone() is not None, "nobody looks at it"
    clock.now_s += 600
    gc.collect()
    assert gone() is None


def test_what_is_in_no_circle_goes_at_once(clock: Clock) -> None:
    """By its count of references, set aside or not."""
    kept = Circle()
    kept.own = None  # type: ignore[assignment] # the circle is cut
    gone = weakref.ref(kept)
    clock.collection_s = 0.05
    gc.collect()
    del kept
    assert gone() is None
