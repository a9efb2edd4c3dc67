"""Events to load a server with, and what sends them: for the benchmarks of ingest.

In the flow: imported by ``bench_ingest_*.py``.
Guarantee: seeded, so that each run sends the same events; made before the clock starts.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Sequence
from http.client import HTTPConnection
from threading import Thread

SHOP = """
application = "shop"
[event.add_revenue]
data.value = { type = "decimal", required = true, scale = 2 }
[metric.revenue]
event = "add_revenue"
value = "value"
aggregate = "sum"
[metric.payments]
event = "add_revenue"
aggregate = "count"
"""


_EVENT = (
    b'{"type":"add_revenue","id":"%d-%d-%d","source":"till","time":"2026-03-01T10:00:00Z",'
    b'"subject":"user-%d","data":{"value":"%d.%02d","note":"abc"}}'
)


def lines(count: int, seed: int = 1) -> list[bytes]:
    """Make NDJSON lines of about 180 bytes: random UUIDs, a month of times, 500 subjects."""
    rng = random.Random(seed)
    return [
        b'{"type":"add_revenue","id":"%s","source":"till-%d","time":"2026-03-%02dT%02d:%02d:%02dZ",'
        b'"subject":"user-%d","data":{"value":"%d.%02d","note":"abc"}}\n'
        % (
            str(uuid.UUID(int=rng.getrandbits(128), version=4)).encode(),
            number % 7,
            rng.randrange(1, 28),
            rng.randrange(24),
            rng.randrange(60),
            rng.randrange(60),
            rng.randrange(500),
            rng.randrange(1000),
            rng.randrange(100),
        )
        for number in range(count)
    ]


def send_bodies(url: str, key: str, bodies: Sequence[bytes], connections: int) -> float:
    """POST NDJSON bodies over some connections; return the seconds it took."""
    host = url.removeprefix("http://")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    failed: list[str] = []

    def send(mine: Sequence[bytes]) -> None:
        connection = HTTPConnection(host, timeout=120)
        for body in mine:
            connection.request("POST", "/v1/events", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200 or b'"rejected":[]' not in text:
                failed.append(text[:300].decode())
                return
        connection.close()

    threads = [Thread(target=send, args=(bodies[i::connections],)) for i in range(connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    if failed:
        raise SystemExit(f"the server refused: {failed[0]}")
    return took


def send_singly(
    url: str, path: str, key: str, connections: int, for_s: float, seed: int
) -> tuple[float, float, float]:
    """POST one event at a time on each connection; return requests/s, p50 and p99 in ms."""
    host, _, port = url.removeprefix("http://").partition(":")
    delays: list[float] = []
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()

    async def one(number: int, until: float) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        sent = 0
        while (begun := time.perf_counter()) < until:
            sent += 1
            line = _EVENT % (seed, number, sent, sent % 500, sent % 1000, sent % 100)
            writer.write(head + b"%d\r\n\r\n" % len(line) + line)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer[:16]:
                raise SystemExit(answer.decode())
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            delays.append(time.perf_counter() - begun)
        writer.close()

    async def all_of_them() -> float:
        begun = time.perf_counter()
        await asyncio.gather(*[one(number, begun + for_s) for number in range(connections)])
        return time.perf_counter() - begun

    took = asyncio.run(all_of_them())
    delays.sort()
    p99 = delays[int(len(delays) * 0.99)]
    return len(delays) / took, delays[len(delays) // 2] * 1000, p99 * 1000
