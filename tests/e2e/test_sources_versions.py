"""Records that change, change back, and stay as they are: each change counts once.

In the flow: what a source brings is handed in page by page; the event store is real.
Guarantee: a record that is as it was the last time is a duplicate, one that is not is a new event,
whatever was killed in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetally.errors import NotDurable
from tests.event_store import EventStore, event_store
from tests.source_versions import SHELF, Fetch, Shelf

pytestmark = pytest.mark.anyio

A, B = ("7", "red"), ("7", "blue")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventStore]:
    """Open one store; each test has its own team."""
    with event_store(tmp_path_factory.mktemp("events"), SHELF) as opened:
        yield opened


@pytest.fixture
def shelf(store: EventStore) -> Shelf:
    """Return a source."""
    return Shelf(store)


async def test_back_and_forth(shelf: Shelf) -> None:
    """A, B, A, B, A are five events; each of them fetched three times."""
    process = Fetch(shelf)
    for record in (A, B, A, B, A):
        for i in range(3):
            outcome = await process.fetch([record])
            new = int(i == 0)
            assert (outcome.counts.stored, outcome.counts.duplicates) == (new, 1 - new)
            assert outcome.known is not None
    assert shelf.told("7") == ["red", "blue", "red", "blue", "red"]


async def test_what_stays_as_it_is_counts_once(shelf: Shelf) -> None:
    """Ten times the same is one event."""
    process = Fetch(shelf)
    for _ in range(10):
        await process.fetch([A, ("8", "green")])
    assert shelf.told("7") == ["red"]
    assert shelf.told("8") == ["green"]


async def test_the_store_alone_knows(shelf: Shelf) -> None:
    """Each run in a process of its own, that remembers nothing."""
    for record in (A, B, A, A, B, A):
        await Fetch(shelf).fetch([record])
    assert shelf.told("7") == ["red", "blue", "red", "blue", "red"]


async def test_killed_before_the_end_of_a_run(shelf: Shelf) -> None:
    """A run that was cut off decides nothing; the next one does."""
    for record in (A, B):
        await Fetch(shelf).fetch([record])
    for _ in range(2):
        assert (await Fetch(shelf).fetch([A], fails=True)).counts.stored == 0
    assert shelf.told("7") == ["red", "blue"]
    assert (await Fetch(shelf).fetch([A])).counts.stored == 1
    assert shelf.told("7") == ["red", "blue", "red"]


async def test_killed_before_the_change_back_was_stored(shelf: Shelf) -> None:
    """The run fails with the store, so that how far it came is not told; the next one mends it."""
    process = Fetch(shelf)
    for record in (A, B):
        await process.fetch([record])
    shelf.fails = True
    with pytest.raises(NotDurable):
        await process.fetch([A])
    shelf.fails = False
    await Fetch(shelf).fetch([A])
    assert shelf.told("7") == ["red", "blue", "red"]


async def test_killed_after_it_was_stored(shelf: Shelf) -> None:
    """The same run again, because nobody had noted its end: all of it is duplicates."""
    for record in (A, B, A):
        await Fetch(shelf).fetch([record])
    again = (await Fetch(shelf).fetch([A])).counts
    assert (again.stored, again.duplicates) == (0, 1)
    assert shelf.told("7") == ["red", "blue", "red"]


async def test_two_at_once_make_one_event(shelf: Shelf) -> None:
    """Two processes have fetched the same, and neither knows of what the other has stored."""
    for record in (A, B):
        await Fetch(shelf).fetch([record])
    one, two = Fetch(shelf), Fetch(shelf)
    ids = set(shelf.ids)
    before = shelf.store.position
    await one.fetch([A])
    shelf.store.position, after = before, shelf.store.position  # two saw no more than one did
    outcome = await two.fetch([A])
    shelf.store.position = after
    assert outcome.counts.stored == 0
    assert len(shelf.ids - ids) == 1


async def test_a_lost_worker_and_the_next(shelf: Shelf) -> None:
    """What a lost worker had brought does not count beside what the next one brings."""
    process = Fetch(shelf)
    for record in (A, B):
        await process.fetch([record])
    process.lost = [[B], [A]]
    await process.fetch([A])
    assert shelf.told("7") == ["red", "blue", "red"]


async def test_several_records_under_one_key(shelf: Shelf) -> None:
    """A key that stands for several at once: each counts once, in any order, on any page."""
    process = Fetch(shelf)
    for pages in ([[A, B]], [[A], [B]], [[B], [A]], [[B, A, B]], [[A, B, A]]):
        for _ in range(2):
            await process.fetch(*pages)
    assert sorted(shelf.told("7")) == ["blue", "red"]
    await process.fetch([A, B, ("7", "green")])
    await process.fetch([A, ("7", "green"), B])
    assert sorted(shelf.told("7")) == ["blue", "green", "red"]


async def test_a_store_from_before_counts_nothing_again(shelf: Shelf) -> None:
    """Ids that were made of key and content alone, of records that had changed and that had not."""
    kept = [("7", "red"), ("7", "blue"), ("8", "green")]
    shelf.keep(*((_old_id(key, colour), colour) for key, colour in kept))
    now = [("7", "blue"), ("8", "green")]
    for _ in range(3):
        counts = (await Fetch(shelf).fetch(now)).counts
        assert (counts.stored, counts.duplicates) == (0, 2)
    await Fetch(shelf).fetch([A])
    assert shelf.told("7") == ["red", "blue", "red"]


def _old_id(key: str, colour: str) -> str:
    item = f'{{"data":{{"colour":"{colour}"}},"id":"{key}","source":"source/shelf","type":"item"}}'
    return f"{key}-{blake2b(item.encode(), digest_size=8).hexdigest()}"


@pytest.mark.parametrize(
    ("change", "by"),
    [
        ("map.each", 'changes = "ignore"\nmap.each'),
        ("map.type", "map.source = \"'elsewhere'\"\nmap.type"),
        ('map.id = "id"\n', ""),
    ],
    ids=["ignored", "a source of its own", "no key"],
)
async def test_the_others_are_as_they_were(store: EventStore, change: str, by: str) -> None:
    """Without a key there is nothing that changes; and changes can be left alone."""
    shelf = Shelf(store, SHELF.replace(change, by))
    process = Fetch(shelf)
    for record in (A, B, A, B):
        await process.fetch([record])
    assert len(shelf.ids) == (1 if "ignore" in by else 2)


async def test_what_does_not_fit_into_a_run_is_left_to_the_next(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run says so, and does not tell how far it came: the next one asks for all again."""
    process = Fetch(shelf)
    keys = [str(key) for key in range(5)]
    for colour in ("red", "blue"):
        await process.fetch([(key, colour) for key in keys])
    monkeypatch.setattr("livetally.sources.versions._KEPT_BYTES_MAX", 1_100)
    back = [(key, "red") for key in keys]
    for stored in (2, 2):
        outcome = await process.fetch(back)
        assert (outcome.counts.stored, outcome.known) == (stored, None)
        assert "the next one takes the others" in outcome.error
    outcome = await process.fetch(back)
    assert (outcome.counts.stored, outcome.error) == (1, "")
    assert outcome.known is not None
    assert all(shelf.told(key) == ["red", "blue", "red"] for key in keys)


async def test_many_records_are_counted_in_shares(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine looks at a bounded number of them at a time, and finds the same."""
    monkeypatch.setattr("livetally.store.events.versions._VERSIONS_AT_ONCE", 7)
    keys = [f"k{key}" for key in range(20)]
    process = Fetch(shelf)
    for colour in ("red", "blue"):
        await process.fetch([(key, colour) for key in keys])
    for one in (process, Fetch(shelf)):
        colour = shelf.told("k0")[-2]
        assert (await one.fetch([(key, colour) for key in keys])).counts.stored == 20


_RUNS = st.lists(
    st.tuples(st.sampled_from(["red", "blue", "green"]), st.booleans(), st.booleans()),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(_RUNS)
async def test_any_course_of_things(store: EventStore, runs: list[tuple[str, bool, bool]]) -> None:
    """Runs that end or are cut off, in a new process or in the same: as counted by hand."""
    shelf = Shelf(store)
    process = Fetch(shelf)
    expected: list[str] = []
    for colour, fails, killed in runs:
        process = Fetch(shelf) if killed else process
        await process.fetch([("7", colour)], fails=fails)
        first = colour not in expected
        if first or (not fails and expected[-1] != colour):
            expected.append(colour)
    assert shelf.told("7") == expected
