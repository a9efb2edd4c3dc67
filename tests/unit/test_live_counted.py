"""When an open question is answered from commits alone, and when the store is asked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from livetally.ingest import Notice
from livetally.live import Hub, Reply, Rows, Touched
from livetally.live.question import Commit
from livetally.store.events import EventRows
from tests.unit.live_room import Line, Tally, notice, open_client, room, settle


class Adding(Tally):
    """A tally to which each event of a commit adds one; ``broken`` makes that fail."""

    def __init__(self) -> None:
        """Start without rows, able to add."""
        super().__init__()
        self.broken = False
        self.able = True
        self.commits: list[list[int]] = []

    def counted(self, known: Rows, commits: Sequence[Commit], touched: Touched) -> Reply | None:
        """Add to the row of all, but what it has already."""
        self.commits.append([commit.position for commit in commits])
        if self.broken:
            raise ZeroDivisionError
        if not self.able:
            return None
        row = known.get("all", Line("all", 0, 0))
        for commit in commits:
            if commit.position > row.version:
                row = Line("all", row.value + len(commit.rows.id), commit.position)
        return Reply({"all": row}, touched.upto, whole=False)


def told(position: int, events: int = 1) -> Notice:
    """Return the notice of a small commit, with its events."""
    nothing = EventRows([], [], [], [], [], [b"id"] * events, [], [], [], [], {})
    return notice(position)._replace(events=events, rows=nothing)


@pytest.fixture
def tally() -> Adding:
    """A question that was answered at position 1, with one event."""
    tally = Adding()
    tally.put("all", 1, 1)
    return tally


async def _noted(hub: Hub, *notices: Notice) -> None:
    for one in notices:
        hub.notice(one)
    await settle()


async def test_the_store_is_not_asked_for_what_commits_say(tally: Adding) -> None:
    """Commits that come together are added in one turn, and each once."""
    async with room() as (hub, _):
        _, client = await open_client(hub, tally)
        await _noted(hub, told(2), told(3, events=5))
        assert client.picture() == {"all": 7}
        assert client.last_id() == "e1.3"
        assert len(tally.asked) == 1, "when it was opened"
        assert tally.commits == [[2, 3]]


async def test_a_commit_of_two_types_is_added_once(tally: Adding) -> None:
    """Its notice names the question's types one after the other."""
    tally.types = frozenset({"sale", "refund"})
    both = told(2)._replace(touched={(1, "sale"): frozenset({0}), (1, "refund"): frozenset({0})})
    async with room() as (hub, _):
        _, client = await open_client(hub, tally)
        await _noted(hub, both)
        assert client.picture() == {"all": 2}


@pytest.mark.parametrize("why", ["unknown", "unable", "broken"])
async def test_the_store_is_asked_where_commits_do_not_say_it(tally: Adding, why: str) -> None:
    """One commit of several is large, or what it adds can't be worked out, or that fails."""
    tally.able, tally.broken = why != "unable", why == "broken"
    async with room() as (hub, _):
        _, client = await open_client(hub, tally)
        tally.put("all", 9, 3)
        await _noted(hub, told(2), notice(3) if why == "unknown" else told(3))
        assert client.picture() == {"all": 9}
        assert len(tally.asked) == 2
        tally.able, tally.broken = True, False
        await _noted(hub, told(4))
        assert client.picture() == {"all": 10}, "from then on they are added again"
        assert len(tally.asked) == 2


@pytest.mark.parametrize(("commits", "events"), [(250, 1), (6, 1_000)])
async def test_what_waits_is_bounded(tally: Adding, commits: int, events: int) -> None:
    """More commits or events than that in one turn, and the store is asked."""
    async with room() as (hub, _):
        _, client = await open_client(hub, tally)
        newest = commits + 1
        tally.put("all", 1 + commits * events, newest)
        await _noted(hub, *(told(position, events) for position in range(2, newest + 1)))
        assert client.picture() == {"all": 1 + commits * events}
        assert not tally.commits
        assert len(tally.asked) == 2


async def test_what_comes_while_the_store_is_asked_is_added_to_its_answer(tally: Adding) -> None:
    """Whether or not the answer has it already: a row's version tells."""
    async with room() as (hub, _):
        _, client = await open_client(hub, tally)
        await _noted(hub, notice(2))  # asks for it: the answer is as it was
        tally.put("all", 2, 3)  # the store is further than what was noted
        await _noted(hub, notice(3))
        await _noted(hub, told(3), told(4))
        assert client.picture() == {"all": 3}
