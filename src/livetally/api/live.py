"""Live streams over server-sent events: one question at its own address, or many on ``/v1/live``.

In the flow: receives what ``asked`` has read, subscribes the questions at the hub, opens the stream
on its connection.
Guarantee: a stream that can't answer its only question is refused before the first byte; one of
many that can't be answered is told to the client and holds up no other.

Source: WHATWG HTML, section 9.2 (server-sent events).
"""

from __future__ import annotations

import re
from asyncio import sleep
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from livetally.api.accept import takes
from livetally.api.asked import Ask, live_question, parameters_of, path_parts, read_path, read_text
from livetally.api.auth import TOKEN, identify
from livetally.api.outlet import STREAM_HEADERS, send_out
from livetally.api.problem import problem_body
from livetally.api.services import Services
from livetally.api.tables import JSON
from livetally.errors import BadInput, ClientError, LivetallyError, StoreFailed, Unauthenticated
from livetally.ingest import Commits
from livetally.live import Outlet, Place, Resume, Stream
from livetally.query import Declared
from livetally.tenancy import Identity
from livetally.tenancy import Scope as KeyScope

__all__ = [
    "EVENT_STREAM",
    "Asked",
    "Sender",
    "get_live",
    "once_or_live",
    "problem_frame",
    "send_stream",
]

EVENT_STREAM = "text/event-stream"

QUESTIONS_MAX = 100
# A position, and while first snapshots are sent, of how many questions.
_NUMBERS = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,3}))?")
_FRESH_S_MAX = 2.0
# Stands for an id that was not given by this store, or under other definitions.
_FOREIGN = Resume(-1)
_RESET = b"event: reset\ndata: {}\n\n"
_STREAM_ONLY = frozenset({"last_event_id", TOKEN})


class Sender(NamedTuple):
    """Who asked, and the generation of the keys before that was looked up."""

    who: Identity
    generation: int


class Asked(NamedTuple):
    """A question as it was read, or why it can't be; ``prefix`` tells the client which it is."""

    ask: Ask | ClientError
    prefix: bytes = b""


async def get_live(scope: Scope, receive: Receive, send: Send, services: Services) -> None:
    """Answer ``GET /v1/live?q=metrics%2Fdepartures%3Finterval%3Dday&q=...``.

    Raises:
        LivetallyError: answered by the caller as problem details.
    """
    sender = await _identified(scope, services)
    who = sender.who
    parameters = QueryParams(scope["query_string"])
    for name in parameters:
        if name not in ("q", "last_event_id", TOKEN):
            raise BadInput(name[:60], "no such parameter; there are 'q' and 'last_event_id'")
    texts = parameters.getlist("q")
    if not 0 < len(texts) <= QUESTIONS_MAX:
        raise BadInput("q", f"give 1 to {QUESTIONS_MAX} questions")
    declared = services.definitions.declared(who.team)
    asked = [Asked(_read(text, declared), b'"q":%d,' % number) for number, text in enumerate(texts)]
    await send_stream(scope, receive, send, services, sender, asked)


def _read(text: str, declared: Declared) -> Ask | ClientError:
    try:
        return read_text(text, declared)
    except ClientError as error:
        return error


_Once = Callable[[Request], Awaitable[Response]]
_Endpoint = Callable[[Scope, Receive, Send, Services], Awaitable[None]]


def once_or_live(once: _Once) -> _Endpoint:
    """Return the endpoint that answers like ``once``, or with a stream if the client asks for it.

    What its path and parameters ask is the same question either way.
    """

    async def answer(scope: Scope, receive: Receive, send: Send, services: Services) -> None:
        accept = Headers(scope=scope).get("accept", "")
        if takes(accept, EVENT_STREAM, JSON):
            await _send_own(scope, receive, send, services)
            return
        response = await once(Request(scope, receive))
        await response(scope, receive, send)

    return answer


async def _send_own(scope: Scope, receive: Receive, send: Send, services: Services) -> None:
    sender = await _identified(scope, services)
    parameters = parameters_of(QueryParams(scope["query_string"]))
    own = {name: values for name, values in parameters.items() if name not in _STREAM_ONLY}
    ask = read_path(path_parts(scope)[1:], own, services.definitions.declared(sender.who.team))
    await send_stream(scope, receive, send, services, sender, [Asked(ask)])


