"""Messages are acknowledged when they are durable, and not before: for each broker.

In the flow: a follower on a real broker, and a store that refuses when a test wants it to.
Guarantee: what could not be stored comes again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

import anyio
import msgspec
import nats
import pytest
from paho.mqtt import publish

from livetally.definitions import read_toml
from livetally.errors import NotDurable
from livetally.sources import Counts, Declared, Follower
from livetally.tenancy import DEFAULT_TEAM
from tests.brokers import Broker

pytest_plugins = ("tests.broker_fixtures",)
pytestmark = pytest.mark.anyio

_SOURCE = """
application = "a"
[event.e]
[source.s]
url = "{url}"
{what}
map = {{ type = "'e'", id = "n" }}
"""
_SENT = 40

Follow: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Store:
    """What keeps identities, unless it refuses."""

    def __init__(self) -> None:
        """Refuse nothing."""
        self.ids: set[str] = set()
        self.refused = 0
        self.refuses = False
        self.came = anyio.Event()

    async def deliver(self, lines: bytes) -> Counts:
        """Keep what is new."""
        if self.refuses:
            self.refused += len(lines.splitlines())
            self.came.set()
            raise NotDurable
        found = {msgspec.json.decode(line)["id"] for line in lines.splitlines()}
        self.ids |= found
        if len(self.ids) == _SENT:
            self.came.set()
        return Counts(stored=len(found))


def follower(store: Store, url: str, what: str) -> Follow:
    """Return what follows the source until it is cancelled."""
    source = read_toml(_SOURCE.format(url=url, what=what), "a.toml").sources["s"]
    made = Follower(lambda _: store.deliver, lambda _: None, lambda: "x", allow_private=True)
    return partial(made.follow, Declared(DEFAULT_TEAM, source), Counts())


async def follow_until(store: Store, follow: Follow) -> None:
    """Follow until the store has what it waits for."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        await store.came.wait()
        tasks.cancel_scope.cancel()


async def stream_of(connection: Any, name: str) -> Any:
    """Make a stream with all messages in it; return what talks to streams."""
    streams = connection.jetstream()
    await streams.add_stream(name=name, subjects=[name])
    for n in range(_SENT):
        await streams.publish(name, json.dumps({"n": f"n{n}"}).encode())
    return streams


async def test_of_a_stream(nats_server: Broker) -> None:
    """What was refused is given again; what was stored is not."""
    url = f"nats://127.0.0.1:{nats_server.port}"
    connection = await nats.connect(url)
    streams = await stream_of(connection, "taken")
    refusing = Store()
    refusing.refuses = True
    what = 'subject = "taken"\nstream = "taken"'
    with pytest.raises(NotDurable):
        await follower(refusing, url, what)()
    assert refusing.refused
    consumer = "livetally-x-1-s"
    info = await streams.consumer_info("taken", consumer)
    assert (info.ack_floor.stream_seq if info.ack_floor else None) == 0
    # What was given and not acknowledged comes after ten seconds; a test need not wait for that.
    await streams.delete_consumer("taken", consumer)
    store = Store()
    await follow_until(store, follower(store, url, what))
    with anyio.fail_after(10):
        while (await streams.consumer_info("taken", consumer)).num_ack_pending:
            await anyio.wait_all_tasks_blocked()
    await connection.close()


async def test_what_is_being_stored_is_not_given_again(
    nats_server: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that takes longer than messages wait for: the stream is told that we are at it."""
    module = sys.modules["livetally.sources.nats_messages"]
    monkeypatch.setattr(module, "_ACK_WAIT_S", 1.0)
    monkeypatch.setattr(module, "_BUSY_S", 0.2)
    url = f"nats://127.0.0.1:{nats_server.port}"
    connection = await nats.connect(url)
    streams = await stream_of(connection, "slow")
    store = Store()

    async def deliver_slowly(lines: bytes) -> Counts:
        second = await streams.pull_subscribe_bind("livetally-x-1-s", "slow")
        with pytest.raises(nats.errors.TimeoutError):
            await second.fetch(1, 3)
        return await Store.deliver(store, lines)

    monkeypatch.setattr(store, "deliver", deliver_slowly)
    await follow_until(store, follower(store, url, 'subject = "slow"\nstream = "slow"'))
    assert len(store.ids) == _SENT
    await connection.close()


async def test_of_a_topic(mqtt_server: Broker) -> None:
    """What was refused is sent again to the next connection of the session."""
    url = f"mqtt://127.0.0.1:{mqtt_server.port}"
    what = 'topic = "taken"'
    rows: list[Any] = [("taken", json.dumps({"n": f"n{n}"}), 1, False) for n in range(_SENT)]
    send = lambda: publish.multiple(rows, hostname="127.0.0.1", port=mqtt_server.port)  # noqa: E731
    refusing = Store()
    refusing.refuses = True

    async def send_until_refused() -> None:
        while not refusing.refused:
            await anyio.to_thread.run_sync(send)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send_until_refused)
        with pytest.raises(NotDurable):
            await follower(refusing, url, what)()
    await anyio.to_thread.run_sync(send)  # the session keeps them while nobody is there
    store = Store()
    with anyio.fail_after(20):
        await follow_until(store, follower(store, url, what))
    assert len(store.ids) == _SENT
