"""Talking to the server as a conversation that does no input or output itself.

In the flow: ``delivery`` and ``question`` say which calls to make and how long to pause; the two
clients make them and hand the outcomes back.
Guarantee: the rules of retrying are written once, here and in ``retry``; what the clients add is
how to wait.

A conversation is a generator: it yields a ``Call`` and is sent a ``Reply`` or ``Lost``, or yields a
``Pause`` and is sent nothing; what it returns is the result.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from livetally.client.failures import Unreachable, failure_of, retry_after_s, unreadable
from livetally.client.retry import Patience
from livetally.errors import LivetallyError

__all__ = [
    "Call",
    "Conversation",
    "Lost",
    "Outcome",
    "Pause",
    "Reply",
    "converse",
    "converse_async",
    "exchanged",
]


_T = TypeVar("_T")


class Call(NamedTuple):
    """A request to make; ``path`` begins with a slash."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = {}
    body: bytes | None = None


class Reply(NamedTuple):
    """A whole answer; the names of ``headers`` are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def refused(self) -> bool:
        """Whether it is anything else than a success: an error, or a redirect."""
        return self.status not in _SUCCESSES

    def read(self, read: Callable[[bytes], _T]) -> _T:
        """Return what ``read`` makes of the body, such as ``decode_exact``.

        Raises:
            LivetallyError: it can't be read; says what came instead.
        """
        try:
            return read(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError):
            raise unreadable(self.status, self.headers) from None


class Lost(NamedTuple):
    """No whole answer came: nobody can say whether the request had its effect."""

    url: str
    reason: str


class Pause(NamedTuple):
    """Wait before the next call."""

    s: float


Outcome: TypeAlias = Reply | Lost | None
Conversation: TypeAlias = Generator[Call | Pause, Outcome, _T]

# An answer that another attempt may change: too early, too many, or a server that can't just now.
_TRANSIENT = frozenset({408, 425, 429, 502, 503, 504})
_BROKEN = 500
_SUCCESSES = range(200, 300)


def exchanged(call: Call, patience: Patience) -> Conversation[Reply]:
    """Make a call until it succeeds or trying again is no use.

    To be used only for calls that may be made twice.

    Raises:
        LivetallyError: the last failure.
    """
    while True:
        outcome = yield call
        assert outcome is not None
        if isinstance(outcome, Reply) and not outcome.refused:
            patience.succeeded()
            return outcome
        failure, transient, asked_s = _judged(outcome, patience)
        if not transient:
            raise failure
        yield Pause(patience.pause_s(failure, asked_s))


def _judged(outcome: Reply | Lost, patience: Patience) -> tuple[LivetallyError, bool, float | None]:
    """Return what went wrong, whether to try again, and the wait that the server asks for."""
    if isinstance(outcome, Lost):
        return Unreachable(outcome.url, outcome.reason), True, None
    failure = failure_of(outcome.status, outcome.headers, outcome.body)
    if outcome.status >= _BROKEN and outcome.status not in _TRANSIENT:
        # Perhaps this very request breaks the server: not for ever.
        return failure, patience.may_be_broken(), None
    asked_s = retry_after_s(outcome.headers, patience.now_us())
    return failure, outcome.status in _TRANSIENT, asked_s


def converse(
    conversation: Conversation[_T],
    call: Callable[[Call], Outcome],
    pause: Callable[[float], Any],
) -> _T:
    """Hold a conversation: ``call`` makes requests, ``pause`` waits that many seconds."""
    outcome: Outcome = None
    try:
        while True:
            step = conversation.send(outcome)
            outcome = None
            if isinstance(step, Pause):
                pause(step.s)
            else:
                outcome = call(step)
    except StopIteration as done:
        result: _T = done.value
        return result
    finally:
        conversation.close()


async def converse_async(
    conversation: Conversation[_T],
    call: Callable[[Call], Awaitable[Outcome]],
    pause: Callable[[float], Awaitable[Any]],
) -> _T:
    """Hold a conversation as ``converse`` does, for functions that are awaited."""
    outcome: Outcome = None
    try:
        while True:
            step = conversation.send(outcome)
            outcome = None
            if isinstance(step, Pause):
                await pause(step.s)
            else:
                outcome = await call(step)
    except StopIteration as done:
        result: _T = done.value
        return result
    finally:
        conversation.close()
