"""Live streams under everything that breaks connections, and what every client must have at rest.

In the flow: starts a proxy that cuts connections, senders and clients around a server; ``check``
runs them and looks at the result.
Guarantee: everything that is chosen by chance comes from one seed, which is in every failure.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from livetally.testing import Server
from tests.fault.live_client import Client, Picture, picture

__all__ = ["DEFINITION", "check"]

DEFINITION = """
application = "shop"
[event.sale]
data.value = { type = "decimal", scale = 2, required = true }
data.shop = "string"
[event.refund]
data.shop = "string"
[metric.sales]
event = "sale"
aggregate = "count"
by = ["shop"]
[metric.refunds]
event = "refund"
aggregate = "count"
by = ["shop"]
[metric.revenue]
event = "sale"
aggregate = "sum"
value = "value"
by = ["shop"]
[metric.refund_rate]
ratio = ["refunds", "sales"]
[entity.shop]
key = "shop"
events = ["sale", "refund"]
fields.revenue = { metric = "revenue" }
fields.sales = { count = "sale" }
fields.last_value = { latest = "value" }
fields.kind = { latest = "type" }
"""

_LATE_MINUTES = 150
_HOUR_S = 3600
# So long nobody is connected before the end: what comes then no later event tells of.
_AWAY_S = 1.0
# Every so often a connection is let live; the others are cut after so many bytes.
_SPARED = 0.2
_CUT_BYTES_MAX = 4_000

_ORDERED = ("entities/", "events")


class Proxy:
    """Passes bytes on, and cuts most connections after some of them."""

    def __init__(self, servers: Sequence[Server], chance: random.Random) -> None:
        """Pass each connection on to one of the servers."""
        self.cuts = 0
        self.calm = False
        self.shut = False
        self._servers = servers
        self._chance = chance
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to serve a connection."""
        task = asyncio.get_running_loop().create_task(self.serve(reader, writer))
        self._serving[task] = writer
        task.add_done_callback(self._serving.pop)

    async def close(self) -> None:
        """End every connection, also those that nobody has begun to serve; accept none."""
        self.shut = True
        serving = dict(self._serving)
        for task, writer in serving.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)  # a transport ends in the loop's next round

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        if self.shut:
            writer.transport.abort()
            return
        left = 10**9 if self._chance.random() < _SPARED else self._chance.randrange(_CUT_BYTES_MAX)
        try:
            target = self._chance.choice(self._servers).url.rsplit(":", 1)[1]
            there, back = await asyncio.open_connection("127.0.0.1", int(target))
        except OSError:
            writer.transport.abort()
            return
        try:
            back.write(await reader.readuntil(b"\r\n\r\n"))
            while data := await there.read(65536):
                writer.write(data if self.calm else data[:left])
                left -= len(data)
                if left <= 0 and not self.calm:
                    self.cuts += 1
                    break
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            # What was written before a cut still arrives, as on a real network.
            writer.close()
            back.transport.abort()


class Sender:
    """Sends events, late ones among them, and sends a batch again until it is acknowledged."""

    def __init__(self, servers: Sequence[Server], name: str, chance: random.Random) -> None:
        """Send to any of ``servers`` as the source ``name``."""
        self.position = 0
        self._servers = servers
        self._name = name
        self._chance = chance
        self._made = 0

    async def send(self, stopping: asyncio.Event) -> None:
        """Send until stopped, and then until the last batch is acknowledged."""
        while not stopping.is_set():
            body = json.dumps([self._event() for _ in range(self._chance.randrange(1, 6))]).encode()
            while not await self._is_stored(body):  # noqa: ASYNC110 - nobody tells when it is back
                await asyncio.sleep(0.05)  # sleeps: before it asks a server that is down again
            await asyncio.sleep(self._chance.random() / 10)  # sleeps: the rate of the sender

    async def _is_stored(self, body: bytes) -> bool:
        try:
            server = self._chance.choice(self._servers)
            reply = await asyncio.to_thread(ask, server, "/v1/events", body)
        except (OSError, urllib.error.HTTPError, HTTPException):
            return False
        self.position = max(self.position, reply["position"])
        return True

    def _event(self) -> dict[str, Any]:
        self._made += 1
        chance = self._chance
        late = timedelta(minutes=chance.choice([0, 0, 0, chance.randrange(_LATE_MINUTES)]))
        return {
            "id": f"{self._name}-{self._made}",
            "source": self._name,
            "type": "refund" if chance.random() < 0.2 else "sale",
            "time": (datetime.now(UTC) - late).isoformat(),  # noqa: TID251 - the server's own now
            "data": {"shop": chance.choice("abcdefg"), "value": f"{chance.randrange(10_000)}.25"},
        }


def ask(server: Server, path: str, body: bytes | None = None) -> Any:
    """Ask the server itself, not through the proxy."""
    headers = {"X-API-Key": server.key, "Content-Type": "application/json"}
    request = urllib.request.Request(server.url + path, body, headers)  # noqa: S310 - this machine
    with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310
        return json.loads(reply.read(), parse_float=Decimal)


