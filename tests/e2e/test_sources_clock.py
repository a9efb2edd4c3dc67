"""Sources by a manual clock: every fifth minute, start, stop, restart, what fails, what changes.

In the flow: a real catalog and a real HTTP server in the Nobel Prize API's shape.
Guarantee: a source is fetched when it is due, by one process, and nothing counts twice.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import anyio
import pytest

from livetally.sources import Counts, Known, Outcome, Puller, ScheduleText
from tests.e2e.source_process import AT_ONCE, MINUTE, Begin
from tests.nobel import Nobel, prize

pytest_plugins = ("tests.e2e.source_fixtures",)
pytestmark = pytest.mark.anyio


async def test_every_fifth_minute(begin: Begin, api: Nobel) -> None:
    """At once, and then on the grid of five minutes; what has not changed is a duplicate."""
    process = begin()
    state = await process.look()
    assert (state.stored, state.duplicates, state.runs, state.last_error) == (10, 0, 1, "")
    assert [path.partition("?")[2] for path in api.asked] == [
        "sort=asc&limit=4&offset=0",
        "sort=asc&limit=4&offset=4",
        "sort=asc&limit=4&offset=8",
    ]
    fetched = []
    for _ in range(20):
        process.clock.advance(s=60)
        before = state.runs
        state = await process.look()
        if state.runs > before:
            fetched.append(process.clock.now_us() // MINUTE % 5)
    assert fetched == [0, 0, 0, 0]
    assert (state.stored, state.duplicates) == (10, 40)


async def test_events_are_what_the_records_say(begin: Begin) -> None:
    """With their own time, exact amount and category."""
    process = begin()
    await process.look()
    first = min(process.events.values(), key=lambda event: event["id"])
    assert first["type"] == "prize"
    assert first["source"] == "source/nobel"
    assert first["time"].startswith("1901-12-10T00:00:00")
    assert first["data"] == {
        "category": "Chemistry",
        "year": 1901,
        "amount": 150782,
        "laureates": 1,
    }


async def test_what_changed_is_a_new_event(begin: Begin, api: Nobel) -> None:
    """And what is new too; the rest are duplicates."""
    process = begin()
    await process.look()
    api.prizes[3] = prize(1901, "Physics", 200_000)
    api.prizes.append(prize(1903, "Chemistry"))
    process.clock.advance(s=300)
    state = await process.look()
    assert (state.stored, state.duplicates) == (12, 9)


async def test_changes_can_be_left_alone(begin: Begin, api: Nobel) -> None:
    """With changes = ignore the key alone is the identity."""
    process = begin("every =", 'changes = "ignore"\nevery =')
    await process.look()
    api.prizes[3] = prize(1901, "Physics", 200_000)
    process.clock.advance(s=300)
    assert (await process.look()).stored == 10


async def test_stop_and_start_outlive_the_process(begin: Begin, api: Nobel) -> None:
    """Stopped stays stopped in the next process; started is fetched at once."""
    process = begin()
    await process.look()
    (one,) = process.declared()
    process.keeper.set(one, "stop", "me", running=False)
    later = begin(name="two")
    later.clock.advance(s=3_600)
    assert (await later.look()).runs == 1
    later.keeper.set(one, "start", "me", running=True)
    state = await later.look()
    assert state.runs == 2
    assert state.next_us % (5 * MINUTE) == 0
    assert state.next_us > later.clock.now_us()


async def test_a_source_can_wait_to_be_started_and_run_once(begin: Begin, api: Nobel) -> None:
    """With start = false nothing is fetched; run fetches once."""
    process = begin("every =", "start = false\nevery =")
    process.clock.advance(s=3_600)
    assert (await process.look()).runs == 0
    (one,) = process.declared()
    process.keeper.set(one, "run", "me", wanted=True)
    assert (await process.look()).runs == 1
    process.clock.advance(s=3_600)
    assert (await process.look()).runs == 1
    assert len(api.asked) == 3


async def test_another_schedule_outlives_the_process(begin: Begin) -> None:
    """A person's schedule goes before the definition's, until it is taken away."""
    process = begin()
    await process.look()
    (one,) = process.declared()
    process.keeper.set(one, "schedule", "me", schedule=ScheduleText(every="1 hour"))
    later = begin(name="two")
    later.clock.advance(s=600)
    assert (await later.look()).runs == 1
    later.clock.advance(s=3_600)
    state = await later.look()
    assert state.runs == 2
    assert state.next_us % (60 * MINUTE) == 0
    later.keeper.set(one, "schedule", "me", schedule=ScheduleText())
    later.clock.advance(s=300)
    assert (await later.look()).runs == 3


async def test_a_failure_is_told_and_the_next_run_mends_it(begin: Begin, api: Nobel) -> None:
    """A page that can't be had keeps the pages before it; the next run gets the rest."""
    process = begin()
    api.instead = lambda path, _: (500, {}, b"no") if "offset=4" in path else None
    state = await process.look()
    assert state.last_error.endswith("/2.1/nobelPrizes answered 500 Internal Server Error.")
    assert (state.stored, state.failures, state.last_ok_us) == (4, 1, None)
    assert len(api.asked) == 1 + AT_ONCE.attempts
    api.instead = None
    process.clock.advance(s=300)
    state = await process.look()
    assert (state.stored, state.duplicates, state.failures, state.last_error) == (10, 4, 0, "")


