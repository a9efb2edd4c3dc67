"""Copies of what is stored, as CloudEvents, for whoever wants to read it from NATS.

In the flow: published by ``loader`` after the insert, before it says that the message is done.
Guarantee: every stored event is copied at least once, and none that was not stored; in the order of
its partition, but for what had to be repeated. A copy that comes again has the same number, which
the stream takes once.

The subject of a copy is ``PREFIX.copies.TEAM.TYPE``, with letters in the type that subjects do not
take written as ``_``.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from livetally.calendar import find_zone, label
from livetally.cluster.log import Log
from livetally.cluster.storing import Ready
from livetally.errors import StoreFailed
from livetally.ingest import Batch
from livetally.sources import BrokerFailed

if TYPE_CHECKING:
    from nats.js import JetStreamContext

__all__ = ["Copies", "Copy", "copies_of", "open_copies"]

_UNDER_WAY_MAX = 64
_ANSWER_S = 5
_UTC = find_zone("UTC")
_ODD = re.compile(r"[^A-Za-z0-9_-]")


class Copy(NamedTuple):
    """A copy: where it goes, its number, and what it says."""

    subject: str
    number: str
    body: bytes


def copies_of(ready: Ready, prefix: str) -> Iterator[Copy]:
    """Yield the copies of what is stored of a group of messages."""
    for position, batches, parted in ready.messages:
        number = 0
        for batch, known in zip(batches, parted.known, strict=True):
            elsewhere = {*known.repeated, *(one.place for one in known.differing)}
            for place in range(len(batch)):
                number += 1
                if place not in elsewhere:
                    yield _copy(batch, place, position, number, prefix)


def _copy(batch: Batch, place: int, position: int, number: int, prefix: str) -> Copy:
    kind = batch.types[place]
    attributes = batch.attributes[place]
    event = {
        **(msgspec.json.decode(attributes, type=dict[str, Any]) if attributes else {}),
        "specversion": "1.0",
        "id": batch.ids[place].decode(),
        # CloudEvents wants one, and ours may be empty.
        "source": batch.sources[place] or "/",
        "type": kind,
        "time": label(batch.occurred_us[place], _UTC),
        "datacontenttype": "application/json",
        "data": msgspec.Raw(batch.data[place]),
        "livetallyposition": position,
    }
    if batch.subjects[place]:
        event["subject"] = batch.subjects[place]
    subject = f"{prefix}.copies.{batch.team}.{_ODD.sub('_', kind)}"
    return Copy(subject, f"{position}-{number}", msgspec.json.encode(event))


async def open_copies(log: Log, keep_h: int) -> Copies:
    """Make the stream of copies unless it is there.

    Args:
        log: whose servers have it.
        keep_h: hours for which copies are kept, if the stream has to be made.

    Raises:
        BrokerFailed: it can't be made.
    """
    from nats.errors import Error
    from nats.js.api import StorageType, StreamConfig
    from nats.js.errors import BadRequestError, NotFoundError

    _, stream = log.connection
    name = f"{log.prefix.replace('.', '_')}_copies"
    try:
        try:
            await stream.stream_info(name)
        except NotFoundError:
            with contextlib.suppress(BadRequestError):  # another process was first
                await stream.add_stream(
                    StreamConfig(
                        name=name,
                        subjects=[f"{log.prefix}.copies.>"],
                        storage=StorageType.FILE,
                        num_replicas=log.replicas,
                        max_age=keep_h * 3600,
                    )
                )
    except Error as error:
        raise BrokerFailed(f"The stream of copies can't be made: {error}.") from None
    return Copies(stream, log.prefix)


class Copies:
    """An open stream of copies. For one event loop."""

    def __init__(self, stream: JetStreamContext, prefix: str) -> None:
        """Publish below ``prefix``."""
        self._stream = stream
        self._prefix = prefix

    async def publish(self, ready: Ready) -> None:
        """Publish copies of what is stored; may be called again for the same.

        Raises:
            StoreFailed: not all of them are known to be there.
        """
        from nats.errors import Error

        copies = list(copies_of(ready, self._prefix))
        try:
            for start in range(0, len(copies), _UNDER_WAY_MAX):
                some = copies[start : start + _UNDER_WAY_MAX]
                asked = [
                    self._stream.publish(
                        one.subject,
                        one.body,
                        timeout=_ANSWER_S,
                        headers={"Nats-Msg-Id": one.number},
                    )
                    for one in some
                ]
                await asyncio.gather(*asked)
        except (Error, OSError) as error:
            raise StoreFailed(f"The stream of copies takes none: {error}.") from None