def questions() -> list[str]:
    """Return one question of each kind: filled, grouped, in a zone, cut; lists, one, and tails."""
    start = datetime.fromtimestamp(time.time() // _HOUR_S * _HOUR_S - 2 * _HOUR_S, UTC)  # noqa: TID251
    return [
        f"metrics/sales?interval=minute&fill=zero&from={start:%Y-%m-%dT%H:%M:%SZ}",
        "metrics/sales?interval=hour&by=shop",
        "metrics/sales?interval=minute&fill=zero&by=shop",
        "metrics/sales?interval=day&tz=Asia/Kathmandu",
        "metrics/sales?by=shop&order=-value&limit=3",
        "metrics/revenue?by=shop",
        "metrics/refund_rate?interval=hour",
        "metrics/sales?where=shop:a",
        "metrics/sales?where=shop:b",
        "entities/shop?sort=-revenue&limit=3",
        "entities/shop?where=kind:sale&sort=last_value&limit=2",
        "entities/shop?sort=key",
        "entities/shop/c",
        "entities/shop/d/events?limit=4",
        "events?type=refund&limit=5",
        "events?limit=7",
    ]


async def check(
    servers: Sequence[Server],
    seed: int,
    *,
    seconds: float,
    faults: Sequence[Callable[[], object]],
    rest_s: float,
) -> str:
    """Run everything; return one line that says how much happened.

    Args:
        servers: started servers with ``DEFINITION`` that all answer the same.
        seed: of everything that is chosen by chance.
        seconds: how long to send, not counting what faults take.
        faults: what goes wrong meanwhile, one after the other; each blocks until it is mended.
        rest_s: how long after the last event the pictures may take to be right.

    Raises:
        AssertionError: a picture is wrong, went back, or was reset without cause; names the seed.
    """
    chance = random.Random(seed)
    asked = questions()
    clients = [Client([one]) for one in asked for _ in range(2)]
    clients += [Client(chance.sample(asked, len(asked))) for _ in range(3)]
    proxy = Proxy(servers, chance)
    listener = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    senders = [Sender(servers, f"sender{n}", random.Random(seed + n)) for n in range(3)]
    stopping = asyncio.Event()
    part_s = seconds / (len(faults) + 1)
    loop = asyncio.get_running_loop()
    following = [loop.create_task(one.follow(port, servers[0].key, chance)) for one in clients]
    sending = [loop.create_task(one.send(stopping)) for one in senders]
    try:
        for fault in faults:
            await asyncio.sleep(part_s)  # sleeps: the work goes on meanwhile
            await asyncio.to_thread(fault)
        await asyncio.sleep(part_s)  # sleeps: the work goes on meanwhile
        await proxy.close()
        await asyncio.sleep(_AWAY_S)  # sleeps: as long as everybody is away
        stopping.set()
        await asyncio.gather(*sending)
        proxy.calm, proxy.shut = True, False
        for server in servers:
            await _come_to_rest(server, clients, seed, rest_s)
    finally:
        for task in (*following, *sending):
            task.cancel()
        await asyncio.gather(*following, *sending, return_exceptions=True)
        listener.close()
        await proxy.close()
    wrong = [fault for client in clients for fault in client.faults]
    assert not wrong, f"seed {seed}: {wrong[:5]}"
    resets = sum(client.resets for client in clients)
    assert not resets, f"seed {seed}: {resets} resets without cause"
    opened = sum(client.opened for client in clients)
    position = max(sender.position for sender in senders)
    return f"seed {seed}: {position} commits, {opened} connections, {proxy.cuts} cut"


async def _come_to_rest(server: Server, clients: list[Client], seed: int, rest_s: float) -> None:
    """Wait until every picture equals a fresh answer."""
    deadline = time.monotonic() + rest_s
    while True:
        fresh = {one: await _answer(server, one) for one in questions()}
        wrong = list(_differences(clients, fresh))
        if not wrong:
            return
        assert time.monotonic() < deadline, f"seed {seed}: {len(wrong)} differ, as {wrong[:3]}"
        await asyncio.sleep(0.1)  # sleeps: between two looks


async def _answer(server: Server, question: str) -> Picture:
    try:
        answer = await asyncio.to_thread(ask, server, f"/v1/{question}")
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return {}  # an entity without events
        raise
    if "key" in answer:
        return picture([{name: value for name, value in answer.items() if name != "position"}])
    return picture(next(answer[name] for name in ("rows", "entities", "events") if name in answer))


def _differences(clients: list[Client], fresh: Mapping[str, Picture]) -> Iterator[str]:
    for number, client in enumerate(clients):
        for question, shown in zip(client.questions, client.pictures, strict=True):
            if question not in fresh:
                continue
            wanted = fresh[question]
            in_order = not question.startswith(_ORDERED) or list(shown) == list(wanted)
            if shown != wanted or not in_order:
                keys = [key for key in {**shown, **wanted} if shown.get(key) != wanted.get(key)]
                each = [(key, shown.get(key), wanted.get(key)) for key in keys[:2]]
                yield f"client {number} {question} after {client.last_id}: {each or 'order'}"
