"""Reads one partition of the log in order, from any position, for as long as it is wanted.

In the flow: used by ``loader``.
Guarantee: whatever breaks meanwhile, no message is left out and none comes twice.

The library's own ``fetch`` waits for a full batch once it has a message. Here a request stays open
at the servers and each message comes when it is there; the next request is made when one is used
up. The consumer is ours alone, in the memory of one server: when that is gone, another one begins
after the last message that came.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
import structlog

from livetally.cluster.log import Log

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

__all__ = ["read"]

_log = structlog.get_logger("livetally.cluster")

_MESSAGES = 256
_BYTES = 16 * 1024 * 1024
_OPEN_S = 2
_SILENT_S_MAX = 3.5
_AGAIN_S = 0.5
_IDLE_S = 60.0
_TIME_IS_UP = "408"


class _Broken(Exception):
    """The log has to be read from where it was read to."""


async def read(log: Log, partition: int, after: int) -> AsyncIterator[tuple[int, bytes]]:
    """Yield positions and bodies of a partition's messages after a position, for ever."""
    while True:
        with contextlib.suppress(_Broken):
            async for found in _read_once(log, partition, after):
                after = found[0]
                yield found
        await asyncio.sleep(_AGAIN_S)


def _is_used_up(told: dict[str, str]) -> bool:
    """Tell whether a request came to its end as it should: by its time, or by its bytes."""
    return told.get("Status") == _TIME_IS_UP or "MaxBytes" in told.get("Description", "")


async def _read_once(log: Log, partition: int, after: int) -> AsyncIterator[tuple[int, bytes]]:
    from nats.errors import Error
    from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

    client, stream = log.connection
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        filter_subject=f"{log.prefix}.log.{partition}",
        ack_policy=AckPolicy.NONE,
        inactive_threshold=_IDLE_S,
        num_replicas=1,
        mem_storage=True,
    )
    inbox = client.new_inbox()
    reader: Subscription | None = None
    try:
        made = await stream.add_consumer(log.stream, config)
        reader = await client.subscribe(inbox, pending_bytes_limit=-1, pending_msgs_limit=-1)
        ask = f"$JS.API.CONSUMER.MSG.NEXT.{log.stream}.{made.name}"
        wanted = {"batch": _MESSAGES, "max_bytes": _BYTES, "expires": _OPEN_S * 1_000_000_000}
        body = msgspec.json.encode(wanted)
        expected, left = 1, 0
        while True:
            if not left:
                await client.publish(ask, body, reply=inbox)
                left = _MESSAGES
            message = await reader.next_msg(timeout=_SILENT_S_MAX)
            if not message.data and (told := message.headers):
                if not _is_used_up(told):
                    raise _Broken  # the consumer is gone, or nobody has it
                left = 0
                continue
            place = message.metadata.sequence
            if place.consumer != expected:
                raise _Broken  # one was lost on the way
            expected += 1
            left -= 1
            yield int(place.stream), message.data
    except (Error, OSError) as error:
        _log.debug("reading the log again", partition=partition, reason=str(error))
        raise _Broken from None
    finally:
        if reader is not None:
            with contextlib.suppress(Error, OSError):
                await reader.unsubscribe()
