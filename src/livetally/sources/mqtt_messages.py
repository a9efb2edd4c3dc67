"""Messages of MQTT: of a topic, in a session that the broker keeps while we are away.

In the flow: called by ``following``, hands messages to its ``take``.
Guarantee: a message of QoS 1 or 2 is acknowledged when ``take`` has returned; what was not is sent
again after a new connection. The broker sends no more at a time than one batch.

The client library, an extra, works on a thread of its own; what it hears is handed to the loop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from anyio.to_thread import run_sync

from livetally.definitions import Messages
from livetally.errors import SettingInvalid
from livetally.sources.failures import SourceFailed
from livetally.sources.taken import BATCH_MAX, Account, Message, Take

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

__all__ = ["mqtt_messages"]

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_CONNECT_S_MAX = 10.0
_KEEPALIVE_S = 30
_SESSION_S = 30 * 86_400
_REFUSED = 0x80


async def mqtt_messages(url: str, messages: Messages, account: Account, take: Take) -> None:
    """Take messages until cancelled.

    Raises:
        LivetallyError: the broker can't be reached or refuses us, or ``take`` failed.
    """
    heard: asyncio.Queue[MQTTMessage | SourceFailed] = asyncio.Queue()
    client = _client(url, messages, account, asyncio.get_running_loop(), heard)
    try:
        await run_sync(_connect, client, url)
        client.loop_start()
        while True:
            batch = [_message(await heard.get())]
            while not heard.empty() and len(batch) < BATCH_MAX:
                batch.append(_message(heard.get_nowait()))
            await take([_of(one) for one in batch])
            for one in batch:
                client.ack(one.mid, one.qos)
    finally:
        with anyio.CancelScope(shield=True):  # a thread that outlives us would talk to nobody
            await run_sync(_let_go, client)


def _client(
    url: str,
    messages: Messages,
    account: Account,
    loop: asyncio.AbstractEventLoop,
    heard: asyncio.Queue[MQTTMessage | SourceFailed],
) -> Client:
    try:
        from paho.mqtt import client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion
    except ModuleNotFoundError:
        hint = "pip install 'livetally[mqtt]'"
        raise SettingInvalid(f"MQTT needs a further package: {hint}") from None

    def tell(what: MQTTMessage | SourceFailed) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, what)

    def on_connect(client: Client, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            tell(SourceFailed(f"The broker refuses the connection: {reason}."))
        else:
            client.subscribe(messages.subject, messages.qos)

    def on_subscribe(_client: Client, _data: Any, _id: int, reasons: Any, _more: Any) -> None:
        if any(one.value >= _REFUSED for one in reasons):
            tell(SourceFailed(f"The broker refuses the topic {messages.subject}: {reasons[0]}."))

    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=account.name,
        protocol=mqtt.MQTTv5,
        manual_ack=True,
    )
    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = lambda _client, _data, message: tell(message)
    client.reconnect_delay_set(1, 10)
    if account.user:
        client.username_pw_set(account.user, account.password or None)
    if urlsplit(url).scheme == "mqtts":
        client.tls_set()
    return client


def _connect(client: Client, url: str) -> None:
    """Connect; blocks.

    Raises:
        SourceFailed: nobody is there.
    """
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    parts = urlsplit(url)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = _SESSION_S
    properties.ReceiveMaximum = BATCH_MAX
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    client.connect_timeout = _CONNECT_S_MAX
    try:
        client.connect(host, port, _KEEPALIVE_S, clean_start=False, properties=properties)
    except (OSError, ValueError) as error:
        raise SourceFailed(f"The broker at {host}:{port} can't be reached: {error}.") from None


def _let_go(client: Client) -> None:
    client.disconnect()
    client.loop_stop()
    # The library leaves it to the broker, which may take its time, or be gone.
    if (left := client.socket()) is not None:
        left.close()


def _message(heard: MQTTMessage | SourceFailed) -> MQTTMessage:
    if isinstance(heard, SourceFailed):
        raise heard
    return heard


def _of(message: MQTTMessage) -> Message:
    return Message(bytes(message.payload), {"topic": message.topic}, {}, "")
