"""What a server and workers say to each other, over a real NATS server, in one process.

In the flow: ``RunsOnWorkers`` and ``Worker`` on one loop; a test plays either of them itself.
Guarantee: events of a worker that lost its run are not taken; no message is taken twice; what can't
be done is told in words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest

from livetally.definitions import Source, read_toml
from livetally.errors import LivetallyError
from livetally.sources import (
    Broker,
    BrokerFailed,
    Counts,
    Declared,
    Known,
    Puller,
    RunsOnWorkers,
    SourceFailed,
    Subjects,
    Worker,
    WorkerPatience,
    client,
)
from livetally.sources.wire import (
    PROTOCOL,
    Beat,
    Busy,
    Ended,
    Events,
    Going,
    Gone,
    Offer,
    Stored,
    Taken,
    packed,
    read_from_server,
    read_from_worker,
    read_source,
    written_source,
)
from livetally.tenancy import DEFAULT_TEAM
from livetally.testing.clock import ManualClock
from tests import brokers
from tests.e2e.source_process import AT_ONCE
from tests.nobel import SOURCE, Nobel, nobel, prize

pytest_plugins = ("tests.broker_fixtures",)
pytestmark = pytest.mark.anyio

_QUICK = WorkerPatience(silence_s=0.5, free_s=3)
_LOOKUP = """
[lookup.fields]
rows = { Physics = "matter", Peace = "people" }
"""


class Room:
    """A server's side: the runs, and the events that were delivered."""

    def __init__(self, url: str, source: Source, patience: WorkerPatience, prefix: str) -> None:
        """Know one source; ``prefix`` keeps tests on one broker apart."""
        self.url = url
        self.subjects = Subjects(prefix)
        self.declared = Declared(DEFAULT_TEAM, source)
        self.events: dict[str, dict[str, Any]] = {}
        self.delivered: list[int] = []
        self.variables: dict[str, str] = {}
        self.runs = RunsOnWorkers(self.broker(), self.subjects, lambda _: self.deliver, patience)

    def broker(self) -> Broker:
        """Return another connection."""
        return Broker(self.url, "test")

    async def deliver(self, lines: bytes) -> Counts:
        """Count each identity once."""
        found = [msgspec.json.decode(line) for line in lines.splitlines()]
        new = {one["id"]: one for one in found if one["id"] not in self.events}
        self.events |= new
        self.delivered.append(len(found))
        return Counts(stored=len(new), duplicates=len(found) - len(new))

    @asynccontextmanager
    async def worker(self, name: str = "one", runs_max: int = 2) -> AsyncIterator[None]:
        """Have a worker at work while the block runs."""
        http = lambda: client(allow_private=True, version="test")  # noqa: E731 - a factory
        puller = Puller(http, self.variables.get, ManualClock().now_us, AT_ONCE)
        worker = Worker(self.broker(), self.subjects, puller, name, "test", runs_max)
        ready = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.run, lambda _: ready.set())
            await ready.wait()
            yield
            tasks.cancel_scope.cancel()


class Played:
    """A worker that a test plays: it takes what is offered, and says what it is told to."""

    def __init__(self, room: Room, name: str) -> None:
        """Take offers as ``name``."""
        self.room, self.name = room, name
        self.broker = room.broker()
        self.offers: list[Offer] = []
        self.offered = anyio.Event()

    async def listen(self) -> None:
        """Begin to take offers."""
        await self.broker.open()
        await self.broker.answer(self.room.subjects.run, self._take, queue="workers")

    async def _take(self, body: bytes) -> bytes:
        offer = read_from_server(body)
        assert isinstance(offer, Offer)
        self.offers.append(offer)
        self.offered.set()
        return packed(Taken(self.name))

    async def say(self, message: Any, place: str = "told") -> object:
        """Say something of the last run; return the answer."""
        subject = f"{self.offers[-1].to}.{place}"
        return read_from_server(await self.broker.request(subject, packed(message), 2))


@pytest.fixture
def api() -> Iterator[Nobel]:
    """The API."""
    with nobel() as said:
        yield said


def source_of(api: Nobel, change: str = "", by: str = "", more: str = "") -> Source:
    """Return the source of the definition, changed."""
    text = SOURCE.replace("URL", api.url).replace(change, by) + more
    return read_toml(text, "nobel.toml").sources["nobel"]