async def _identified(scope: Scope, services: Services) -> Sender:
    generation = services.keys.generation
    return Sender(await identify(scope, services, KeyScope.READ, live=True), generation)


async def send_stream(
    scope: Scope,
    receive: Receive,
    send: Send,
    services: Services,
    sender: Sender,
    asked: list[Asked],
) -> None:
    """Open a stream. Returns when it has ended, or when its connection belongs to the stream.

    Raises:
        LivetallyError: before the first byte: the only question can't be answered, too many streams
            are open, or the store can't be asked now.
    """
    if scope["method"] == "HEAD":
        await send({"type": "http.response.start", "status": 200, "headers": [*STREAM_HEADERS]})
        await send({"type": "http.response.body", "body": b""})
        return
    hub = services.hub
    declared = services.definitions.declared(sender.who.team)
    epoch = services.definitions.epoch_of(declared)
    # First: what is subscribed is then answered at that position or later, and never goes back.
    resume = await _resumed(scope, epoch, services.writer)
    stream = hub.join(sender.who, epoch)
    try:
        await _require_still(sender, services)
        first = await _subscribe(stream, services, declared, asked)
        if resume is _FOREIGN:
            first, resume = first + _RESET, None
    except BaseException:
        hub.leave(stream)
        raise

    def opened(outlet: Outlet) -> None:
        stream.open(outlet, first, resume, services.clock.monotonic_s())

    await send_out(scope, receive, send, stream, opened)


async def _subscribe(
    stream: Stream, services: Services, declared: Declared, asked: list[Asked]
) -> bytes:
    """Follow every question, all at once; return the frames of those that can't be answered."""
    hub = services.hub
    problems: list[bytes] = []
    waiting: list[tuple[Place, bytes]] = []

    def failed(error: ClientError, prefix: bytes) -> None:
        if not prefix:
            raise error
        stream.unnumbered = True
        problems.append(problem_frame(error, prefix))

    for ask, prefix in asked:
        try:
            if isinstance(ask, ClientError):
                raise ask
            await services.writer.reached(ask.min_position)
            await sleep(0)  # the hub is told on this loop: before this goes on
            team, epoch = stream.who.team, stream.epoch.decode()
            question = live_question(ask, declared, team, epoch, services.runner)
            waiting.append((hub.follow(stream, question, prefix), prefix))
        except ClientError as error:
            failed(error, prefix)
    for place, prefix in waiting:
        try:
            await hub.answered(stream, place)
        except ClientError as error:
            failed(error, prefix)
    return b"".join(problems)


def problem_frame(error: LivetallyError, prefix: bytes) -> bytes:
    """Return the event that says why a question can't be answered; ``prefix`` tells which."""
    return b"event: problem\ndata: {%s%s\n\n" % (
        prefix,
        msgspec.json.encode(problem_body(error))[1:],
    )


async def _require_still(sender: Sender, services: Services) -> None:
    """Go on only when the key still is good, for a stream that was just joined.

    The next revocation will find the stream. One that came between looking the key up and joining
    has not.

    Raises:
        Unauthenticated: it was revoked meanwhile.
    """
    if services.keys.generation == sender.generation:
        return
    now = await run_in_threadpool(services.catalog.recheck, sender.who)
    if now is None or KeyScope.READ not in now.scopes:
        raise Unauthenticated("The key was revoked just now.")


async def _resumed(scope: Scope, epoch: str, writer: Commits) -> Resume | None:
    """Return what the client has; ``_FOREIGN`` when its id is none of ours; None when nothing.

    Raises:
        Overloaded, StoreFailed: it is another process's, and answers here are far behind.
    """
    header = Headers(scope=scope).get("last-event-id")
    text = header or QueryParams(scope["query_string"]).get("last_event_id", "")
    if not text:
        # Who was cut off before the first id comes without one: as good as can be had soon.
        with suppress(StoreFailed):
            await writer.caught_up(_FRESH_S_MAX)
        return None
    sent_epoch, _, numbers = text.rpartition(".")
    known = _NUMBERS.fullmatch(numbers)
    if sent_epoch != epoch or known is None:
        return _FOREIGN
    position, had = known.groups()
    try:
        await writer.reached(int(position))
    except BadInput:
        return _FOREIGN
    # The id says what is known of all questions; of one, another process may have told more.
    await writer.caught_up()
    return Resume(int(position), int(had) if had else None)
