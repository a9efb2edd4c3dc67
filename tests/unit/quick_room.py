"""One server without sockets, whose commits end when a test says so.

In the flow: used by ``test_server_quick``; puts the server's protocol, with or without its quick
way, before the real guard, endpoint and intake.
Guarantee: nothing is stored before ``settle`` says what became of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from livetally.api import Quick, Services, WayIn
from livetally.api.bounds import FailedKeys, IngestRate
from livetally.api.guard import Guard
from livetally.ingest import Batch, Commits, Intake, IntakeLimits, Outcome, Schema
from livetally.server.crowd import Crowd
from livetally.server.lending import LendingProtocol
from livetally.server.reading import ReadingBounds
from livetally.store.events import StoredIdentity
from livetally.tenancy import DEFAULT_TEAM, Credential, Identity
from livetally.tenancy import Scope as KeyScope
from livetally.testing import ManualClock
from tests.waiting import until_async

__all__ = ["KEYS", "Room", "Wire", "answers_in", "post"]

_PER_SECOND = 1_000
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


def _key(name: str, *scopes: KeyScope, via: Credential = Credential.KEY) -> Identity:
    return Identity(
        team=DEFAULT_TEAM,
        team_name="default",
        key_id=name,
        key_name=name,
        scopes=frozenset(scopes),
        operator=False,
        expires_us=None,
        via=via,
    )


KEYS = {
    "writer": _key("writer", KeyScope.WRITE),
    "reader": _key("reader", KeyScope.READ),
    "stream": _key("stream", KeyScope.WRITE, via=Credential.STREAM),
    "session": _key("session", KeyScope.WRITE, via=Credential.SESSION),
}


def _known(fingerprint: bytes) -> Identity | None:
    return KEYS.get(fingerprint.decode())


class Wire(asyncio.Transport):
    """A connection's other end: keeps what was sent to it."""

    def __init__(self, *, https: bool = False) -> None:
        """Be open."""
        super().__init__()
        self.sent = b""
        self.closing = False
        self._https = https

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Say where it comes from."""
        about = {"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 80)}
        return about.get(name, (self._https or None) if name == "sslcontext" else default)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Keep it."""
        assert not self.closing, "written to a connection that is closed"
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        """Tell whether the server has ended it."""
        return self.closing

    def close(self) -> None:
        """Take note of the end."""
        self.closing = True

    def pause_reading(self) -> None:
        """Do nothing: what comes, comes from the test."""

    def resume_reading(self) -> None:
        """Do nothing."""

    async def answered(self, count: int) -> list[bytes]:
        """Wait until so many answers are whole; return all that was sent, answer by answer."""

        async def enough() -> bool:
            return len(answers_in(self.sent)) >= count

        await until_async(enough, f"{count} answers")
        return answers_in(self.sent)


class _Writer:
    """Keeps batches until their fate is told."""

    busy = False
    position = acknowledged = 3

    def __init__(self) -> None:
        self.submitted: list[tuple[Batch, asyncio.Future[Outcome]]] = []
        self.refusal: Exception | None = None

    def submit(
        self, batch: Batch, _size: int, token: asyncio.Future[Outcome], *, admitted: bool = False
    ) -> None:
        assert not admitted
        if self.refusal is not None:
            raise self.refusal
        self.submitted.append((batch, token))

    def read_back(self, _team: int, _wanted: Sequence[tuple[bytes, int]]) -> list[StoredIdentity]:
        return []


class Room:
    """A server in this process."""

    def __init__(self, *, quick: bool = True, body_bytes_max: int = 1_000_000) -> None:
        """Serve with the quick way or without it."""
        self.clock = ManualClock()
        self.writer = _Writer()
        self.rate = IngestRate(self.clock, _PER_SECOND)
        self.tasks: list[str] = []
        """Method and path of what was answered in a task."""
        limits = IntakeLimits(body_bytes_max=body_bytes_max)
        writer = cast("Commits", self.writer)
        intake = Intake(writer, self.clock, lambda _team: Schema(), limits=limits)
        keys = SimpleNamespace(
            peek=KEYS.get, peek_by=_known, fingerprint=str.encode, verify=lambda _text: None
        )
        services = SimpleNamespace(
            clock=self.clock,
            keys=keys,
            intake=intake,
            ingest_rate=self.rate,
            failed_keys=FailedKeys(self.clock, 1_000),
            log_requests=False,
        )
        self.services = cast("Services", services)
        self._guard = Guard(WayIn(PlainTextResponse("other"), self.services), self.services)
        self._quick = Quick(self.services) if quick else None
        self._state = ServerState()
        self._state.default_headers = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT")]
        self._config = uvicorn.Config(
            cast("Any", self._answer),
            interface="asgi3",
            loop="none",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.tasks.append(f"{scope['method']} {scope['path']}")
        await self._guard(scope, receive, send)

    def connect(self, *, https: bool = False) -> tuple[LendingProtocol, Wire]:
        """Open a connection; return the server's end and the client's."""
        protocol = LendingProtocol(
            config=self._config,
            server_state=self._state,
            app_state={},
            quick=self._quick,
            bounds=ReadingBounds(),
            crowd=Crowd(1_000),
        )
        wire = Wire(https=https)
        protocol.connection_made(wire)
        return protocol, wire

    async def settle(self, *outcomes: Outcome) -> None:
        """Wait for batches and tell what became of each, in their order."""

        async def enough() -> bool:
            return len(self.writer.submitted) >= len(outcomes)

        await until_async(enough, f"{len(outcomes)} batches")
        for outcome in outcomes:
            self.writer.submitted.pop(0)[1].set_result(outcome)


def post(
    body: bytes = b'{"type":"tap","id":"a"}',
    *lines: str,
    key: str = "writer",
    target: str = "POST /v1/events HTTP/1.1",
) -> bytes:
    """Write a request with these further header lines."""
    head = [target, "Host: x", f"Authorization: Bearer {key}", "X-Request-Id: mine", *lines]
    if not any(line.lower().startswith("content-type") for line in lines):
        head.append("Content-Type: application/json")
    head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


def answers_in(sent: bytes) -> list[bytes]:
    """Return the answers that are whole; that a client may go on is none."""
    found: list[bytes] = []
    sent = sent.removeprefix(_GO_ON)
    while b"\r\n\r\n" in sent:
        head, _, rest = sent.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if len(rest) < length:
            break
        found.append(sent[: len(head) + 4 + length])
        sent = rest[length:]
    return found