@asynccontextmanager
async def room_of(
    broker: brokers.Broker, source: Source, prefix: str, patience: WorkerPatience = _QUICK
) -> AsyncIterator[Room]:
    """Open a server's side while the block runs."""
    room = Room(f"nats://127.0.0.1:{broker.port}", source, patience, prefix)
    await room.runs.open()
    try:
        yield room
    finally:
        await room.runs.close()


async def test_a_run_comes_back_with_its_events(nats_server: brokers.Broker, api: Nobel) -> None:
    """Events, counts and what to remember; look-up tables and secrets are used over there."""
    change = 'headers = { Authorization = "env:NOBEL_TOKEN" }\nevery ='
    lookup = "map.data.field = { from = \"category.en\", lookup = 'fields' }"
    source = source_of(api, "every =", change, lookup.replace("'", '"') + _LOOKUP)
    async with room_of(nats_server, source, "whole") as room, room.worker():
        room.variables["NOBEL_TOKEN"] = "Bearer 7"
        api.etags = True
        outcome = await room.runs.run(room.declared, Known())
        assert (outcome.error, outcome.counts.pages, outcome.counts.stored) == ("", 3, 10)
        assert {one["data"].get("field") for one in room.events.values()} == {
            None,
            "matter",
            "people",
        }
        assert api.headers[0]["Authorization"] == "Bearer 7"
        api.prizes = api.prizes[:4]  # one page, whose ETag stands for the whole
        outcome = await room.runs.run(room.declared, Known())
        assert outcome.known is not None
        assert outcome.known.etag
        again = await room.runs.run(room.declared, outcome.known)
        assert again.unchanged
        assert [one.name for one in room.runs.workers] == ["one"]


async def test_a_silent_worker_has_lost_its_run(nats_server: brokers.Broker, api: Nobel) -> None:
    """What it says when it wakes is not taken; what it said before is kept, and counts once."""
    async with (
        room_of(nats_server, source_of(api), "silent") as room,
        anyio.create_task_group() as tasks,
    ):
        sleeper = Played(room, "sleeper")
        await sleeper.listen()
        outcomes: list[Any] = []

        async def fetch() -> None:
            outcomes.append(await room.runs.run(room.declared, Known()))

        tasks.start_soon(fetch)
        await sleeper.offered.wait()
        line = msgspec.json.encode({"id": "early", "type": "prize"}) + b"\n"
        said = await sleeper.say(Events("sleeper", 1, line))
        assert isinstance(said, Stored)
        assert isinstance(await sleeper.say(Beat("sleeper"), "beat"), Going)
        first = sleeper.offers[0]
        await sleeper.broker.close()
        async with room.worker():
            while not outcomes:
                await anyio.wait_all_tasks_blocked()
        await sleeper.broker.open()
        late = packed(Events("sleeper", 2, line.replace(b"early", b"late")))
        with pytest.raises(LivetallyError):
            await sleeper.broker.request(f"{first.to}.told", late, 1)
        await sleeper.broker.close()
    assert set(room.events) >= {"early"}
    assert "late" not in room.events
    assert (outcomes[0].error, outcomes[0].counts.stored, len(room.events)) == ("", 11, 11)


