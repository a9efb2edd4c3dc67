"""A server that speaks the console's part of the API over invented departures.

In the flow: serves the console's real files and headers through ``livetally.console.routes``,
answers with what ``invented.py`` counts, and lets a test add events, break streams and start a new
epoch.
Guarantee: a stream that resumes gets exactly the buckets that changed since the position it names.

By hand: ``python -m tests.e2e.console.fake_server [--empty] [--port N]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from livetally.clock import US_PER_S, Clock, SystemClock
from livetally.console import routes as console_routes
from livetally.testing.clock import ManualClock
from tests.e2e.console.declared import APPLICATION, DASHBOARD
from tests.e2e.console.invented import (
    METRICS,
    Departure,
    Question,
    Row,
    answer,
    instant_of,
    make_departure,
    make_departures,
    utc_text,
)

# A browser that leaves while a frame is written is no news.
logging.getLogger("asyncio").setLevel(logging.ERROR)

KEY = "lt_test_0000000000000000000000000000"
LINK_TOKEN = "one-time"
NOW_US = 1_795_117_340 * US_PER_S
"""Thursday, 19 November 2026, 14:42:20 in New York: the time of servers and pages in tests."""
_COOKIE = "livetally_session"


class Refusal(Exception):
    """A problem to answer with."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        """Keep what the answer will say."""
        super().__init__(detail)
        self.body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        self.status = status


@dataclass(eq=False)
class Stream:
    """One open connection: its questions, what it was last told of each, and its wake-up."""

    questions: list[Question | Refusal]
    told: list[dict[str, Row]] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    cut: bool = False

    async def goes_on(self) -> bool:
        """Wait for news; say whether there is still someone to tell."""
        if not self.cut:
            await self.wake.wait()
        self.wake.clear()
        return not self.cut


class _SignallingServer(uvicorn.Server):
    """Says from its own thread when it takes connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def life(self) -> None:
        """Serve, and leave no connection open, so that none is open when the loop is gone."""
        await self.serve()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class FakeServer:
    """The whole fake: its events, its streams and the thread it runs in."""

    def __init__(
        self,
        *,
        empty: bool = False,
        defined: bool = True,
        clock: Clock | None = None,
        seed: int = 7,
    ) -> None:
        """Invent the events, unless ``empty``; without definitions unless ``defined``."""
        self._clock = clock or ManualClock(NOW_US)
        self.dice = random.Random(seed)
        self.defined = defined
        self.events = [] if empty else make_departures(seed, self.now_s())
        self.epoch = "e1"
        self.first_position = len(self.events)
        self.streams: set[Stream] = set()
        self.signed_in: set[str] = set()
        self.opened_streams: list[str] = []
        self.resumed_from: list[str] = []
        self.refused_streams = 0
        self.updates_told = 0
        self.dashboards: dict[str, object] = {"overview": DASHBOARD}
        self.refuse_streams = False
        self.url = ""
        self._stopping = False
        self._loop = asyncio.new_event_loop()
        self._server: uvicorn.Server | None = None

    def now_s(self) -> int:
        """Return the epoch second."""
        return self._clock.now_us() // US_PER_S

    # --- what a test does -------------------------------------------------------------------

    def start(self, port: int = 0) -> FakeServer:
        """Serve from a thread; return when connections are taken."""
        config = uvicorn.Config(
            self.app(),
            host="127.0.0.1",
            port=port,
            log_level="warning",
            timeout_graceful_shutdown=5,
        )
        server = self._server = _SignallingServer(config)
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(server.life(),))
        self._thread.daemon = True
        self._thread.start()
        assert server.ready.wait(20), "the fake server did not start"
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def stop(self) -> None:
        """End every stream, then the server."""
        assert self._server is not None
        self._stopping = self._server.should_exit = True
        self.cut_streams()
        self._thread.join(20)
        self._loop.close()

    def emit(self, count: int = 1, **fields: Any) -> int:
        """Add departures due now, wake the streams, and return the new position."""
        base = make_departure(self.dice, self.now_s(), 0)
        self.events.extend([replace(base, **fields)] * count)
        self._loop.call_soon_threadsafe(self._wake)
        return len(self.events)

    def cut_streams(self) -> None:
        """Break every open stream, as a proxy that restarts would."""

        def cut() -> None:
            for stream in self.streams:
                stream.cut = True
            self._wake()

        self._loop.call_soon_threadsafe(cut)

    # --- the API ----------------------------------------------------------------------------

    def app(self) -> Starlette:
        """Build the application."""
        api = [
            Route("/healthz", lambda _: JSONResponse({"status": "ok"})),
            Route("/signin", self.sign_in_by_link),
            Route("/v1/session", self.session, methods=["GET", "POST", "DELETE"]),
            Route("/v1/metrics", self.metrics),
            Route("/v1/metrics/{name}", self.metric),
            Route("/v1/definitions", self.definitions),
            Route("/v1/live", self.live),
        ]
        return Starlette(routes=[*console_routes(), *api], exception_handlers={Refusal: _refuse})

    async def sign_in_by_link(self, request: Request) -> Response:
        """Take the one-time token."""
        if request.query_params.get("token") != LINK_TOKEN:
            return RedirectResponse("/?link=used", 303)
        return self._with_cookie(RedirectResponse("/", 303))

    async def session(self, request: Request) -> Response:
        """Sign in, say who is signed in, sign out."""
        if request.method == "POST":
            if (await request.json()).get("key") != KEY:
                raise Refusal(401, "Unauthenticated", "There is no such key, or it was revoked.")
            return self._with_cookie(Response(status_code=204))
        self._who(request)
        if request.method == "DELETE":
            if request.headers.get("x-livetally-console") != "1":
                raise Refusal(403, "Forbidden", "The header X-Livetally-Console is missing.")
            self.signed_in.discard(request.cookies[_COOKIE])
            return Response(status_code=204)
        return JSONResponse(
            {
                "team": "default",
                "key_name": "administrator",
                "scopes": ["read", "write", "admin"],
                "operator": True,
                "expires_us": 1_893_456_000_000_000,
                "version": "0.1.0",
            }
        )

    async def metrics(self, request: Request) -> Response:
        """List the metrics."""
        self._who(request)
        cards = [metric.card() for metric in METRICS.values()] if self.defined else []
        return JSONResponse({"metrics": cards})

    async def definitions(self, request: Request) -> Response:
        """List the dashboards."""
        self._who(request)
        flights = {**APPLICATION, "dashboard": self.dashboards}
        return JSONResponse({"applications": [flights] if self.defined else []})

    async def metric(self, request: Request) -> Response:
        """Answer one question once."""
        self._who(request)
        asked = _question(request.path_params["name"], request.url.query)
        return JSONResponse(self._picture(asked, self.events))

    async def live(self, request: Request) -> Response:
        """Open one stream for many questions."""
        self._who(request)
        if self.refuse_streams:
            self.refused_streams += 1
            raise Refusal(503, "Overloaded", "No stream can be opened now.")
        self.opened_streams.append(request.url.query)
        questions = [_try_question(text) for text in request.query_params.getlist("q")]
        stream = Stream(questions, cut=self._stopping)
        header = request.headers.get("last-event-id")
        last = header or request.query_params.get("last_event_id", "")
        self.resumed_from.append(last)
        return StreamingResponse(
            self._frames(stream, last),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    async def _frames(self, stream: Stream, last: str) -> AsyncIterator[str]:
        """Yield what one stream is told, until it is cut."""
        self.streams.add(stream)
        try:
            for frame in self._opening(stream, last):
                yield frame
            while await stream.goes_on():
                for frame in self._changes(stream):
                    yield frame
        finally:
            self.streams.discard(stream)

    def _opening(self, stream: Stream, last: str) -> list[str]:
        """Send snapshots, or only what changed since ``last`` when its epoch is ours."""
        epoch, _, position = last.partition(".")
        resumes = epoch == self.epoch and position.isdigit()
        frames = ["retry: 200\n\n"]
        if last and not resumes:
            frames.append("event: reset\ndata: {}\n\n")
        for number, asked in enumerate(stream.questions):
            if isinstance(asked, Refusal):
                stream.told.append({})
                frames.append(self._frame("problem", {"q": number, **asked.body}))
                continue
            before = self.events[: int(position)] if resumes else []
            stream.told.append(_by_key(answer(asked, before)))
            if not resumes:
                picture = self._picture(asked, self.events)
                stream.told[number] = _by_key(picture["rows"])  # type: ignore[arg-type]
                frames.append(self._frame("snapshot", {"q": number, **picture}))
        return frames + (self._changes(stream) if resumes else [])

    def _changes(self, stream: Stream) -> list[str]:
        """Tell each question's rows that differ from what was told before."""
        frames = []
        for number, asked in enumerate(stream.questions):
            if isinstance(asked, Refusal):
                continue
            rows = _by_key(answer(asked, self.events))
            changed = [row for key, row in rows.items() if stream.told[number].get(key) != row]
            stream.told[number] = rows
            if changed:
                body = {"q": number, "position": len(self.events), "rows": changed}
                frames.append(self._frame("update", body))
                self.updates_told += 1
        return frames

    def _picture(self, asked: Question, events: list[Departure]) -> dict[str, object]:
        return {
            "position": len(events),
            "metric": asked.metric.name,
            "interval": asked.interval,
            "tz": asked.tz,
            **asked.bounds,
            "rows": answer(asked, events),
        }

    def _frame(self, event: str, body: dict[str, object]) -> str:
        identity = f"{self.epoch}.{len(self.events)}"
        return f"event: {event}\nid: {identity}\ndata: {json.dumps(body)}\n\n"

    def _wake(self) -> None:
        for stream in self.streams:
            stream.wake.set()

    def _with_cookie(self, response: Response) -> Response:
        value = f"s{len(self.signed_in)}-{self.dice.random()}"
        self.signed_in.add(value)
        response.set_cookie(_COOKIE, value, httponly=True, samesite="strict")
        return response

    def _who(self, request: Request) -> None:
        if request.cookies.get(_COOKIE) not in self.signed_in:
            raise Refusal(401, "Unauthenticated", "Sign in first.")


def _refuse(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    media_type = "application/problem+json"
    return JSONResponse(refusal.body, refusal.status, media_type=media_type)


def _try_question(text: str) -> Question | Refusal:
    path, _, query = text.partition("?")
    try:
        return _question(path.removeprefix("metrics/"), query)
    except Refusal as refusal:
        return refusal


def _question(name: str, query: str) -> Question:
    if name not in METRICS:
        raise Refusal(404, "Not found", f"no metric is called '{name}'; did you mean 'departures'?")
    given = parse_qs(query)
    tz = given.get("tz", ["UTC"])[0]
    asked = Question(METRICS[name], given.get("interval", [None])[0], tz)
    if "from" in given:
        asked.from_s = instant_of(given["from"][0], tz)
    if "to" in given:
        asked.to_s = instant_of(given["to"][0], tz)
    if asked.from_s >= asked.to_s:
        raise Refusal(400, "Bad input", "from: is not before 'to'")
    asked.by = tuple(name for text in given.get("by", []) for name in text.split(","))
    parts = [text.partition(":") for text in given.get("where", [])]
    asked.where = tuple((part[0], part[2]) for part in parts)
    asked.bounds = {"from": utc_text(asked.from_s), "to": utc_text(asked.to_s)}
    return asked


def _by_key(rows: list[Row]) -> dict[str, Row]:
    return {json.dumps({**row, "value": 0}, sort_keys=True): row for row in rows}


def main() -> None:
    """Serve until Ctrl-C, with a departure every second or so."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--empty", action="store_true")
    options = parser.parse_args()
    server = FakeServer(empty=options.empty, clock=SystemClock()).start(options.port)
    parser.exit_on_error = False
    parser._print_message(f"{server.url}/signin?token={LINK_TOKEN}\n")
    beat = threading.Event()
    try:
        while not beat.wait(server.dice.expovariate(1.0)):
            if not options.empty:
                server.emit()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
