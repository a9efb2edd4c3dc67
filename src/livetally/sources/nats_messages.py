"""Messages of NATS: of a stream, from its beginning, or of a subject, while we listen.

In the flow: called by ``following``, hands messages to its ``take``.
Guarantee: a message of a stream is acknowledged when ``take`` has returned; what was not is given
again, to whoever follows next: the stream remembers how far we came, by a consumer of our name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import anyio

from livetally.definitions import Messages
from livetally.errors import LivetallyError
from livetally.sources.broker import Login, connected
from livetally.sources.failures import SourceFailed
from livetally.sources.taken import BATCH_MAX, Account, Message, Take

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

__all__ = ["nats_messages"]

_WAIT_S = 30.0
# For so long, after whoever had fetched them died, nobody else is given the messages.
_ACK_WAIT_S = 10.0
_BUSY_S = 3.0
_WAITING_BYTES_MAX = 64 * 1024 * 1024


async def nats_messages(url: str, messages: Messages, account: Account, take: Take) -> None:
    """Take messages until cancelled.

    Raises:
        LivetallyError: the broker can't be reached, has no such stream, or ``take`` failed.
    """
    login = Login(account.user, account.password, account.nats_ca)
    client = await connected(url, account.name, login)
    try:
        if messages.stream:
            await _of_stream(client, messages, account, take)
        else:
            await _of_subject(client, messages, take)
    finally:
        with anyio.CancelScope(shield=True):
            await client.close()


async def _of_stream(client: Client, messages: Messages, account: Account, take: Take) -> None:
    from nats.errors import Error
    from nats.errors import TimeoutError as Nothing
    from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

    config = ConsumerConfig(
        durable_name=account.name,
        filter_subject=messages.subject,
        ack_policy=AckPolicy.EXPLICIT,
        deliver_policy=DeliverPolicy.ALL,
        ack_wait=_ACK_WAIT_S,
        max_ack_pending=4 * BATCH_MAX,
    )
    streams = client.jetstream()
    try:
        await streams.add_consumer(messages.stream, config)
        pulled = await streams.pull_subscribe_bind(account.name, messages.stream)
        while True:
            try:
                batch = await pulled.fetch(BATCH_MAX, _WAIT_S)
            except Nothing:
                continue
            await _take_all(batch, take)
    except Error as error:
        reason = str(error).removeprefix("nats: ").rstrip(".") or type(error).__name__
        raise SourceFailed(f"The stream {messages.stream} can't be followed: {reason}.") from None


async def _take_all(batch: list[Msg], take: Take) -> None:
    """Have messages taken, and acknowledge them; meanwhile say that they are being worked on."""
    from nats.errors import Error

    failed: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_say_busy, batch)
        try:
            await take([_of_place(one) for one in batch])
            with anyio.CancelScope(shield=True):  # what is durable need not come again
                for one in batch:
                    await one.ack()
        except (LivetallyError, Error) as error:  # as it is, not as one of a group
            failed = error
        tasks.cancel_scope.cancel()
    if failed is not None:
        raise failed


async def _say_busy(batch: list[Msg]) -> None:
    from nats.errors import Error

    try:
        while True:
            await anyio.sleep(_BUSY_S)
            for one in batch:
                await one.in_progress()
    except Error:
        return  # The stream will give them again, and they count once.


async def _of_subject(client: Client, messages: Messages, take: Take) -> None:
    from nats.errors import Error

    # What more comes waits in the client, up to its own bound; then the newest are lost.
    waiting: asyncio.Queue[Msg] = asyncio.Queue(BATCH_MAX)
    bytes_max = _WAITING_BYTES_MAX
    try:
        await client.subscribe(messages.subject, cb=waiting.put, pending_bytes_limit=bytes_max)
        await client.flush()
    except Error as error:
        raise SourceFailed(f"{messages.subject} can't be listened to: {error}.") from None
    while True:
        batch = [await waiting.get()]
        while not waiting.empty():
            batch.append(waiting.get_nowait())
        await take([_of(one, "") for one in batch])


def _of_place(message: Msg) -> Message:
    place = message.metadata
    return _of(message, f"{place.stream}-{place.sequence.stream}")


def _of(message: Msg, place: str) -> Message:
    headers: Mapping[str, str] = message.headers or {}
    named = {"subject": message.subject}
    lower = {name.lower(): value for name, value in headers.items()}
    return Message(message.data, named, lower, place)