async def test_a_worker_that_is_being_stopped_takes_no_run(
    nats_server: brokers.Broker, api: Nobel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is still subscribed while it hands its runs on; they must not come back to it."""
    closing, closed = anyio.Event(), anyio.Event()

    async def close(_: Puller) -> None:
        closing.set()
        await closed.wait()

    monkeypatch.setattr(Puller, "close", close)
    source = source_of(api)
    async with room_of(nats_server, source, "leaving") as room, anyio.create_task_group() as tasks:

        async def work_and_leave() -> None:
            async with room.worker("leaver"):
                pass

        tasks.start_soon(work_and_leave)
        await closing.wait()
        offered = packed(Offer(PROTOCOL, "a", "to", written_source(source), Known(), 1, 1))
        asking = room.broker()
        await asking.open()
        said = read_from_worker(await asking.request(room.subjects.run, offered, 5))
        await asking.close()
        closed.set()
    assert said == Busy("leaver", "it is being stopped")


async def test_only_the_one_that_has_the_run_is_heard(
    nats_server: brokers.Broker, api: Nobel
) -> None:
    """A second worker that took the run too is told to let go; a repeated message counts once."""
    async with (
        room_of(nats_server, source_of(api), "two") as room,
        anyio.create_task_group() as tasks,
    ):
        played = Played(room, "first")
        await played.listen()
        tasks.start_soon(room.runs.run, room.declared, Known())
        await played.offered.wait()
        line = msgspec.json.encode({"id": "a", "type": "prize"}) + b"\n"
        assert isinstance(await played.say(Events("first", 1, line)), Stored)
        assert isinstance(await played.say(Events("second", 1, line)), Gone)
        assert isinstance(await played.say(Beat("second"), "beat"), Gone)
        repeated = await played.say(Events("first", 1, line))
        assert repeated == Stored(Counts(stored=1))
        assert room.delivered == [1]
        with anyio.move_on_after(1):  # nothing that makes no sense ends a run
            await played.broker.request(f"{played.offers[-1].to}.told", b"\xff", 1)
        assert isinstance(await played.say(Beat("first"), "beat"), Going)
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await played.broker.close()


async def test_without_a_worker_a_run_fails_in_words(
    nats_server: brokers.Broker, api: Nobel
) -> None:
    """None is there; the one that is there has too much to do; it can't reach the broker."""
    brief = WorkerPatience(silence_s=1, free_s=0.1)
    async with room_of(nats_server, source_of(api), "none", brief) as room:
        with pytest.raises(SourceFailed, match="no worker is connected; start one with 'livet"):
            await room.runs.run(room.declared, Known())
        async with room.worker("lazy", runs_max=0):
            with pytest.raises(SourceFailed, match="worker lazy can't: it does 0 runs already"):
                await room.runs.run(room.declared, Known())
    nowhere = Room(f"nats://u:secret@127.0.0.1:{brokers.free_port()}", source_of(api), brief, "x")
    with pytest.raises(BrokerFailed, match=r"The broker at nats://127.*can't be used") as failed:
        await nowhere.runs.run(nowhere.declared, Known())
    assert "secret" not in str(failed.value)


async def test_why_a_run_failed_comes_back_whole(nats_server: brokers.Broker, api: Nobel) -> None:
    """With how long the source wants to be left alone."""
    api.instead = lambda *_: (429, {"Retry-After": "120"}, b"")
    async with room_of(nats_server, source_of(api), "alone") as room, room.worker():
        outcome = await room.runs.run(room.declared, Known())
    assert "answered 429" in outcome.error
    assert (outcome.known, outcome.retry_after_s) == (None, 120)


async def test_long_pages_go_in_parts(
    nats_server: brokers.Broker, api: Nobel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each at most as long as the broker takes; an event that is longer is rejected by name."""
    monkeypatch.setattr(Broker, "payload_bytes_max", 4 * 1024 + 600)
    async with room_of(nats_server, source_of(api), "long") as room, room.worker():
        api.prizes[3] = prize(1901, "Physics" * 100)
        outcome = await room.runs.run(room.declared, Known())
    assert max(room.delivered) < 4
    assert (outcome.counts.stored, outcome.counts.rejected, len(room.events)) == (9, 1, 9)
    assert "is longer than the broker takes" in outcome.counts.reasons[0]


def test_a_source_is_read_again_by_the_same_rules(api: Nobel) -> None:
    """What is written down is the source; what is none, or names the server's own, is refused."""
    source = source_of(api, more=_LOOKUP)
    again = read_source(written_source(source))
    assert (again.url, again.raw, again.name) == (source.url, source.raw, source.name)
    assert again.mapping.lookups["fields"].rows == {"Physics": "matter", "Peace": "people"}
    stolen = msgspec.structs.replace(
        source, raw=source.raw | {"headers": {"X-Key": "env:LIVETALLY_ROOT_KEY"}}
    )
    with pytest.raises(LivetallyError, match="must be env: and the name of a variable"):
        read_source(written_source(stolen))
    for wrong in (b"", b"no", written_source(source)[:-9]):
        with pytest.raises(LivetallyError):
            read_source(wrong)


def test_messages_are_read_as_they_were_written() -> None:
    """The end of a run, with all of its counts."""
    from livetally.sources import Outcome

    ended = Ended("one", Outcome(Counts(1, 2, 3, 4, 5, ["why"]), Known("c", "e", "m", "x"), ""))
    assert read_from_worker(packed(ended)) == ended
