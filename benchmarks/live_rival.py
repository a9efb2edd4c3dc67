"""The bare fan-out of the same frames by sse-starlette: what a framework's event stream costs.

In the flow: started by ``bench_live_fanout.py`` on a port of its own, in the same run.
Guarantee: it does nothing else: no store, no questions, no keys; one task makes the frames, and
each client has a queue, as in that package's own examples.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator

import uvicorn
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

_ROWS = [{"time": "2026-01-01T00:00:00+00:00", "value": 123456}]


class Fanout:
    """The clients' queues, and who fills them."""

    def __init__(self) -> None:
        """Start without clients."""
        self.queues: set[asyncio.Queue[str]] = set()
        self.position = 0

    async def stream(self, _request: Request) -> Response:
        """Send a first frame and then every frame."""
        return EventSourceResponse(self._frames(), ping=3600)

    async def publish(self, _request: Request) -> Response:
        """Send one frame to everybody."""
        self.position += 1
        frame = json.dumps({"position": self.position, "rows": _ROWS})
        for queue in self.queues:
            queue.put_nowait(frame)
        return PlainTextResponse(str(self.position))

    async def _frames(self) -> AsyncIterator[dict[str, str]]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self.queues.add(queue)
        try:
            yield {"event": "snapshot", "id": "0.0", "data": '{"position":0,"rows":[]}'}
            while True:
                frame = await queue.get()
                yield {"event": "update", "id": "0.1", "data": frame.replace(": ", ":")}
        finally:
            self.queues.discard(queue)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    fanout = Fanout()
    app = Starlette(
        routes=[
            Route("/stream", fanout.stream),
            Route("/publish", fanout.publish, methods=["POST"]),
            Route("/healthz", lambda _request: PlainTextResponse("ok")),
        ]
    )
    uvicorn.run(
        app,
        port=parser.parse_args().port,
        loop="uvloop",
        http="httptools",
        log_level="error",
        backlog=4096,
        access_log=False,
    )


if __name__ == "__main__":
    main()
