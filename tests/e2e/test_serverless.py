"""The API apart from the store: handlers called as Lambda does, and processes of an ASGI server."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from livetally import serverless
from livetally.testing import Server
from tests.e2e.walls import SHOP
from tests.waiting import until


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a server with the shop."""
    with Server(definitions=[SHOP]) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _loop() -> Iterator[None]:
    """Close the event loop of this thread: Lambda's adapter takes one, and leaves it open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(autouse=True)
def _address(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Name the server as a function's environment does."""
    serverless._function.cache_clear()
    monkeypatch.setenv("LIVETALLY_URL", server.url)
    yield
    serverless._function.cache_clear()


def call(
    handler: Any, method: str, path: str, key: str, body: str = "", **headers: str
) -> tuple[int, Any]:
    """Call a handler with a request of API Gateway (format 2.0); return status and answer."""
    path, _, query = path.partition("?")
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
            **headers,
        },
        "requestContext": {
            "domainName": "x",
            "http": {"method": method, "path": path, "sourceIp": "127.0.0.1"},
        },
        "body": body,
        "isBase64Encoded": False,
    }
    reply = handler(event, None)
    text = reply["body"]
    if reply.get("isBase64Encoded"):
        text = base64.b64decode(text).decode()
    return reply["statusCode"], json.loads(text)


def test_what_one_function_takes_the_other_answers(server: Server) -> None:
    """An event goes in by the one, its number comes out by the other."""
    event = json.dumps(
        {"type": "add_revenue", "id": "1", "subject": "ada", "data": {"value": 12.5}}
    )
    status, receipt = call(serverless.ingest, "POST", "/v1/events", server.key, event)
    assert (status, receipt["stored"]) == (200, 1)
    status, answer = call(serverless.queries, "GET", "/v1/metrics/revenue?by=subject", server.key)
    assert (status, answer["rows"]) == (200, [{"subject": "ada", "value": 12.5}])
    status, user = call(serverless.queries, "GET", "/v1/entities/user/ada", server.key)
    assert (status, user["fields"]["revenue"]) == (200, 12.5)


def test_each_lets_its_own_kind_through_only(server: Server) -> None:
    """Neither gives the other's, nor anything of an administrator; streams are refused."""
    key = server.key
    assert call(serverless.ingest, "GET", "/v1/metrics/revenue", key)[0] == 404
    assert call(serverless.queries, "POST", "/v1/events", key, "{}")[0] == 404
    for handler in (serverless.ingest, serverless.queries):
        assert call(handler, "GET", "/v1/keys", key)[0] == 404
        assert call(handler, "POST", "/v1/keys", key, "{}")[0] == 404
    assert call(serverless.queries, "GET", "/v1/metrics/../keys", key)[0] == 404
    path = "/v1/metrics/revenue"
    assert call(serverless.queries, "GET", path, key, accept="text/event-stream")[0] == 406


def test_what_the_server_says_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong key and a mistake are the server's answers; a server that is gone is a 503."""
    assert call(serverless.queries, "GET", "/v1/metrics/revenue", "lt_nobody")[0] == 401
    assert call(serverless.queries, "GET", "/v1/metrics/revenu", server.key)[0] == 404
    serverless._function.cache_clear()
    monkeypatch.setenv("LIVETALLY_URL", "http://127.0.0.1:9")
    status, problem = call(serverless.ingest, "POST", "/v1/events", server.key, "{}")
    assert (status, problem["detail"]) == (503, "The server can't be reached; send it again.")


@contextmanager
def api_process(store: str) -> Iterator[httpx2.Client]:
    """Run the API as a process of its own; return a client of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "uvicorn", "livetally.serverless:api", "--port", port]
    env = {**os.environ, "LIVETALLY_URL": store}
    with (
        subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client,
    ):

        def is_up() -> bool:
            try:
                return client.get("/v1/keys").status_code == 404
            except httpx2.TransportError:
                return False

        try:
            until(is_up, "the process to listen", 30)
            yield client
        finally:
            process.terminate()
            process.wait(20)


def one_message(lines: Iterator[str]) -> tuple[str, str, Any]:
    """Return event, id and data of the next message of a stream that has data."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, text = line.partition(":")
        found[name] = text.strip()
        if not line and "data" in found:
            return found["event"], found.get("id", ""), json.loads(found["data"])
    raise AssertionError("the stream has ended")


def payment(name: str) -> dict[str, Any]:
    """Return an event of ten."""
    return {"type": "add_revenue", "id": name, "subject": "bo", "data": {"value": 10}}


def test_api_and_store_in_processes_of_their_own() -> None:
    """What one API process takes, another one answers, live too, and the store may be killed."""
    path = "/v1/metrics/revenue?by=subject"
    with (
        Server(definitions=[SHOP]) as store,
        api_process(store.url) as first,
        api_process(store.url) as second,
    ):
        key = {"Authorization": f"Bearer {store.key}"}
        assert first.post("/v1/events", json=payment("1"), headers=key).json()["stored"] == 1
        assert second.get(path, headers=key).json()["rows"] == [{"subject": "bo", "value": 10}]
        live = {**key, "Accept": "text/event-stream"}
        with second.stream("GET", path, headers=live) as stream:
            lines = stream.iter_lines()
            kind, _, data = one_message(lines)
            assert (kind, data["rows"]) == ("snapshot", [{"subject": "bo", "value": 10}])
            first.post("/v1/events", json=payment("2"), headers=key)
            kind, last, data = one_message(lines)
            assert (kind, data["rows"]) == ("update", [{"subject": "bo", "value": 20}])
            store.kill()
            for _ in lines:  # it ends with its server, in order
                pass
        refused = first.post("/v1/events", json=payment("3"), headers=key)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert second.get(path, headers=live).status_code == 503
        store.start()
        assert first.post("/v1/events", json=payment("3"), headers=key).json()["stored"] == 1
        with first.stream("GET", path, headers={**live, "Last-Event-ID": last}) as stream:
            kind, _, data = one_message(stream.iter_lines())
            assert (kind, data["rows"]) == ("update", [{"subject": "bo", "value": 30}])
        assert first.get("/v1/keys", headers=key).status_code == 404
