"""A server in front of the server, whose live stream tells exactly so many updates a second.

In the flow: started by ``bench_console`` as a process of its own; passes every request on to the
real server, and the first frames of a live stream back; then makes up the updates itself.
Guarantee: a page gets the bytes that it would get from the real server if that had so many commits;
the rate does not depend on how fast the machine commits.

    python benchmarks/console_feed.py UPSTREAM PORT UPDATES_PER_S
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import anyio
import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

_HOPS = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})


class Feed:
    """The proxy."""

    def __init__(self, upstream: str, per_s: float) -> None:
        """Pass on to ``upstream``; tell ``per_s`` updates a second on each stream."""
        self._per_s = per_s
        self._http = httpx2.AsyncClient(base_url=upstream, trust_env=False, timeout=60)

    def app(self) -> Starlette:
        """Build the application."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(
            routes=[
                Route("/v1/live", self.live),
                Route("/{path:path}", self.other, methods=methods),
            ]
        )

    async def other(self, request: Request) -> Response:
        """Pass a request on, and its answer back as it came."""
        sent = self._request(request, await request.body())
        reply = await self._http.send(sent, stream=True)
        body = b"".join([piece async for piece in reply.aiter_raw()])
        answer = Response(body, reply.status_code)
        kept = [(n, v) for n, v in reply.headers.multi_items() if n.lower() not in _HOPS]
        answer.raw_headers.extend((n.lower().encode(), v.encode()) for n, v in kept)
        return answer

    async def live(self, request: Request) -> Response:
        """Answer with the snapshots of the real stream, and then with updates."""
        frames = self._frames(self._request(request, b""), len(request.query_params.getlist("q")))
        return StreamingResponse(frames, media_type="text/event-stream")

    def _request(self, request: Request, body: bytes) -> httpx2.Request:
        headers = [(n, v) for n, v in request.headers.items() if n.lower() not in _HOPS]
        path = f"{request.url.path}?{request.url.query}"
        return self._http.build_request(request.method, path, headers=headers, content=body)

    async def _frames(self, request: httpx2.Request, questions: int) -> AsyncIterator[str]:
        """Yield the first frame of each question, then updates of its newest row."""
        newest: dict[int, dict[str, Any]] = {}
        reply = await self._http.send(request, stream=True)
        block: list[str] = []
        async for line in reply.aiter_lines():
            block.append(line)
            if line:
                continue
            yield "\n".join(block) + "\n"
            told = [one[6:] for one in block if one.startswith("data: ")]
            data = json.loads(told[0]) if told else {}
            if "q" in data:
                newest[data["q"]] = (data.get("rows") or [{}])[-1]
            block = []
            if len(newest) == questions:
                break
        await reply.aclose()
        usable = {q: row for q, row in newest.items() if isinstance(row.get("value"), int | float)}
        began = time.monotonic()
        for number in count(1):
            q = list(usable)[number % len(usable)]
            row = {**usable[q], "value": usable[q]["value"] + number % 50}
            data = {"q": q, "position": 1_000_000 + number, "rows": [row]}
            yield f"id: feed.{1_000_000 + number}\nevent: update\ndata: {json.dumps(data)}\n\n"
            await anyio.sleep(max(0.0, began + number / self._per_s - time.monotonic()))


if __name__ == "__main__":
    _, server, port, rate = sys.argv
    feed = Feed(server, float(rate))
    uvicorn.run(feed.app(), host="127.0.0.1", port=int(port), log_level="error")
