"""The way out over plain ASGI, for servers that do not lend their connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message
from structlog.testing import capture_logs

from livetally.api.outlet import send_out
from livetally.live import Outlet
from livetally.telemetry import REGISTRY
from tests.unit.live_room import Client, settle


class Tapped:
    """A stream that remembers what its connection told it."""

    def __init__(self) -> None:
        """Start with nothing told."""
        self.outlet: Outlet | None = None
        self.resumes = 0
        self.left = 0

    def resumed(self) -> None:
        """Count."""
        self.resumes += 1

    def gone(self) -> None:
        """Count."""
        self.left += 1

    def opened(self, outlet: Outlet) -> None:
        """Begin as a stream does."""
        self.outlet = outlet
        outlet.write(b"first")


class Wire:
    """A server's side of ASGI: what was sent, a client that may leave or stall."""

    def __init__(self) -> None:
        """Start with a client that reads."""
        self.sent: list[Message] = []
        self.left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def send(self, message: Message) -> None:
        """Take a message when the client reads."""
        await self.reads.wait()
        self.sent.append(message)

    async def receive(self) -> Message:
        """Wait until the client leaves."""
        await self.left.wait()
        return {"type": "http.disconnect"}

    @property
    def body(self) -> bytes:
        """Everything that was sent."""
        return b"".join(message.get("body", b"") for message in self.sent)


async def opened() -> tuple[Tapped, Wire, asyncio.Task[None]]:
    """Open a stream over plain ASGI."""
    tap, wire = Tapped(), Wire()
    sending = send_out({"type": "http"}, wire.receive, wire.send, tap, tap.opened)
    task = asyncio.get_running_loop().create_task(sending)
    await settle()
    return tap, wire, task


async def test_what_is_written_is_sent_and_the_stream_told_to_go_on() -> None:
    """Each piece goes out as one message; the outlet is paused until it has."""
    tap, wire, task = await opened()
    assert wire.sent[0]["status"] == 200
    assert (wire.body, tap.resumes) == (b"first", 1)
    assert tap.outlet is not None
    wire.reads.clear()
    tap.outlet.write(b"second")
    await settle()
    assert tap.outlet.paused
    wire.reads.set()
    await settle()
    assert (wire.body, tap.resumes, tap.outlet.paused) == (b"firstsecond", 2, False)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_client_that_leaves_ends_the_stream_once() -> None:
    """A client that has gone is noticed while nothing changes."""
    tap, wire, task = await opened()
    wire.left.set()
    await task
    assert tap.left == 1


async def test_a_stream_that_is_closed_sends_the_rest_and_an_end() -> None:
    """What was written before the end is sent, then the last message."""
    tap, wire, task = await opened()
    assert tap.outlet is not None
    tap.outlet.write(b"last")
    tap.outlet.close()
    await task
    assert wire.body == b"firstlast"
    assert not wire.sent[-1].get("more_body", False)
    assert tap.left == 1


async def test_a_client_that_takes_nothing_can_be_cut_off() -> None:
    """Aborting ends a send that waits for ever."""
    tap, wire, task = await opened()
    assert tap.outlet is not None
    wire.reads.clear()
    tap.outlet.write(b"x")
    await settle()
    tap.outlet.abort()
    await task
    assert tap.left == 1


async def test_a_connection_that_is_lost_before_it_was_lent_opens_nothing() -> None:
    """When the client has left already, the stream leaves and is never opened."""
    tap, wire = Tapped(), Wire()

    def take_over(_headers: Any, _tap: Any) -> None:
        return None

    scope = {"type": "http", "extensions": {"livetally.take_over": take_over}}
    await send_out(scope, wire.receive, wire.send, tap, tap.opened)
    assert (tap.outlet, tap.left, wire.sent) == (None, 1, [])


def unforeseen(_outlet: Outlet) -> None:
    """Fail as a defect does."""
    raise ZeroDivisionError("unforeseen")


def defects() -> float:
    """Return how many streams could not be opened."""
    return REGISTRY.get_sample_value("livetally_defects_total", {"loop": "live opening"}) or 0


@pytest.mark.parametrize("lent", [True, False])
async def test_a_stream_that_can_not_be_opened_ends(*, lent: bool) -> None:
    """Its status is sent already: the client must see an end, and it is counted no more."""
    tap, wire, connection = Tapped(), Wire(), Client()
    before = defects()
    scope: dict[str, Any] = {"type": "http"}
    if lent:
        scope["extensions"] = {"livetally.take_over": lambda _headers, _tap: connection}
    with capture_logs() as logs:
        await asyncio.wait_for(send_out(scope, wire.receive, wire.send, tap, unforeseen), 20)
    assert (tap.left, connection.aborted) == (1, lent)
    # Without the last message of a body, so that nobody takes it for the whole.
    assert [message["type"] for message in wire.sent] == ["http.response.start"] * (not lent)
    assert [(one["loop"], one["log_level"], one["exc_info"]) for one in logs] == [
        ("live opening", "error", True)
    ]
    assert defects() == before + 1
