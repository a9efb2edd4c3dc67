"""What inlets, published answers and commands are: paths of the user's own choice.

In the flow: built by ``read_inlets``, ``read_answers`` and ``read_commands``, served by
``api``.

Guarantee: immutable; holds the names of secrets and never a secret.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from livetally.definitions.question_templates import QuestionTemplate
from livetally.mapping import EventMapping, Lookups, Template

__all__ = [
    "Answer",
    "Auth",
    "AuthKind",
    "Command",
    "CommandAction",
    "Import",
    "Inlet",
    "Reply",
    "RoutePath",
]


class AuthKind(StrEnum):
    """How a request to a path of the user's choice shows who sent it."""

    KEY = "key"
    SECRET = "secret"  # noqa: S105 - the name of a kind
    HMAC = "hmac"
    NONE = "none"


class Auth(msgspec.Struct, frozen=True):
    """How a request is authenticated.

    Attributes:
        kind: which of the ways.
        header: the header to look at; "" for the two in which Livetally's keys are sent.
        secret: the environment variable that holds the secret.
        prefix: what stands before the secret or the signature.
        algorithm: of ``hmac``: sha1, sha256 or sha512.
        encoding: of ``hmac``: hex or base64.
    """

    kind: AuthKind = AuthKind.KEY
    header: str = ""
    secret: str = ""
    prefix: str = ""
    algorithm: str = "sha256"
    encoding: str = "hex"


class RoutePath(msgspec.Struct, frozen=True):
    """A method and a path; a part in braces takes any text.

    Attributes:
        method: GET, POST, PUT, PATCH or DELETE.
        parts: between the slashes; a name in braces is a parameter.
    """

    method: str
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The path as it was written."""
        return "/" + "/".join(self.parts)

    @property
    def params(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(part[1:-1] for part in self.parts if part.startswith("{"))

    @property
    def shape(self) -> tuple[str, ...]:
        """What it matches: two paths of one shape take the same requests."""
        return (self.method, *("{}" if part.startswith("{") else part for part in self.parts))


class Reply(msgspec.Struct, frozen=True):
    """What an inlet answers once everything is stored.

    Attributes:
        status: from 200 to 299.
        body: JSON; None for no body.
    """

    status: int = 200
    body: Template | None = None


class _Declared(msgspec.Struct, frozen=True, eq=False):
    """What inlets, answers and imports have in common.

    Attributes:
        name: unique in its application.
        application: the application that declares it.
        raw: as it was written, in plain values.
    """

    name: str
    application: str
    raw: dict[str, Any]

    def __eq__(self, other: object) -> bool:
        """Whether both declare the same."""
        if not isinstance(other, _Declared):
            return NotImplemented
        mine, theirs = (self.name, self.application), (other.name, other.application)
        return type(self) is type(other) and mine == theirs and self.raw == other.raw

    def __hash__(self) -> int:
        """Agree with ``__eq__``."""
        return hash((self.name, self.application))


class Inlet(_Declared, frozen=True, eq=False):
    """A path that takes an existing client's own JSON.

    Attributes:
        path: where.
        auth: who may.
        mapping: what becomes of a payload.
        reply: what is answered; None for what ``POST /v1/events`` answers.
    """

    path: RoutePath
    auth: Auth
    mapping: EventMapping
    reply: Reply | None = None


class Answer(_Declared, frozen=True, eq=False):
    """A path that answers a question in the shape that an existing client expects.

    Attributes:
        path: where.
        auth: who may.
        metric: what is asked about; "" when it is an entity.
        entity: as above.
        key: of one entity; None for a list of them.
        parameters: of the question, by name; what is filled with null is not given.
        body: JSON; None for the normal answer.
        lookups: what its expressions may look up.
    """

    path: RoutePath
    auth: Auth
    metric: str
    entity: str
    key: Template | None
    parameters: dict[str, QuestionTemplate]
    body: Template | None
    lookups: Lookups


class CommandAction(StrEnum):
    """What a command does to its sources."""

    START = "start"
    STOP = "stop"
    RUN = "run"


class Command(_Declared, frozen=True, eq=False):
    """A path that starts, stops or runs sources.

    Attributes:
        path: where.
        auth: who may.
        action: what happens.
        sources: to which of the application's sources.
        reply: what is answered; None for the sources as they are.
        lookups: what its expressions may look up.
    """

    path: RoutePath
    auth: Auth
    action: CommandAction
    sources: tuple[str, ...]
    reply: Reply | None
    lookups: Lookups


class Import(_Declared, frozen=True, eq=False):
    """How rows of a file become events.

    Attributes:
        mapping: what becomes of a row.
    """

    mapping: EventMapping