async def test_a_busy_source_is_asked_again(begin: Begin, api: Nobel) -> None:
    """A 503 with Retry-After is not the end of a run."""
    process = begin()
    busy = (503, {"Retry-After": "0"}, b"")
    api.instead = lambda _, number: busy if number == 1 else None
    state = await process.look()
    assert (state.stored, state.last_error) == (10, "")


async def test_a_slow_answer_is_given_up(begin: Begin, api: Nobel) -> None:
    """After timeout_s, with the address and the time in the error."""
    process = begin("every =", "timeout_s = 0.1\nevery =")
    release = threading.Event()

    def slow(_path: str, _number: int) -> None:
        release.wait(30)

    api.instead = slow
    try:
        state = await process.look()
    finally:
        release.set()
    assert state.last_error.endswith("/2.1/nobelPrizes did not answer within 0.1 s.")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            (200, {"Content-Type": "text/html"}, b"<!doctype html><h1>Hello</h1>"),
            "answered an HTML page where JSON was expected",
        ),
        ((200, {"Content-Type": "application/json"}, b'{"nobelPrizes": ['), "answered no JSON"),
        ((200, {}, b'{"nobelPrizes": "none"}'), "an object or a list was expected"),
        ((404, {}, b"{}"), "answered 404 Not Found"),
        ((403, {}, b"{}"), "Are the headers right"),
        ((302, {"Location": "/"}, b""), "redirects without end"),
    ],
    ids=["html", "cut off", "no list", "404", "403", "redirects"],
)
async def test_what_is_no_answer_is_told(
    begin: Begin, api: Nobel, answer: tuple[int, dict[str, str], bytes], reason: str
) -> None:
    """In words for a person; nothing is stored, nothing is lost."""
    process = begin()
    api.instead = lambda *_: answer
    state = await process.look()
    assert reason in state.last_error
    assert state.stored == 0
    api.instead = None
    process.clock.advance(s=300)
    assert (await process.look()).stored == 10


async def test_a_bad_record_costs_no_good_one(begin: Begin, api: Nobel) -> None:
    """It is counted as rejected and named."""
    process = begin()
    api.prizes[2]["awardYear"] = "soon"
    state = await process.look()
    assert (state.stored, state.rejected) == (9, 1)
    assert "1 records gave no event; the first: record 2" in state.last_error


async def test_what_has_not_changed_is_not_sent_again(begin: Begin, api: Nobel) -> None:
    """An ETag is kept over a restart, and asked with; another definition asks anew."""
    api.etags = True
    api.prizes = api.prizes[:3]
    await begin().look()
    later = begin(name="two")
    later.clock.advance(s=300)
    state = await later.look()
    assert (state.runs, state.duplicates, len(api.asked)) == (2, 0, 2)
    changed = begin("map.data.year", "map.data.age", name="three")
    changed.clock.advance(s=300)
    assert (await changed.look()).stored == 6


async def test_a_secret_comes_from_the_environment(begin: Begin, api: Nobel) -> None:
    """It is sent as a header; without it the source says which variable is missing."""
    process = begin("every =", 'headers = { Authorization = "env:NOBEL_TOKEN" }\nevery =')
    state = await process.look()
    assert "the variable NOBEL_TOKEN is not set" in state.last_error
    assert api.asked == []
    process.variables["NOBEL_TOKEN"] = "Bearer 7"
    process.clock.advance(s=300)
    assert (await process.look()).stored == 10
    assert api.headers[0]["Authorization"] == "Bearer 7"


async def test_the_inner_network_is_out_of_reach(begin: Begin, api: Nobel) -> None:
    """A private address is refused after its name was resolved, by name too."""
    process = begin()
    process.allow_private = False
    state = await process.look()
    assert "which is no public address" in state.last_error
    by_name = begin("URL", api.url.replace("127.0.0.1", "localhost"), name="two")
    by_name.allow_private = False
    by_name.clock.advance(s=300)
    assert "'localhost' is" in (await by_name.look()).last_error
    assert api.asked == []


async def test_of_two_processes_one_fetches(begin: Begin, api: Nobel) -> None:
    """When it is gone in the middle of a run, the other one takes over; nothing counts twice."""
    first, second = begin(name="one"), begin(name="two")
    reached, release = anyio.Event(), anyio.Event()
    deliver = first.deliver

    async def stuck(lines: bytes) -> Counts:
        counts = await deliver(lines)
        reached.set()
        await release.wait()
        return counts

    first._puller.run = partial(_run_with, first._puller, stuck)  # type: ignore[method-assign]
    second.events = first.events  # one store
    async with anyio.create_task_group() as gone:
        await first.keeper.tick(gone)
        await reached.wait()
        await second.look()
        assert second.keeper.active == 0
        second.clock.advance(s=31)
        state = await second.look()
        assert (state.stored, state.duplicates, state.runs) == (6, 4, 1)
        await first.keeper.tick(gone)
        assert len(first.events) == 10
    (state,) = second.catalog.source_states()
    assert state.runs == 1


async def _run_with(puller: Puller, deliver: Any, source: Any, known: Known, _: Any) -> Outcome:
    return await Puller.run(puller, source, known, deliver)
