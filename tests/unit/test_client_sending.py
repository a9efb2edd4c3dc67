"""Sending in the background: everything arrives once, or its sender hears of it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from random import Random
from typing import Any

import anyio
import httpx2
import pytest

from livetally.client import (
    AsyncClient,
    BufferFull,
    Client,
    EventsRejected,
    NotDelivered,
    RejectedEvent,
    async_client,
    sync_client,
)
from livetally.errors import BadInput, LivetallyError, Unauthenticated
from tests.client_fakes import (
    AT_ONCE,
    FakeServer,
    Step,
    busy,
    drop_after,
    drop_before,
    problem,
    take,
)
from tests.waiting import until


def unknown_key(_server: FakeServer, _request: httpx2.Request) -> httpx2.Response:
    """Refuse the key."""
    return problem(401, "Key needed", "The key is unknown.")


def client_of(server: FakeServer, **options: Any) -> Client:
    """Return a client that sends soon and retries at once."""
    merged: dict[str, Any] = {"max_delay_s": 0.001, "retry": AT_ONCE, **options}
    return Client("http://fake", "k", transport=server.transport, **merged)


def async_client_of(server: FakeServer, **options: Any) -> AsyncClient:
    """Return an async client that sends soon and retries at once."""
    merged: dict[str, Any] = {"max_delay_s": 0.001, "retry": AT_ONCE, **options}
    return AsyncClient("http://fake", "k", transport=server.transport, **merged)


def troubles(seed: int) -> list[Step]:
    """Return a long series of interruptions, the same for the same seed."""
    kinds = [take, drop_before, drop_after, busy(503, retry_after="0"), busy(502), busy(429)]
    return Random(seed).choices(kinds, k=60)


def assert_sent_once(server: FakeServer, ids: Sequence[str]) -> None:
    """Check that every event is stored, and that no attempt changed an id or mixed up a batch."""
    assert list(server.stored) == list(ids)
    order = {event_id: place for place, event_id in enumerate(ids)}
    for batch in server.sent_ids:
        places = [order[event_id] for event_id in batch]
        assert places == list(range(places[0], places[0] + len(places)))


@pytest.mark.parametrize("seed", range(5))
def test_every_event_is_stored_once_whatever_happens_on_the_way(seed: int) -> None:
    """The sync client: lost connections, lost answers, busy servers, in any order."""
    server = FakeServer(troubles(seed))
    with client_of(server, max_batch=7) as client:
        ids = [client.send("tap", data={"n": n}) for n in range(100)]
    assert_sent_once(server, ids)


@pytest.mark.parametrize("seed", range(5))
async def test_every_event_is_stored_once_from_an_event_loop_too(seed: int) -> None:
    """The async client, through the same troubles."""
    server = FakeServer(troubles(seed))
    async with async_client_of(server, max_batch=7) as client:
        ids = [await client.send("tap", data={"n": n}) for n in range(100)]
    assert_sent_once(server, ids)


def test_events_of_many_threads_arrive() -> None:
    """Eight threads share one client."""
    server = FakeServer()
    with client_of(server, max_batch=50) as client:
        threads = [
            threading.Thread(target=lambda: [client.send("tap") for _ in range(200)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.stored) == 1_600


def test_events_wait_for_others_and_leave_together() -> None:
    """Ten events in one request, when the delay is long and the flush comes after them."""
    server = FakeServer()
    with client_of(server, max_delay_s=60) as client:
        ids = [client.send("tap") for _ in range(10)]
        assert server.requests == []
        client.flush(10)
        assert server.sent_ids == [ids]


def test_an_event_leaves_by_itself_after_the_delay() -> None:
    """Nobody has to flush."""
    server = FakeServer()
    with client_of(server, max_delay_s=0.01) as client:
        client.send("tap")
        until(lambda: server.stored, "the event to be sent")


def test_flushing_nothing_returns_at_once() -> None:
    """Before any event, and twice."""
    with client_of(FakeServer()) as client:
        client.flush(0.001)
        client.flush(0.001)


def test_a_flush_that_takes_too_long_says_how_much_is_missing() -> None:
    """The events stay in the buffer and are sent later."""
    let_go = threading.Event()

    def stuck(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
        let_go.wait(10)
        return take(server, request)

    server = FakeServer([stuck])
    with client_of(server) as client:
        client.send("tap")
        with pytest.raises(NotDelivered) as caught:
            client.flush(0.05)
        assert caught.value.events == 1
        let_go.set()
        client.flush(10)
        assert len(server.stored) == 1


def test_a_full_buffer_makes_send_wait_and_then_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded while the server is away; the event that did not fit was not taken."""
    monkeypatch.setattr(sync_client, "SEND_WAIT_S", 0.01)
    let_go = threading.Event()

    def stuck(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
        let_go.wait(10)
        return take(server, request)

    server = FakeServer([stuck])
    with client_of(server, max_buffer=3, max_batch=3) as client:
        ids = [client.send("tap") for _ in range(3)]
        with pytest.raises(BufferFull):
            client.send("tap")
        let_go.set()
        ids.append(client.send("tap"))
    assert list(server.stored) == ids


async def test_a_full_buffer_on_an_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bound holds for the async client."""
    monkeypatch.setattr(async_client, "SEND_WAIT_S", 0.01)
    let_go = anyio.Event()

    class Stuck(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await let_go.wait()
            await request.aread()
            return take(server, request)

    server = FakeServer()
    async with AsyncClient(
        "http://fake", transport=Stuck(), max_buffer=2, max_batch=1, max_delay_s=0
    ) as client:
        ids = [await client.send("tap") for _ in range(2)]
        with pytest.raises(BufferFull):
            await client.send("tap")
        with pytest.raises(NotDelivered):
            await client.flush(0.01)
        let_go.set()
        ids.append(await client.send("tap"))
    assert list(server.stored) == ids


def odd(event: dict[str, Any]) -> str | None:
    """Refuse odd numbers."""
    return "is odd" if event["data"]["n"] % 2 else None


def test_what_the_server_rejects_is_raised_at_the_flush() -> None:
    """Nothing valid is lost, and the rejected events come back whole."""
    server = FakeServer(refuses=odd)
    with client_of(server) as client:
        for n in range(4):
            client.send("tap", id=f"e{n}", data={"n": n})
        with pytest.raises(EventsRejected) as caught:
            client.flush(10)
        assert [one.event["id"] for one in caught.value.rejected] == ["e1", "e3"]
        assert set(server.stored) == {"e0", "e2"}
        client.flush(10)


def test_what_the_server_rejects_is_told_to_the_callback() -> None:
    """Then the flush does not raise."""
    told: list[RejectedEvent] = []
    with client_of(FakeServer(refuses=odd), on_rejected=told.extend) as client:
        for n in range(4):
            client.send("tap", data={"n": n})
    assert [(one.event["data"]["n"], one.field, one.error) for one in told] == [
        (1, "data", "is odd"),
        (3, "data", "is odd"),
    ]


@pytest.mark.parametrize("awaited", [True, False], ids=["async", "plain"])
async def test_the_async_client_tells_its_callback(*, awaited: bool) -> None:
    """A coroutine function or a plain one."""
    told: list[RejectedEvent] = []

    async def tell(rejected: Sequence[RejectedEvent]) -> None:
        told.extend(rejected)

    on_rejected = tell if awaited else told.extend
    async with async_client_of(FakeServer(refuses=odd), on_rejected=on_rejected) as client:
        await client.send("tap", data={"n": 1})
    assert len(told) == 1


def test_a_callback_that_fails_does_not_stop_the_sending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its error is logged."""
    server = FakeServer(refuses=odd)

    def broken(_rejected: Sequence[RejectedEvent]) -> None:
        raise ValueError("my own mistake")

    with (
        caplog.at_level(logging.ERROR, "livetally.client"),
        client_of(server, on_rejected=broken, max_batch=1) as client,
    ):
        client.send("tap", data={"n": 1})
        client.send("tap", data={"n": 2})
    assert len(server.stored) == 1
    assert "my own mistake" in caplog.text


def test_a_key_that_is_refused_is_told_with_the_events() -> None:
    """The batch is not tried for ever; its events are not lost without a word."""
    client = client_of(FakeServer([unknown_key]))
    client.send("tap", id="e1")
    with pytest.raises(EventsRejected) as caught:
        client.close()
    assert caught.value.rejected[0].event["id"] == "e1"
    assert isinstance(caught.value.__cause__, Unauthenticated)


def test_closing_gives_up_what_can_not_be_sent_in_time() -> None:
    """The caller hears how many events it was."""
    server = FakeServer([drop_before] * 100_000)
    client = Client("http://fake", transport=server.transport, max_delay_s=0)
    client.send("tap")
    with pytest.raises(NotDelivered):
        client.close(0.05)
    client.close()
    with pytest.raises(LivetallyError, match="closed"):
        client.send("tap")


async def test_closing_gives_up_on_an_event_loop() -> None:
    """The same for the async client; its task has ended."""
    server = FakeServer([drop_before] * 100_000)
    client = AsyncClient("http://fake", transport=server.transport, max_delay_s=0)
    await client.__aenter__()
    await client.send("tap")
    with pytest.raises(NotDelivered):
        await client.close(0.05)
    await client.close()


def test_an_error_in_the_block_is_not_hidden_by_one_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The program's own error comes out; the other one is logged."""

    def program() -> None:
        with client_of(FakeServer([unknown_key])) as client:
            client.send("tap")
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        program()
    assert "The key is unknown." in caplog.text


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    """Not inside a group, though a task group runs underneath; what was sent is delivered."""
    server = FakeServer()

    async def program() -> None:
        async with async_client_of(server, max_delay_s=60) as client:
            await client.send("tap")
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        await program()
    assert len(server.stored) == 1


async def test_a_cancelled_block_ends_without_waiting_for_the_server() -> None:
    """Cancelling the task around it stops the client at once."""
    server = FakeServer([drop_before] * 100_000)
    with anyio.move_on_after(0.05) as scope:
        async with AsyncClient("http://fake", transport=server.transport) as client:
            await client.send("tap")
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_the_async_client_has_to_be_entered_to_send() -> None:
    """Its task lives inside the block."""
    with pytest.raises(LivetallyError, match="async with"):
        await async_client_of(FakeServer()).send("tap")


async def test_the_async_client_asks_and_sends_now() -> None:
    """Neither needs the block."""
    server = FakeServer()
    client = async_client_of(server)
    receipt = await client.send_now([{"type": "tap"}])
    assert receipt.stored == 1
    await client.close()


def test_a_wrong_event_is_refused_by_send_itself() -> None:
    """Before it is in the buffer."""
    with client_of(FakeServer()) as client, pytest.raises(BadInput, match="type"):
        client.send("")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"url": "localhost:8080"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"url": "http://fake:99999"}, "url"),
        ({"team": "blå"}, "team"),
        ({"key": "lt_\n"}, "key"),
        ({"max_batch": 0}, "max_batch"),
        ({"max_batch": 9, "max_buffer": 5}, "max_batch"),
        ({"max_delay_s": -1}, "max_delay_s"),
        ({"timeout_s": 0}, "timeout_s"),
    ],
    ids=str,
)
def test_an_option_that_can_not_be_used_is_refused_by_name(
    options: dict[str, Any], field: str
) -> None:
    """When the client is made, not when it is used."""
    for kind in (Client, AsyncClient):
        with pytest.raises(BadInput) as caught:
            kind(**options)
        assert caught.value.field == field


def test_a_forked_child_starts_with_an_empty_buffer() -> None:
    """The parent's events are sent by the parent only; the child's own are sent by the child."""
    server = FakeServer()
    with client_of(server, max_delay_s=60) as client:
        client.send("parent")
        child = os.fork()
        if child == 0:
            try:
                server.stored.clear()
                client.send("child")
                client.flush(10)
                types = [event["type"] for event in server.stored.values()]
                os._exit(0 if types == ["child"] else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [event["type"] for event in server.stored.values()] == ["parent"]
