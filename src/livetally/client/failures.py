"""What can go wrong between a program and the server, as exceptions that say what to do.

In the flow: receives answers that are no success from ``exchange``, hands exceptions to the caller
of ``Client`` and ``AsyncClient``.
Guarantee: the error that the server named is raised here as the same class of
``livetally.errors``; its cause is the ``ApiError`` with the status and every member of the problem.
No message holds a key.

Source: RFC 9457 (problem details); RFC 9110, section 10.2.3 (Retry-After).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec

from livetally import errors
from livetally.clock import US_PER_S

__all__ = [
    "ApiError",
    "BufferFull",
    "EventsRejected",
    "NotDelivered",
    "RejectedEvent",
    "Unreachable",
    "failure_of",
    "retry_after_s",
    "undeliverable",
    "unreadable",
]

_NO_NAME = re.compile(r"no (?P<kind>.+) is called '(?P<name>.*?)'(?:; did you mean '.*'\?)?")
_DETAIL_CHARS_MAX = 500
_RETRY_AFTER_S = 1
_TOO_MANY = 429
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ApiError(errors.LivetallyError):
    """The server refused the request, for a reason that has no class of its own.

    Attributes:
        status: the HTTP status.
        problem: the members of the problem details, empty when the answer was something else.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], message: str | None = None) -> None:
        """Take the ``status`` and the members of the problem, which has a message of its own."""
        detail = message or problem.get("detail") or problem.get("title")
        super().__init__(str(detail) if detail else f"The server answered {status}.")
        self.status = status
        self.problem = dict(problem)


class Unreachable(errors.LivetallyError):
    """The server can't be reached."""

    def __init__(self, url: str, reason: str) -> None:
        """Say which server, by its ``url``, and the ``reason``."""
        super().__init__(f"Can't reach {url}: {reason}.")
        self.url = url
        self.reason = reason


class BufferFull(errors.LivetallyError):
    """The buffer is full: events are made faster than the server takes them."""


class NotDelivered(errors.LivetallyError):
    """Events were not acknowledged in time; whether they are stored is not known."""

    def __init__(self, events: int) -> None:
        """Say how many ``events``."""
        super().__init__(f"{events} events were not acknowledged in time.")
        self.events = events


class RejectedEvent(NamedTuple):
    """An event the server did not take: the ``event``, the ``field`` to blame and the ``error``."""

    event: dict[str, Any]
    field: str
    error: str


class EventsRejected(errors.ClientError):
    """The server did not take some of the events."""

    def __init__(self, rejected: Sequence[RejectedEvent], total: int) -> None:
        """Hold the first of the ``rejected`` events; ``total`` counts all of them."""
        first = rejected[0]
        place = f"{first.field}: " if first.field else ""
        more = f" (the first of {total})" if total > 1 else ""
        super().__init__(f"An event was rejected: {place}{first.error}{more}")
        self.rejected = tuple(rejected)
        self.total = total


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> errors.LivetallyError:
    """Return the exception for an answer that is no success; its ``__cause__`` is an ``ApiError``.

    An answer that no class of ``errors`` stands for gives the ``ApiError`` itself.
    """
    if status in _REDIRECTS:
        return _moved(status, headers)
    problem = _problem(body)
    general = ApiError(status, problem)
    found = _named(status, problem, headers, general.message[:_DETAIL_CHARS_MAX])
    if found is None:
        return general
    found.__cause__ = general
    return found


def _moved(status: int, headers: Mapping[str, str]) -> ApiError:
    """Say where a redirect points to. It is not followed: the key is for the address given."""
    location = headers.get("location", "")[:_DETAIL_CHARS_MAX]
    place = f" and points to {location}" if location else ""
    return ApiError(
        status,
        {},
        f"The server answered {status}{place}; write the new address in the URL.",
    )


def undeliverable(error: Exception) -> errors.LivetallyError:
    """Return the reason for giving events up: ``error``, as one of ours.

    Any other is a fault of this program. It may cost a batch, but not its sender: what nobody sends
    any more is lost without a word.
    """
    if isinstance(error, errors.LivetallyError):
        return error
    failure = errors.LivetallyError(f"Could not be sent: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def unreadable(status: int, headers: Mapping[str, str]) -> errors.LivetallyError:
    """Return the exception for an answer that says success and is none of Livetally's."""
    kind = headers.get("content-type", "no content type")[:_DETAIL_CHARS_MAX]
    return errors.LivetallyError(
        f"Can't read the answer: {status} with {kind}. Perhaps it is not from Livetally but from "
        "a proxy or another program at this URL."
    )


def retry_after_s(headers: Mapping[str, str], now_us: int) -> float | None:
    """Return after how many seconds the server wants to be asked again, if it says so.

    Args:
        headers: the answer's headers.
        now_us: the time at which they came, in microseconds since 1970 UTC.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - now_us / US_PER_S)


def _problem(body: bytes) -> dict[str, Any]:
    """Read problem details; whatever else a proxy may answer has no members."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


_BY_TITLE: dict[str, type[errors.LivetallyError]] = {
    "Unreadable body": errors.UnreadableBody,
    "Query too large": errors.QueryTooLarge,
    "Not durable": errors.NotDurable,
    "Store failed": errors.StoreFailed,
}
_BY_STATUS: dict[int, type[errors.LivetallyError]] = {
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    406: errors.NotAcceptable,
    413: errors.BodyTooLarge,
    415: errors.UnsupportedMedia,
}


def _named(
    status: int, problem: dict[str, Any], headers: Mapping[str, str], detail: str
) -> errors.LivetallyError | None:
    """Find the class that the server raised, where there is one."""
    title = problem.get("title")
    if title == "Overloaded":
        return errors.Overloaded(detail, _asked_s(headers))
    if status == _TOO_MANY:
        return errors.QuotaExceeded(detail, _asked_s(headers))
    if problem.get("problems"):
        return _invalid_definition(problem)
    if isinstance(problem.get("field"), str) and isinstance(problem.get("reason"), str):
        return _bad_input(problem)
    kind = _BY_TITLE.get(str(title)) or _BY_STATUS.get(status)
    return kind(detail) if kind else None


def _asked_s(headers: Mapping[str, str]) -> int:
    text = headers.get("retry-after", "").strip()
    return int(text) if text.isascii() and text.isdigit() else _RETRY_AFTER_S


def _bad_input(problem: dict[str, Any]) -> errors.BadInput:
    field, reason = problem["field"], problem["reason"]
    if parts := _NO_NAME.fullmatch(reason):
        return errors.UnknownName(field, parts["kind"], parts["name"], problem.get("nearest"))
    return errors.BadInput(field, reason)


def _invalid_definition(problem: dict[str, Any]) -> errors.InvalidDefinition | None:
    try:
        problems = msgspec.convert(problem["problems"], tuple[_DefinitionProblem, ...])
    except msgspec.ValidationError:
        return None
    return errors.InvalidDefinition(
        "the definition",
        tuple(errors.DefinitionProblem(one.line, one.key, one.reason) for one in problems),
    )


class _DefinitionProblem(msgspec.Struct):
    line: int
    key: str
    reason: str
