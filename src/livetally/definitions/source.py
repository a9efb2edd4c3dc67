"""What a source is: where records are fetched from, how often, and how they become events.

In the flow: built by ``read_sources``, carried to ``sources``, which fetches.

Guarantee: immutable; a source that was built names one place, and its schedule has a next time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from livetally.mapping import EventMapping, Expression

__all__ = [
    "Changes",
    "Messages",
    "MessagesKind",
    "PageKind",
    "Pages",
    "Schedule",
    "Since",
    "Source",
]


class PageKind(StrEnum):
    """How the next page is asked for."""

    PAGE = "page"  # by its number
    OFFSET = "offset"  # by how many records came before it
    CURSOR = "cursor"  # by what the page before says
    LINK = "link"  # by the header Link of the page before


class Changes(StrEnum):
    """What becomes of a record that comes again with other content."""

    NEW = "new"  # a new event
    IGNORE = "ignore"  # nothing: the first one stands


class MessagesKind(StrEnum):
    """What brings messages."""

    NATS = "nats"
    MQTT = "mqtt"
    POSTGRESQL = "postgresql"


class Messages(msgspec.Struct, frozen=True):
    """Which messages of a broker, or of a database, a source takes.

    Attributes:
        kind: what is spoken there.
        subject: of NATS, or the topic of MQTT, with their wildcards; the channel of PostgreSQL.
        stream: of NATS, that keeps them; "" takes what comes while somebody listens.
        qos: of MQTT.
        user, password: ``env:NAME``, variables of the process that listens; "" for none.
    """

    kind: MessagesKind
    subject: str
    stream: str = ""
    qos: int = 1
    user: str = ""
    password: str = ""


class Pages(msgspec.Struct, frozen=True):
    """How a source gives its records page by page.

    Attributes:
        kind: how the next page is asked for.
        parameter: of the query, for its number, offset or cursor.
        size_parameter, size: of the query, for how many records a page has; "" sends none.
        first: the number of the first page.
        total: finds how many records there are in all.
        next: finds the cursor of the next page.
    """

    kind: PageKind
    parameter: str = ""
    size_parameter: str = ""
    size: int = 100
    first: int = 1
    total: Expression | None = None
    next: Expression | None = None


class Since(msgspec.Struct, frozen=True):
    """How to ask only for what is new.

    Attributes:
        parameter: of the query.
        cursor: finds in a page what to ask from the next time.
        start: what to ask from the first time; "" sends nothing.
    """

    parameter: str
    cursor: Expression
    start: str = ""


class Schedule(msgspec.Struct, frozen=True):
    """When to fetch: on a grid of ``every_s`` seconds, or as ``cron`` says in ``tz``.

    ``jitter_s`` moves each time by up to so many seconds, always the same for a source and a time.
    """

    every_s: int = 0
    cron: str = ""
    tz: str = "UTC"
    jitter_s: int = 0
    text: str = ""


class Source(msgspec.Struct, frozen=True):
    """Somewhere that records come from.

    Attributes:
        name: unique among the sources of a team.
        application: the application that declares it.
        mapping: how a record becomes an event.
        url: what is fetched.
        schedule: when it is fetched.
        start: whether it runs from the beginning.
        query, headers: sent with each request; a value ``env:NAME`` is that variable of the
            environment of the process that fetches.
        pages, since: as above; None for neither.
        changes: what becomes of a record with other content.
        timeout_s: how long one request may take.
        pages_max, bytes_max: bounds of one run, and of one page.
        messages: which messages it takes; None when it is fetched.
        raw: the table as it was written.
        title, description: for people.
    """

    name: str
    application: str
    mapping: EventMapping
    url: str
    schedule: Schedule
    start: bool = True
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    pages: Pages | None = None
    since: Since | None = None
    changes: Changes = Changes.NEW
    timeout_s: float = 30.0
    pages_max: int = 1_000
    bytes_max: int = 32 * 1024 * 1024
    messages: Messages | None = None
    raw: dict[str, Any] = {}
    title: str = ""
    description: str = ""
