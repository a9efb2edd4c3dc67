"""Takes the messages of a broker as events: mapped, stored, and only then acknowledged.

In the flow: called by ``keeper`` for a source of messages; ``nats_messages``, ``mqtt_messages`` and
``postgresql_messages`` bring the messages, ``deliver`` stores what they become.
Guarantee: a message is acknowledged when its events are durable, so that none is lost; what comes
again has the same identity, so that none counts twice. One that gives no event costs no other one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import anyio
import structlog

from livetally.definitions import MessagesKind, Source
from livetally.errors import UnreadableBody
from livetally.mapping import Context, decode_payload, encode_items
from livetally.sources.failures import SourceFailed
from livetally.sources.keeper import Declared
from livetally.sources.mqtt_messages import mqtt_messages
from livetally.sources.nats_messages import nats_messages
from livetally.sources.network import is_public
from livetally.sources.postgresql_messages import postgresql_messages
from livetally.sources.pull import Counts, Deliver, identified
from livetally.sources.taken import Account, Message

__all__ = ["Follower", "lines_of"]

_log = structlog.get_logger("livetally.sources")

_BRINGS = {
    MessagesKind.NATS: nats_messages,
    MessagesKind.MQTT: mqtt_messages,
    MessagesKind.POSTGRESQL: postgresql_messages,
}


class Follower:
    """Follows sources of messages. For one event loop."""

    def __init__(
        self,
        deliver_of: Callable[[Declared], Deliver],
        variable: Callable[[str], str | None],
        name: Callable[[], str],
        *,
        allow_private: bool,
        nats_ca: str = "",
    ) -> None:
        """Store where ``deliver_of`` says.

        Args:
            deliver_of: gives what stores the events of a source.
            variable: finds a secret by its name.
            name: of this installation, the same after a restart: the brokers know it by that.
            allow_private: whether brokers may be in our own network.
            nats_ca: file of authorities that NATS servers are trusted by; "" for the machine's own.
        """
        self._deliver_of = deliver_of
        self._variable = variable
        self._name = name
        self._allow_private = allow_private
        self._nats_ca = nats_ca

    async def follow(self, declared: Declared, counts: Counts) -> None:
        """Take messages until cancelled; what became of them is added to ``counts``.

        Raises:
            LivetallyError: the broker can't be reached, or the events can't be stored.
        """
        source = declared.source
        messages = source.messages
        assert messages is not None, "the keeper follows sources of messages only"
        deliver = self._deliver_of(declared)

        async def take(batch: Sequence[Message]) -> None:
            lines = lines_of(source, batch, counts)
            if lines:
                counts.add(await deliver(lines))

        address = "" if self._allow_private else await _public_address(source.url)
        account = Account(
            name=f"livetally-{self._name()}-{declared.team}-{source.name}",
            user=self._secret(messages.user),
            password=self._secret(messages.password),
            address=address,
            nats_ca=self._nats_ca,
        )
        await _BRINGS[messages.kind](source.url, messages, account, take)

    def _secret(self, value: str) -> str:
        if not value:
            return ""
        variable = value.removeprefix("env:")
        found = self._variable(variable)
        if not found:
            raise SourceFailed(f"The variable {variable} is not set where this runs.")
        return found


def lines_of(source: Source, batch: Sequence[Message], counts: Counts) -> bytes:
    """Return the events of messages as lines of JSON; what gives none is counted and named."""
    items = []
    for message in batch:
        counts.pages += 1
        try:
            payload = decode_payload(message.payload)
        except UnreadableBody as error:
            _reject(source, message, counts, error.message)
            continue
        mapped = source.mapping.events(payload, _context(message))
        counts.records += mapped.records
        for fault in mapped.faults:
            _reject(source, message, counts, f"{fault.field}: {fault.reason}")
        for index, item in zip(mapped.indexes, mapped.items, strict=True):
            if "id" not in item and message.id:
                item["id"] = f"{message.id}-{index}" if index else message.id
            items.append(identified(source, item))
    return bytes(encode_items(items)) if items else b""


def _context(message: Message) -> Context:
    return Context(message.named, message.headers, content_ids=not message.id)


def _reject(source: Source, message: Message, counts: Counts, reason: str) -> None:
    place = ", ".join(f"{name} {value[:100]}" for name, value in message.named.items())
    _log.warning("message rejected", source=source.name, reason=reason, place=place)
    counts.add(Counts(rejected=1, reasons=[f"a message of {place}: {reason}"]))


async def _public_address(url: str) -> str:
    """Return an address of a broker; refuse those in our own network.

    Raises:
        SourceFailed: the address is none of the public ones, or is not known.
    """
    host = urlsplit(url).hostname or ""
    try:
        found = await anyio.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise SourceFailed(f"The name '{host}' can't be resolved.") from None
    refused = [str(entry[4][0]) for entry in found if not is_public(str(entry[4][0]))]
    if refused:
        raise SourceFailed(
            f"'{host}' is {refused[0]}, which is no public address. To allow sources in your own"
            " network, set LIVETALLY_SOURCES_ALLOW_PRIVATE=true."
        )
    return str(found[0][4][0])
