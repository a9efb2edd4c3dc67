"""Notifications of PostgreSQL: what its channel tells while we listen.

In the flow: called by ``following``, hands messages to its ``take``; the driver is behind
``store.notifications``.
Guarantee: a notification is taken once its transaction was committed, never before; the next ones
wait in the connection until ``take`` has returned. The database keeps none: one that is told while
nobody listens is lost, which is PostgreSQL's own promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs, unquote, urlsplit

from livetally.definitions import Messages
from livetally.sources.taken import Account, Message, Take
from livetally.store.notifications import DatabasePlace, hear

__all__ = ["postgresql_messages"]

_PORT = 5432


async def postgresql_messages(url: str, messages: Messages, account: Account, take: Take) -> None:
    """Take messages until cancelled.

    Raises:
        LivetallyError: the database can't be reached, or ``take`` failed.
    """
    channel = messages.subject
    named = {"channel": channel}

    async def told(payloads: Sequence[str]) -> None:
        await take([Message(payload.encode(), named, {}, "") for payload in payloads])

    await hear(_place(url, account), channel, told)


def _place(url: str, account: Account) -> DatabasePlace:
    parts = urlsplit(url)
    return DatabasePlace(
        host=parts.hostname or "",
        port=parts.port or _PORT,
        database=unquote(parts.path.strip("/")),
        address=account.address,
        user=account.user,
        password=account.password,
        name=account.name[:63],
        sslmode=parse_qs(parts.query).get("sslmode", [""])[0],
    )
