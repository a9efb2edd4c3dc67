"""Faults between a program and the server: each is told, and the sender goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import pytest

from livetally.client import (
    ApiError,
    AsyncClient,
    Client,
    EventsRejected,
    NotDelivered,
    RejectedEvent,
)
from livetally.errors import LivetallyError
from tests.client_fakes import AT_ONCE, FakeServer, Step, drop_before
from tests.waiting import until


def client_of(server: FakeServer, **options: Any) -> Client:
    """Return a client that sends soon and retries at once."""
    merged: dict[str, Any] = {"max_delay_s": 0.001, "retry": AT_ONCE, **options}
    return Client("http://fake", "k", transport=server.transport, **merged)


def async_client_of(server: FakeServer, **options: Any) -> AsyncClient:
    """Return an async client that sends soon and retries at once."""
    merged: dict[str, Any] = {"max_delay_s": 0.001, "retry": AT_ONCE, **options}
    return AsyncClient("http://fake", "k", transport=server.transport, **merged)


def moved(_server: FakeServer, _request: httpx2.Request) -> httpx2.Response:
    """Answer with a redirect, as a proxy in front of https does."""
    return httpx2.Response(301, headers={"Location": "https://fake/v1"}, content=b"moved")


def page(_server: FakeServer, _request: httpx2.Request) -> httpx2.Response:
    """Answer with a proxy's page."""
    return httpx2.Response(200, html="<p>Sign in</p>")


def other_json(_server: FakeServer, _request: httpx2.Request) -> httpx2.Response:
    """Answer with another program's JSON."""
    return httpx2.Response(200, json={"ok": True})


def senseless(_server: FakeServer, _request: httpx2.Request) -> httpx2.Response:
    """Reject an event that was never sent."""
    rejected = [{"index": 7, "field": "", "error": "bad"}]
    return httpx2.Response(
        200, json={"position": 1, "stored": 0, "duplicates": 0, "rejected": rejected}
    )


STRANGE = pytest.mark.parametrize(
    ("step", "told"),
    [
        (moved, "301 and points to https://fake/v1; write the new address in the URL"),
        (page, "200 with text/html"),
        (other_json, "200 with application/json"),
    ],
    ids=["redirect", "page", "json"],
)


@STRANGE
def test_an_answer_that_is_not_from_the_server_is_told(step: Step, told: str) -> None:
    """To the caller who waits for it, as an error of ours that says what came."""
    with client_of(FakeServer([step, step])) as client:
        with pytest.raises(LivetallyError, match=told):
            client.send_now([{"type": "tap"}])
        with pytest.raises(LivetallyError, match=told):
            client.query("taps")


@STRANGE
async def test_an_answer_that_is_not_from_the_server_is_told_on_an_event_loop(
    step: Step, told: str
) -> None:
    """The same for the async client."""
    client = async_client_of(FakeServer([step, step]))
    with pytest.raises(LivetallyError, match=told):
        await client.send_now([{"type": "tap"}])
    with pytest.raises(LivetallyError, match=told):
        await client.query("taps")
    await client.close()


def test_a_redirect_has_its_status() -> None:
    """A program can tell it from other refusals."""
    with client_of(FakeServer([moved])) as client, pytest.raises(ApiError) as caught:
        client.send_now([{"type": "tap"}])
    assert caught.value.status == 301


@pytest.mark.parametrize("step", [moved, page, other_json, senseless])
def test_the_thread_goes_on_after_an_answer_that_makes_no_sense(step: Step) -> None:
    """Its batch is reported; the next one is delivered."""
    server = FakeServer([step])
    with client_of(server) as client:
        client.send("tap", id="lost")
        with pytest.raises(EventsRejected) as caught:
            client.flush(10)
        assert [one.event["id"] for one in caught.value.rejected] == ["lost"]
        client.send("tap", id="next")
        client.flush(10)
    assert list(server.stored) == ["next"]


