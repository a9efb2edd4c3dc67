"""What the brokers' clients and the follower of messages have in common.

In the flow: made by ``nats_messages``, ``mqtt_messages`` and ``postgresql_messages``, read by
``following``.
Guarantee: plain values.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

__all__ = ["BATCH_MAX", "Account", "Message", "Take"]

BATCH_MAX = 500
"""Most messages that become durable together."""


class Message(NamedTuple):
    """A message.

    Attributes:
        payload: its bytes, JSON.
        named: what it came as, for ``param()``: ``subject``, ``topic``, or ``channel``.
        headers: by their names in lower case, for ``header()``.
        id: its place in a stream, the same when it comes again; "" where it has none.
    """

    payload: bytes
    named: Mapping[str, str]
    headers: Mapping[str, str]
    id: str


class Account(NamedTuple):
    """Who we are to a broker: a name that stays the same, and a user and password or "".

    ``address`` is the broker's, as it was checked; "" when any may be connected to. ``nats_ca`` is
    a file of authorities that a NATS server is trusted by, besides the machine's own; or "".
    """

    name: str
    user: str
    password: str
    address: str = ""
    nats_ca: str = ""


Take: TypeAlias = Callable[[Sequence[Message]], Awaitable[None]]
"""Stores messages; returns when they are durable, and may be acknowledged."""
