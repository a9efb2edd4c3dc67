"""The whole interface under requests that a machine made up from its own description.

In the flow: schemathesis reads ``openapi`` and sends what it allows, and what it does not.
Guarantee: whatever is sent, no route fails by itself or answers with a status that is not written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from livetally.api.openapi import openapi
from livetally.testing import Server
from tests.e2e.walls import SHOP

EXAMPLES = 12
# Changes that would take the other tests' definitions or key away are made with made-up names only.
ENV = {"LIVETALLY_FAILED_KEYS_PER_MINUTE": "1000000", "LIVETALLY_BODY_BYTES_MAX": "100000"}


@schemathesis.serializer("application/x-ndjson", "application/toml")
def as_it_stands(_context: schemathesis.SerializationContext, value: object) -> bytes:
    """Send a made-up text as the body."""
    return str(value).encode("utf-8", "replace")


schema = schemathesis.openapi.from_dict(openapi("0"))
# An open stream has no end that a test could wait for.
ASKED = schema.exclude(path="/v1/live")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a server."""
    with Server(definitions=[SHOP], env=ENV) as started:
        yield started


@ASKED.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_no_made_up_request_breaks_the_server(case: schemathesis.Case[Any], server: Server) -> None:
    """Requests by the rules and against them get a documented answer, never a 500."""
    headers = {"Authorization": f"Bearer {server.key}", "Accept": "application/json"}
    response = case.call(base_url=server.url, headers=headers, timeout=30)
    case.validate_response(response, checks=[not_a_server_error, status_code_conformance])


def test_the_log_has_no_trace(server: Server) -> None:
    """After all that, the server is there and has not logged one unexpected error."""
    assert httpx2.get(f"{server.url}/readyz", trust_env=False).json()["ready"] is True
    assert "unexpected error" not in server.log_text()
