"""Live streams over server-sent events: one question at its own address, or many on ``/v1/live``.

In the flow: receives questions, subscribes them at the hub, sends the stream's bytes.
Guarantee: a stream ends when its client has gone, its key is no longer good, or the server stops;
each of these is noticed without waiting for the next change.

Source: WHATWG HTML, section 9.2 (server-sent events).
"""

from __future__ import annotations

import asyncio
import random
from urllib.parse import parse_qs, urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send

from livetally.api.answers import topic_head
from livetally.api.auth import identify
from livetally.api.problem import problem_body
from livetally.api.services import Services
from livetally.errors import BadInput, LivetallyError, QuotaExceeded
from livetally.live import Stream
from livetally.query import MetricQuery, parse_query
from livetally.tenancy import Identity
from livetally.tenancy import Scope as KeyScope

__all__ = ["get_live", "send_stream"]

QUESTIONS_MAX = 100
_RECHECK_S = 5.0
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    # Proxies must neither hold the bytes back nor pack them.
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


async def get_live(scope: Scope, receive: Receive, send: Send, services: Services) -> None:
    """Answer ``GET /v1/live?q=metrics%2Fdepartures%3Finterval%3Dday&q=...``.

    Raises:
        LivetallyError: answered by the caller as problem details.
    """
    who = await identify(scope, services, KeyScope.READ)
    parameters = QueryParams(scope["query_string"])
    for name in parameters:
        if name not in ("q", "last_event_id"):
            raise BadInput(name[:60], "no such parameter; there are 'q' and 'last_event_id'")
    texts = parameters.getlist("q")
    if not 0 < len(texts) <= QUESTIONS_MAX:
        raise BadInput("q", f"give 1 to {QUESTIONS_MAX} questions")
    questions = [(_question(text), b'"q":%d,' % i) for i, text in enumerate(texts)]
    await send_stream(scope, receive, send, services, who, questions)


def _question(text: str) -> MetricQuery | LivetallyError:
    parts = urlsplit(text)
    path = parts.path.strip("/").removeprefix("v1/")
    if not path.startswith("metrics/"):
        return BadInput("q", f"'{path[:60]}' can't be asked live; write metrics/NAME?interval=day")
    try:
        return parse_query(
            path.removeprefix("metrics/"), parse_qs(parts.query, keep_blank_values=True)
        )
    except LivetallyError as error:
        return error


async def send_stream(
    scope: Scope,
    receive: Receive,
    send: Send,
    services: Services,
    who: Identity,
    questions: list[tuple[MetricQuery | LivetallyError, bytes]],
) -> None:
    """Send a stream until it ends.

    Raises:
        LivetallyError: before the first byte: the only question can't be answered.
    """
    hub = services.hub
    if len(hub.streams) >= hub.limits.streams_max:
        raise QuotaExceeded(f"{hub.limits.streams_max} streams are open already.", 30)
    epoch = services.definitions.epoch
    stream = Stream(who.team, epoch, topic_head)
    try:
        problems = await _subscribe(stream, services, who, questions)
        resume = _resume_position(scope, epoch)
        reset = b"event: reset\ndata: {}\n\n" if resume is not None and resume < 0 else b""
        start = {"type": "http.response.start", "status": 200, "headers": _HEADERS}
        await send(start)
        retry = b"retry: %d\n\n" % random.randint(1000, 3000)
        opening = stream.opening(resume if resume is not None and resume >= 0 else None)
        first = retry + problems + reset + opening
        await send({"type": "http.response.body", "body": first, "more_body": True})
        await _follow(stream, send, receive, services, who)
    finally:
        hub.leave(stream)


async def _subscribe(
    stream: Stream,
    services: Services,
    who: Identity,
    questions: list[tuple[MetricQuery | LivetallyError, bytes]],
) -> bytes:
    """Subscribe every question; return the frames of those that can't be answered."""
    declared = services.definitions.declared(who.team)
    problems = b""
    for query, prefix in questions:
        try:
            if isinstance(query, LivetallyError):
                raise query
            key = f"{who.team} {services.definitions.epoch} {query.key}"
            topic = await services.hub.topic(key, query, declared, who.team)
        except LivetallyError as error:
            if not prefix:
                raise
            body = msgspec.json.encode(problem_body(error))[1:]
            problems += b"event: problem\ndata: {" + prefix + body + b"\n\n"
            continue
        services.hub.follow(stream, topic, stream.subscribe(topic, prefix))
    return problems


async def _follow(
    stream: Stream, send: Send, receive: Receive, services: Services, who: Identity
) -> None:
    """Send changes until the client goes, the key ends, or the hub closes the stream."""
    watcher = asyncio.ensure_future(_until_gone(receive, stream))
    try:
        recheck_at = services.clock.monotonic_s() + _RECHECK_S
        while (body := await stream.next_bytes()) is not None:
            if services.clock.monotonic_s() >= recheck_at:
                if await run_in_threadpool(services.catalog.recheck, who) is None:
                    break
                recheck_at = services.clock.monotonic_s() + _RECHECK_S
            stream.sending_since_s = services.clock.monotonic_s()
            await send({"type": "http.response.body", "body": body, "more_body": True})
            stream.sending_since_s = 0.0
        if stream.failure is not None:
            problem = msgspec.json.encode(problem_body(stream.failure))
            frame = b"event: problem\ndata: " + problem + b"\n\n"
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        watcher.cancel()


async def _until_gone(receive: Receive, stream: Stream) -> None:
    """Close the stream when its client has gone; nothing else would notice while it is idle."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.close()


def _resume_position(scope: Scope, epoch: str) -> int | None:
    """Return the position to resume from; -1 when it is of another epoch; None for a new stream."""
    header = Headers(scope=scope).get("last-event-id")
    text = header or QueryParams(scope["query_string"]).get("last_event_id", "")
    if not text:
        return None
    sent_epoch, _, position = text.rpartition(".")
    if sent_epoch != epoch or not (position.isascii() and position.isdigit()):
        return -1
    return int(position[:19])
