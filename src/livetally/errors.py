"""Every error that Livetally raises on purpose, in one tree.

In the flow: raised anywhere below, turned into an HTTP answer only in ``api/problem.py`` and into
an exit code only in ``cli``.
Guarantee: an error's message is for a person and holds no secret; the docstring of a class is its
default message.

    LivetallyError
    ├── ClientError                 the caller can mend it
    │   ├── BadInput                a field and the reason
    │   │   ├── UnknownName         ... with the nearest name that exists
    │   │   └── InvalidDefinition   ... with line, key and reason, one for each problem
    │   ├── UnreadableBody · UnsupportedMedia · NotAcceptable · BodyTooLarge
    │   ├── QueryTooLarge · MethodNotAllowed
    │   └── Unauthenticated · Forbidden · ForbiddenByState · QuotaExceeded
    └── ServerError                 the operator can mend it
        ├── Overloaded              try again after ``retry_after_s``
        ├── NotDurable              the disk refused; the process stops acknowledging
        │   └── NotCommitted        a defect of ours kept these events alone from being stored
        ├── DataDirectoryLocked · DataDirectoryUnusable · SettingInvalid
        └── StoreFailed
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = [
    "BadInput",
    "BodyTooLarge",
    "ClientError",
    "DataDirectoryLocked",
    "DataDirectoryUnusable",
    "DefinitionProblem",
    "Forbidden",
    "ForbiddenByState",
    "InvalidDefinition",
    "LivetallyError",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotCommitted",
    "NotDurable",
    "NotHere",
    "Overloaded",
    "QueryTooLarge",
    "QuotaExceeded",
    "ServerError",
    "SettingInvalid",
    "StoreFailed",
    "Unauthenticated",
    "UnknownName",
    "UnreadableBody",
    "UnsupportedMedia",
]


class LivetallyError(Exception):
    """Livetally could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        """Take a message, or use the class's docstring as one."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        """The text for a person."""
        return str(self.args[0])

    @property
    def told(self) -> str:
        """The text for a client: as ``message``, but nothing of how the server works inside."""
        return self.message


class ClientError(LivetallyError):
    """The request can't be answered as it stands."""


class BadInput(ClientError):
    """A value in the request is not usable."""

    def __init__(self, field: str, reason: str) -> None:
        """Name the ``field`` of the request and the ``reason`` why it can't be used."""
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class UnknownName(BadInput):
    """No such thing exists."""

    def __init__(self, field: str, kind: str, name: str, nearest: str | None = None) -> None:
        """Say that no ``kind`` is called ``name``, and which existing one is ``nearest``."""
        hint = f"; did you mean '{nearest}'?" if nearest else ""
        super().__init__(field, f"no {kind} is called '{name}'{hint}")
        self.kind = kind
        self.name = name
        self.nearest = nearest


class DefinitionProblem(NamedTuple):
    """One mistake in a definition file: 1-based ``line``, dotted ``key`` and the ``reason``."""

    line: int
    key: str
    reason: str


class InvalidDefinition(BadInput):
    """The definition has mistakes."""

    def __init__(self, origin: str, problems: tuple[DefinitionProblem, ...]) -> None:
        """Collect every problem found in the definition that came from ``origin``."""
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{origin}, line {first.line}, {first.key}", first.reason + more)
        self.origin = origin
        self.problems = problems


class UnreadableBody(ClientError):
    """The body can't be parsed."""


class UnsupportedMedia(ClientError):
    """The Content-Type or Content-Encoding is not one that this resource takes."""


class NotAcceptable(ClientError):
    """The answer has no form that the Accept header takes."""


class BodyTooLarge(ClientError):
    """The body is larger than the server takes."""


class NotHere(ClientError):
    """This process fills the store and answers no questions; ask one whose role is api."""


class MethodNotAllowed(ClientError):
    """The resource does not take this method."""


class QueryTooLarge(ClientError):
    """The answer would be larger than one query may be."""


class Unauthenticated(ClientError):
    """A key is needed: send it as 'Authorization: Bearer lt_...' or 'X-API-Key: lt_...'."""


class Forbidden(ClientError):
    """The key may not do this."""


class ForbiddenByState(ClientError):
    """The entity's state does not allow this action."""


class QuotaExceeded(ClientError):
    """The key has used up its quota."""

    def __init__(
        self,
        message: str,
        retry_after_s: int,
        headers: Mapping[str, str] | None = None,
        policy: str | None = None,
    ) -> None:
        """Say which quota is used up and after how many seconds to try again.

        ``headers`` are those of the answer that tell a program the same; ``policy`` is the quota's
        name in them.
        """
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})
        self.policy = policy


class ServerError(LivetallyError):
    """The server can't do this now."""


class Overloaded(ServerError):
    """The writer has fallen behind; nothing of this request was stored."""

    def __init__(self, message: str | None = None, retry_after_s: int = 1) -> None:
        """Say after how many seconds to try again."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotDurable(ServerError):
    """The events could not be made durable; nothing was acknowledged."""


class NotCommitted(NotDurable):
    """A defect kept events from being made into a commit; nothing of them was stored."""


class DataDirectoryLocked(ServerError):
    """Another Livetally server uses this data directory."""


class DataDirectoryUnusable(ServerError):
    """The data directory can't be read or written."""


class SettingInvalid(ServerError):
    """A setting has a value that can't be used."""


class StoreFailed(ServerError):
    """The event store refused the operation."""
