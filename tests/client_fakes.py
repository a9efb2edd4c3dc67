"""A server in memory that counts each event once and misbehaves as a test tells it to.

In the flow: stands behind the client instead of the network.
Guarantee: what it has stored is exactly what a real server would have on disk, also for the answers
that it then loses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec

from livetally.client import Retry

__all__ = ["AT_ONCE", "FakeServer", "Step", "busy", "drop_after", "drop_before", "problem", "take"]

AT_ONCE = Retry(first_s=0.0, most_s=0.0)
"""Retries without a wait of their own."""

Step = Callable[["FakeServer", httpx2.Request], httpx2.Response]


@dataclass
class FakeServer:
    """Answers ``script`` step by step, and then takes everything."""

    script: list[Step] = field(default_factory=list)
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent_ids: list[list[str]] = field(default_factory=list)
    requests: list[httpx2.Request] = field(default_factory=list)
    refuses: Callable[[dict[str, Any]], str | None] = lambda _event: None
    lines_max: int = 1_000_000
    listed_max: int = 1_000

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        self.requests.append(request)
        step = self.script.pop(0) if self.script else take
        return step(self, request)

    @property
    def transport(self) -> httpx2.MockTransport:
        """The way to it, for a sync or an async client."""
        return httpx2.MockTransport(self)


def take(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """Store the events of a request as the real server does."""
    events = [msgspec.json.decode(line) for line in request.content.splitlines()]
    server.sent_ids.append([event["id"] for event in events])
    if len(events) > server.lines_max:
        return problem(413, "Body too large", "The body is longer than it may be.")
    rejected, conflicts, stored, duplicates = [], [], 0, 0
    for index, event in enumerate(events):
        if error := server.refuses(event):
            rejected.append({"index": index, "field": "data", "error": error})
        elif event["id"] not in server.stored:
            server.stored[event["id"]] = event
            stored += 1
        elif server.stored[event["id"]] == event:
            duplicates += 1
        else:
            conflicts.append({"index": index, "error": "conflict"})
    body = {
        "position": len(server.requests),
        "stored": stored,
        "duplicates": duplicates,
        "rejected": rejected[: server.listed_max],
        "conflicts": conflicts[: server.listed_max],
    }
    if len(conflicts) > server.listed_max:
        body["conflicts_total"] = len(conflicts)
    if len(rejected) > server.listed_max:
        body["rejected_total"] = len(rejected)
    if rejected and not stored and not duplicates:
        return problem(422, "Not storable", "Not one event could be stored.", **body)
    return httpx2.Response(200, json=body)


def drop_before(_server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """Lose the connection before anything was stored."""
    raise httpx2.ConnectError("[Errno 111] Connection refused", request=request)


def drop_after(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """Store everything, then lose the answer."""
    take(server, request)
    raise httpx2.ReadError("connection reset", request=request)


def busy(status: int = 503, **headers: str) -> Step:
    """Return a step that stores nothing and says so."""

    def step(_server: FakeServer, _request: httpx2.Request) -> httpx2.Response:
        title = {503: "Overloaded", 429: "Quota used up"}.get(status, "Server error")
        answer = problem(status, title, "Not now.")
        answer.headers.update({name.replace("_", "-"): text for name, text in headers.items()})
        return answer

    return step


def problem(status: int, title: str, detail: str, **members: Any) -> httpx2.Response:
    """Return problem details."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return httpx2.Response(
        status,
        content=msgspec.json.encode(body),
        headers={"Content-Type": "application/problem+json"},
    )


def answering(bodies: Iterable[bytes]) -> list[Step]:
    """Return steps that answer 200 with these bodies, one after the other."""

    def step(body: bytes) -> Step:
        return lambda _server, _request: httpx2.Response(200, content=body)

    return [step(body) for body in bodies]
