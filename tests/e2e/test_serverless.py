"""The Lambda handlers, called as Lambda does, in front of a real server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from livetally import serverless
from livetally.testing import Server
from tests.e2e.walls import SHOP


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a server with the shop."""
    with Server(definitions=[SHOP]) as running:
        yield running


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
