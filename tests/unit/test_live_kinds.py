"""Live lists and tails against a model: every client's picture equals a fresh page.

In the flow: drives a hub with the real questions and a store that is a list in memory.
Guarantee: every order of events, loss, stall and return comes from the seed in the test's name.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from livetally.ingest import Notice
from livetally.live import EntitiesQuestion, Question, Stream, TailQuestion, Touched
from livetally.query import Declared
from livetally.query.entities import (
    EntitiesPage,
    EntityState,
    ask_entity_page,
    one_entity,
    parse_entities,
)
from livetally.query.raw import EventsPage, parse_raw
from livetally.store.events.pages import StoredEvent
from tests.declaring import shop
from tests.unit.live_room import Client, limits, open_client, room, settle

BUYER = """
[entity.buyer]
key = "subject"
events = ["sale", "refund"]
fields.n = { count = true }
"""
DECLARED = Declared([shop(BUYER)])
LIMIT = 3


class Store:
    """Answers pages from events in memory; ``during`` commits while a page is being computed."""

    def __init__(self) -> None:
        """Start empty."""
        self.events: list[StoredEvent] = []
        self.position = 0
        self.during: Callable[[], None] = lambda: None
        self.asked_since: list[int | None] = []

    def commit(self, subject: str, at_us: int, kind: str = "sale") -> None:
        """Store one event as the next commit."""
        self.position += 1
        name = f"e{self.position}"
        self.events.append(StoredEvent(kind, at_us, self.position, name, subject, "", 0, "{}", ""))

    async def call(self, function: Any, query: Any, _declared: Any, _team: int, *since: int) -> Any:
        """Answer as the threads for questions do."""
        self.during()
        if function is ask_entity_page:
            return self.buyers(query.limit, odd=query.where != (), key=query.key)
        self.asked_since.append(since[0] if since else None)
        return self.newest(query.limit, *since)

    call_live = call

    def buyers(self, limit: int, *, odd: bool, key: str | None = None) -> EntitiesPage:
        """Return those with the latest events first; with ``odd`` those of an odd number only."""
        states: dict[str, EntityState] = {}
        for event in self.events:
            if key not in (None, event.subject):
                continue
            old = states.get(event.subject)
            number = 1 + (old.events if old else 0)
            states[event.subject] = EntityState(
                event.subject, {"n": number}, number, 0, event.at_us, event.position
            )
        rows = [state for state in states.values() if not odd or state.events % 2]
        rows.sort(key=lambda state: (state.last_us, state.key))
        return EntitiesPage(rows[:limit], "more" if len(rows) > limit else "")

    def newest(self, limit: int, since: int = 0) -> EventsPage:
        """Return the newest events of commits after ``since``."""
        rows = [event for event in self.events if event.position > since]
        rows.sort(key=lambda event: (event.at_us, event.position, event.id), reverse=True)
        return EventsPage(rows[:limit], "")


class Page:
    """The picture that a client keeps, by the rules of the guide."""

    def __init__(self, client: Client, rows: dict[str, int] | None = None) -> None:
        """Go on from ``rows``."""
        self.rows = dict(rows or {})
        self.kinds: list[str] = []
        self._client = client

    def read(self, limit: int = 0) -> Page:
        """Apply every frame; with ``limit`` as for a tail."""
        for event, data, _ in self._client.frames():
            self.kinds.append(event)
            if event == "snapshot":
                self.rows = {}
            self.rows |= dict(data["rows"])
            if "keys" in data:
                self.rows = {key: self.rows[key] for key in data["keys"]}
            if limit:
                newest = sorted(self.rows.items(), key=lambda row: row[1], reverse=True)
                self.rows = dict(newest[:limit])
        self._client.written.clear()
        return self


def encode(rows: Iterable[Any]) -> bytes:
    """Write what tells rows apart, and what a picture keeps of each."""
    return json.dumps([written(row) for row in rows]).encode()


def written(row: EntityState | StoredEvent) -> tuple[str, Any]:
    """Return key and value of a row."""
    if isinstance(row, EntityState):
        return row.key, row.events
    return row.id, [row.at_us, row.position, row.id]


def buyers(store: Store, **parameters: str) -> EntitiesQuestion:
    """Return the question for a list."""
    query = parse_entities("buyer", {name: [value] for name, value in parameters.items()})
    return EntitiesQuestion(query, DECLARED, 1, "e1", store, encode, b"")  # type: ignore[arg-type]


def tail(store: Store, **parameters: str) -> TailQuestion:
    """Return the question for the newest events."""
    query = parse_raw({name: [value] for name, value in parameters.items()})
    return TailQuestion(query, DECLARED, 1, "e1", store, encode, b"")  # type: ignore[arg-type]


def noticed(store: Store) -> Notice:
    """Return the notice of the last commit."""
    return Notice(store.position, 0, 1, {(1, store.events[-1].type): frozenset({0})})


class Follower:
    """A client that is cut off, stalls and comes back, each by chance."""

    def __init__(self, question: Callable[[], Question], cut: int, chance: random.Random) -> None:
        """Ask ``question``; keep ``cut`` rows as of a tail, all with 0."""
        self.page = Page(Client())
        self._question = question
        self._cut = cut
        self._chance = chance
        self._client = Client()
        self._stream: Stream | None = None
        self._last_id = ""

    async def step(self, hub: Any) -> None:
        """Do one of the things that clients do."""
        if self._stream is None:
            await self.come(hub)
            return
        self.look()
        match self._chance.randrange(6):
            case 0:
                self._stream.gone()
                self._stream = None
            case 1:
                self._client.paused = True
            case 2:
                self.go_on()

    async def come(self, hub: Any) -> None:
        """Open a stream at the place where the last one ended."""
        self._client = Client()
        position = int(self._last_id.rpartition(".")[2]) if self._last_id else None
        self._stream, _ = await open_client(
            hub, self._question(), resume=position, client=self._client
        )
        self.page = Page(self._client, self.page.rows)

    def go_on(self) -> None:
        """Read again."""
        if self._client.paused and self._stream is not None:
            self._client.paused = False
            self._stream.resumed()

    def look(self) -> None:
        """Apply what has come."""
        self._last_id = self._client.last_id() or self._last_id
        self.page.read(self._cut)


def kinds(store: Store) -> list[tuple[Callable[[], Question], int]]:
    """Return one question of each kind, and how many rows a client keeps of it by itself."""
    return [
        (lambda: buyers(store, limit=str(LIMIT)), 0),
        (lambda: buyers(store, limit=str(LIMIT), where="n:1"), 0),
        (lambda: buyers(store, limit="100"), 0),
        (lambda: tail(store, limit=str(LIMIT)), LIMIT),
        (lambda: tail(store, limit="100"), 100),
    ]


def expected(store: Store, question: Question) -> list[tuple[str, Any]]:
    """Return what a fresh page says."""
    query: Any = question._query  # type: ignore[attr-defined]
    if isinstance(question, EntitiesQuestion):
        return [written(state) for state in store.buyers(query.limit, odd=query.where != ()).states]
    return [written(event) for event in store.newest(query.limit).events]


@pytest.mark.parametrize("seed", range(25))
async def test_every_picture_equals_a_fresh_page_whatever_happened(seed: int) -> None:
    """Cuts, stalls, returns, late events and commits in mid-question leave every page right."""
    chance = random.Random(seed)
    store = Store()
    asked = kinds(store)
    async with room(limits()) as (hub, _):
        followers = [
            (Follower(question, cut, chance), question) for question, cut in asked for _ in "ab"
        ]

        def commit() -> None:
            store.commit(f"b{chance.randrange(7)}", chance.randrange(200))
            hub.notice(noticed(store))

        # Now and then something is committed between the position's reading and the page's.
        store.during = lambda: commit() if chance.random() < 0.2 else None
        for _ in range(60):
            for _ in range(chance.randrange(3)):
                commit()
            await settle(chance.randrange(25))
            for follower, _ in followers:
                await follower.step(hub)
        store.during = lambda: None
        for follower, _ in followers:
            if follower._stream is None:
                await follower.come(hub)
            follower.go_on()
        await settle(200)
        for follower, question in followers:
            follower.look()
            assert list(follower.page.rows.items()) == expected(store, question())


async def test_a_row_that_comes_because_another_left_is_told_to_whoever_was_away() -> None:
    """Its own version is old; that it came is not."""
    store = Store()
    for subject, at_us in (("a", 1), ("b", 2), ("c", 3), ("d", 4)):
        store.commit(subject, at_us)
    async with room() as (hub, _):
        question = buyers(store, limit="3", where="n:1")
        await open_client(hub, question)
        _, before = await open_client(hub, question)
        assert before.last_id() == "e1.4"
        store.commit("a", 9)
        hub.notice(noticed(store))
        await settle()
        _, back = await open_client(hub, question, resume=4)
        (frame,) = back.frames()
        assert frame.event == "update"
        assert frame.data["rows"] == [["d", 1]]
        assert frame.data["keys"] == ["b", "c", "d"]
        _, none = await open_client(hub, question, resume=5)
        assert none.frames() == []


async def test_what_is_committed_while_the_first_page_is_computed_is_not_missed() -> None:
    """The page may include more than the position that was read before it."""
    store = Store()
    for subject, at_us in (("a", 1), ("b", 2), ("c", 3), ("d", 4)):
        store.commit(subject, at_us)
    async with room() as (hub, _):
        store.during = lambda: store.commit("a", 9) if store.position == 4 else None
        _, back = await open_client(hub, buyers(store, limit="3", where="n:1"), resume=4)
        hub.notice(noticed(store))
        await settle()
        assert [key for key, _ in back.frames()[0].data["rows"]] == ["b", "c", "d"]


async def test_what_came_before_a_filtered_list_was_followed_is_not_guessed() -> None:
    """After a restart a list that is cut or filtered is sent whole; a complete one by rows."""
    store = Store()
    for subject in "abcd":
        store.commit(subject, 1)
    async with room() as (hub, _):
        for question, kind in (
            (buyers(store, limit="3"), "snapshot"),
            (buyers(store, limit="9", where="n:1"), "snapshot"),
            (buyers(store, limit="9"), "update"),
        ):
            _, client = await open_client(hub, question, resume=3)
            assert [frame.event for frame in client.frames()] == [kind]
            _, client = await open_client(hub, question, resume=4)
            assert client.frames() == []


async def test_one_entity_resumes_by_its_version() -> None:
    """One that has not changed brings nothing; one that has, its row."""
    store = Store()
    store.commit("a", 1)
    store.commit("b", 1)
    asked: Any = store
    async with room() as (hub, _):
        query = one_entity("buyer", "a")
        question = EntitiesQuestion(query, DECLARED, 1, "e1", asked, encode, b"")
        _, known = await open_client(hub, question, resume=2)
        assert known.frames() == []
        _, new = await open_client(hub, question, resume=0)
        assert [(frame.event, frame.data["rows"]) for frame in new.frames()] == [
            ("update", [["a", 1]])
        ]


async def test_only_newer_events_are_read_for_a_tail() -> None:
    """After the first page, a round asks for what is newer than the last one."""
    store = Store()
    question = tail(store, limit="3")
    first = await question.ask({}, 0, None)
    store.commit("a", 1)
    await question.ask(first.rows, 7, Touched(0, 0))
    assert store.asked_since == [None, 7]


async def test_a_whole_page_of_new_events_is_a_snapshot() -> None:
    """So that a client knows that others may have come before them; also one that stalled."""
    store = Store()
    for number in range(3):
        store.commit("a", number)
    async with room() as (hub, _):
        question = tail(store, limit="3")
        _, quick = await open_client(hub, question)
        stream, slow = await open_client(hub, question)
        slow.paused = True
        for number in range(10, 14):
            store.commit("a", number)
            hub.notice(noticed(store))
            await settle()
        slow.paused = False
        stream.resumed()
        assert [frame.event for frame in quick.frames()] == ["snapshot"] + ["update"] * 4
        assert [frame.event for frame in slow.frames()] == ["snapshot"] * 2
        for number in range(20, 24):
            store.commit("a", number)
        hub.notice(noticed(store))
        await settle()
        assert quick.frames()[-1].event == "snapshot"
        _, back = await open_client(hub, question, resume=8)
        assert [frame.event for frame in back.frames()] == ["snapshot"]


async def test_a_tail_of_all_types_is_touched_by_every_type_of_its_team_and_range() -> None:
    """A type that nobody knew touches it; another team, or another time, does not."""
    store = Store()
    async with room() as (hub, _):
        question = tail(store, **{"from": "2026-01-01"})
        await open_client(hub, question)
        slot = 1_767_225_600_000_000 // 900_000_000
        for team, where in ((2, slot), (1, slot - 1), (1, slot)):
            store.commit("a", 1, "strange")
            hub.notice(Notice(store.position, 0, 1, {(team, "strange"): frozenset({where})}))
            await settle()
        assert len(store.asked_since) == 2
        (stream,) = hub.streams
        stream.gone()
        assert hub._topics._by_type == {}


async def test_what_a_stalled_client_is_owed_does_not_grow_with_time() -> None:
    """Keys of rows that have left are not kept one by one."""
    store = Store()
    async with room() as (hub, _):
        # Each of these pushes out the oldest row of the page.
        for question, sign in ((tail(store, limit="3"), 1), (buyers(store, limit="3"), -1)):
            stream, client = await open_client(hub, question)
            client.paused = True
            for number in range(50):
                store.commit(f"{sign}{number}", sign * number)
                hub.notice(noticed(store))
                await settle(8)
            (place,) = stream.places
            assert len(place.dirty or {}) <= 8
            client.paused = False
            stream.resumed()
            assert client.frames()[-1].event == "snapshot"


async def test_a_tail_is_true_at_the_newest_commit_that_it_shows() -> None:
    """Also when that came while it was asked: whoever comes back is not sent it once more."""
    store = Store()
    store.commit("a", 1)
    store.during = lambda: store.commit("b", 2)
    reply = await tail(store).ask({}, 0, None)
    assert (len(reply.rows), reply.position) == (2, 2)