@pytest.mark.parametrize("step", [moved, page, other_json, senseless])
async def test_the_task_goes_on_after_an_answer_that_makes_no_sense(step: Step) -> None:
    """And the program's own block is not cancelled."""
    server = FakeServer([step])
    async with async_client_of(server) as client:
        await client.send("tap", id="lost")
        with pytest.raises(EventsRejected) as caught:
            await client.flush(10)
        assert [one.event["id"] for one in caught.value.rejected] == ["lost"]
        await client.send("tap", id="next")
        await client.flush(10)
    assert list(server.stored) == ["next"]


def test_closing_while_send_waits_for_room_takes_no_event() -> None:
    """The waiting thread hears that its event was not taken, instead of an id."""
    server = FakeServer([drop_before] * 100_000)
    client = Client("http://fake", transport=server.transport, max_buffer=1, max_batch=1)
    client.send("tap")
    heard: list[object] = []

    def send() -> None:
        try:
            heard.append(client.send("tap"))
        except LivetallyError as error:
            heard.append(error.message)

    sending = threading.Thread(target=send)
    sending.start()
    # A thread that waits for room stands in the condition's own list.
    until(lambda: client._sender._changed._waiters, "send to wait")  # type: ignore[attr-defined]
    with pytest.raises(NotDelivered):
        client.close(0.2)
    sending.join()
    assert heard == ["The client is closed."]


def refuse(_event: dict[str, Any]) -> str:
    """Refuse any event."""
    return "is refused"


@pytest.mark.parametrize("waiting", [Client.flush, Client.close], ids=["flush", "close"])
def test_a_callback_that_waits_for_itself_is_told_so(waiting: Callable[[Client], None]) -> None:
    """On the sender's own thread nothing could ever end the wait; sending goes on."""
    told: list[str] = []

    def wait(_rejected: Sequence[RejectedEvent]) -> None:
        with pytest.raises(LivetallyError) as caught:
            waiting(client)
        told.append(caught.value.message)

    server = FakeServer(refuses=lambda event: refuse(event) if event["type"] == "bad" else None)
    client = client_of(server, on_rejected=wait)
    client.send("bad")
    client.flush(10)
    client.send("good")
    client.close(10)
    assert "on_rejected" in told[0]
    assert [event["type"] for event in server.stored.values()] == ["good"]


@pytest.mark.parametrize("waiting", [AsyncClient.flush, AsyncClient.close], ids=["flush", "close"])
async def test_a_coroutine_that_waits_for_itself_is_told_so(
    waiting: Callable[[AsyncClient], Any],
) -> None:
    """The same in the async client's task."""
    told: list[str] = []

    async def wait(_rejected: Sequence[RejectedEvent]) -> None:
        with pytest.raises(LivetallyError) as caught:
            await waiting(client)
        told.append(caught.value.message)

    client = async_client_of(FakeServer(refuses=refuse), on_rejected=wait)
    async with client:
        await client.send("bad")
        await client.flush(10)
    assert "on_rejected" in told[0]


def test_a_closed_client_says_so_whatever_it_is_asked() -> None:
    """Sending, asking, watching: one error for all."""
    client = client_of(FakeServer())
    client.close()
    for use in (
        lambda: client.send("tap"),
        lambda: client.send_now([{"type": "tap"}]),
        lambda: client.query("taps"),
        lambda: next(client.watch("taps")),
    ):
        with pytest.raises(LivetallyError, match=r"The client is closed\."):
            use()


async def test_a_closed_async_client_says_so_whatever_it_is_asked() -> None:
    """Also when it is entered again."""
    client = async_client_of(FakeServer())
    async with client:
        await client.send("tap")
    for use in (
        lambda: client.send("tap"),
        lambda: client.send_now([{"type": "tap"}]),
        lambda: client.query("taps"),
        lambda: anext(client.watch("taps")),
        client.__aenter__,
    ):
        with pytest.raises(LivetallyError, match=r"The client is closed\."):
            await use()
