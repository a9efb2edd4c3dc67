"""Spans reach a collector: what a request did, in its sender's trace, and nothing that it sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from livetally.testing import Server
from livetally.testing.server import ServerFailed
from tests.e2e.walls import SHOP, talk
from tests.waiting import until

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector:
    """Keeps the bodies that it is sent."""

    def __init__(self) -> None:
        """Start with none."""
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()

    @property
    def spans(self) -> list[Span]:
        """Every span that came."""
        return [
            one
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for one in scope.spans
        ]

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name."""
        return [one for one in self.spans if one.name == name]


@contextmanager
def collecting() -> Iterator[tuple[str, Collector]]:
    """Run a collector; return its address and what it keeps."""
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.paths.add(self.path)
            kept.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", kept
        finally:
            server.shutdown()
            thread.join()


def test_spans_tell_what_a_request_did(tmp_path: Path) -> None:
    """A question is below its request, which is below its sender; a commit has its position."""
    with collecting() as (address, kept):
        env = {"LIVETALLY_TRACES": address, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        with Server(definitions=[SHOP], env=env) as server, talk(server, server.key) as client:
            event = {"type": "sale", "subject": "hush-hush", "data": {"note": "hush-hush"}}
            assert client.post("/v1/events", json=event).status_code == 200
            parent = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
            path = "/v1/events?subject=hush-hush&limit=1"
            assert client.get(path, headers=parent).status_code == 200
            until(lambda: kept.named("question"), "the spans to come")
            assert client.get("/v1/entities/hush-hush").status_code == 404
            until(lambda: len(kept.named("question")) == 2, "the failed question")
        [asked] = kept.named("GET events")
        assert asked.trace_id.hex() == TRACE
        assert asked.parent_span_id.hex() == "b7ad6b7169203331"
        assert asked.kind == Span.SPAN_KIND_SERVER
        told = {one.key: one.value for one in asked.attributes}
        assert told["http.response.status_code"].int_value == 200
        below = [one for one in kept.named("question") if one.parent_span_id == asked.span_id]
        assert len(below) == 1
        assert below[0].trace_id == asked.trace_id
        failed = [one.status.message for one in kept.named("question") if one.status.code == 2]
        assert failed == ["UnknownName"]
        [committed] = kept.named("commit")
        told = {one.key: one.value for one in committed.attributes}
        assert told["livetally.position"].int_value == 1
        assert kept.paths == {"/v1/traces"}
        assert all(b"hush-hush" not in body for body in kept.bodies)
        assert all(server.key.encode() not in body for body in kept.bodies)


def test_a_collector_that_is_away_costs_nothing_but_spans() -> None:
    """The server answers as before, and stops in time."""
    env = {"LIVETALLY_TRACES": "http://127.0.0.1:9", "OTEL_BSP_EXPORT_TIMEOUT": "500"}
    with Server(env=env) as server, talk(server, server.key) as client:
        for _ in range(20):
            assert client.post("/v1/events", json={"type": "x"}).status_code == 200
        assert server.stop() == 0


def test_an_address_that_is_none_stops_the_start() -> None:
    """It is told which setting, and what it should be."""
    server = Server(env={"LIVETALLY_TRACES": "collector:4318"})
    with pytest.raises(ServerFailed, match="LIVETALLY_TRACES must be an address"), server:
        pass
