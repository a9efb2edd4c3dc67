"""A hub on a clock set by hand, with questions that a test answers and clients that only remember.

In the flow: unit tests of ``livetally.live`` build their room here.
Guarantee: nothing here waits for time to pass; every await ends when the loop has nothing to do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from livetally.errors import LivetallyError
from livetally.ingest import Notice
from livetally.live import (
    Hub,
    HubLimits,
    Pace,
    Question,
    Reply,
    Resume,
    RowKey,
    Rows,
    Stream,
    Touched,
)
from livetally.tenancy import ALL_SCOPES, Identity, TeamId
from livetally.testing.clock import ManualClock

__all__ = [
    "Client",
    "Frame",
    "Line",
    "Tally",
    "identity",
    "limits",
    "notice",
    "open_client",
    "room",
    "settle",
]

EPOCH = "e1"


class Line(NamedTuple):
    """A row of a ``Tally``."""

    name: str
    value: int
    version: int


class Tally(Question):
    """A question whose answer a test writes into ``lines``; ``asked`` says how it was asked."""

    def __init__(self, key: str = "q", *, team: int = 1, kinds: Iterable[str] = ("sale",)) -> None:
        """Start without rows."""
        self.key = key
        self.team = team
        self.types = frozenset(kinds)
        self.lines: dict[RowKey, Line] = {}
        self.position = 0
        self.asked: list[tuple[int, Touched | None]] = []
        self.encoded = 0
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.whole = False
        self.begins: dict[RowKey, Line] = {}

    def put(self, name: str, value: int, position: int) -> None:
        """Change the answer, as a commit at ``position`` does."""
        self.lines[name] = Line(name, value, position)
        self.position = position

    async def ask(self, known: Rows, since: int, touched: Touched | None) -> Reply:  # noqa: ARG002
        """Answer with what stood in ``lines`` when it was asked."""
        self.asked.append((since, touched))
        position, lines = self.position, dict(self.lines)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        if touched is None or self.sent_whole or self.whole:
            return Reply(lines, position, whole=True)
        newer = {key: line for key, line in lines.items() if line.version > since}
        return Reply(newer, position, whole=False)

    def encode(self, rows: Iterable[Line]) -> bytes:
        """Write rows as an object, and count."""
        self.encoded += 1
        return json.dumps({row.name: row.value for row in rows}).encode()

    def head(self) -> bytes:
        """Write a metric's name."""
        return b'"metric":"tally",'

    def begun(self, rows: Rows, now_us: int) -> Rows:
        """Return ``begins`` from 10 microseconds on."""
        fresh = {key: line for key, line in self.begins.items() if key not in rows}
        return fresh if now_us >= 10 else {}


class Frame(NamedTuple):
    """One event as a client understands it."""

    event: str
    data: dict[str, Any]
    id: str


class Client:
    """An outlet that remembers; ``stall`` makes it take no more."""

    def __init__(self) -> None:
        """Start without anything written."""
        self.paused = False
        self.written: list[bytes] = []
        self.closed = False
        self.aborted = False
        self.unsent = 0

    def write(self, data: bytes) -> None:
        """Remember."""
        assert not self.closed, "nothing is written after the end"
        self.written.append(data)

    def unsent_bytes(self) -> int:
        """Return what the test says."""
        return self.unsent

    def close(self) -> None:
        """Remember."""
        self.closed = True

    def abort(self) -> None:
        """Remember."""
        self.aborted = True

    @property
    def text(self) -> bytes:
        """Everything that was written."""
        return b"".join(self.written)

    def frames(self) -> list[Frame]:
        """Read what was written as a client of server-sent events does."""
        frames = []
        last_id = ""
        for block in self.text.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            last_id = fields.get("id", last_id)
            if "data" in fields:
                frames.append(Frame(fields["event"], json.loads(fields["data"]), last_id))
        return frames

    def last_id(self) -> str:
        """Return the id that the client would come back with."""
        ids = [line for line in self.text.decode().split("\n") if line.startswith("id: ")]
        return ids[-1].removeprefix("id: ") if ids else ""

    def picture(self) -> dict[str, int]:
        """Apply every frame."""
        rows: dict[str, int] = {}
        for frame in self.frames():
            if frame.event == "snapshot":
                rows = {}
            rows |= frame.data.get("rows", {})
        return rows


def identity(key: str = "k1", team: int = 1, expires_us: int | None = None) -> Identity:
    """Return somebody who may read."""
    return Identity(
        team=TeamId(team),
        team_name=f"team{team}",
        key_id=key,
        key_name=key,
        scopes=ALL_SCOPES,
        operator=False,
        expires_us=expires_us,
    )


def notice(position: int, kind: str = "sale", team: int = 1, slots: Iterable[int] = (0,)) -> Notice:
    """Return the notice of a commit."""
    return Notice(position, 0, 1, {(team, kind): frozenset(slots)})


def limits(**fields: Any) -> HubLimits:
    """Return limits without any rest, so that tests need not wait."""
    return HubLimits(pace=Pace(0, 0, 0, 2), **fields)


@asynccontextmanager
async def room(
    bounds: HubLimits | None = None, clock: ManualClock | None = None, **recheck: Any
) -> AsyncIterator[tuple[Hub, ManualClock]]:
    """Run a hub; ``keys`` is what a key's identity has become."""
    clock = clock or ManualClock(0)
    keys = recheck.get("keys", {})

    def now(who: Identity) -> Identity | None:
        found = keys.get(who.key_id, who)
        if isinstance(found, LivetallyError):
            raise found
        return found  # type: ignore[no-any-return]

    def problem(error: LivetallyError, prefix: bytes) -> bytes:
        return b"event: problem\ndata: {%s%s}\n\n" % (
            prefix,
            b'"detail":"%s"' % str(error).encode(),
        )

    hub = Hub(clock, now, problem, bounds or limits())
    running = asyncio.get_running_loop().create_task(hub.run())
    try:
        yield hub, clock
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def open_client(
    hub: Hub,
    *questions: Question,
    resume: int | None = None,
    had: int | None = None,
    who: Identity | None = None,
    client: Client | None = None,
) -> tuple[Stream, Client]:
    """Open a stream with questions; with more than one, each frame says which."""
    stream = hub.join(who or identity(), EPOCH)
    for number, question in enumerate(questions):
        prefix = b'"q":%d,' % number if len(questions) > 1 else b""
        await hub.answered(stream, hub.follow(stream, question, prefix))
    client = client or Client()
    stream.open(client, b"", None if resume is None else Resume(resume, had), 0.0)
    return stream, client


async def settle(turns: int = 40) -> None:
    """Let the loop run until what was started has gone as far as it can."""
    for _ in range(turns):
        await asyncio.sleep(0)
