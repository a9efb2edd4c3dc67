"""The whole interface under requests that a machine made up from its own description.

In the flow: schemathesis reads ``openapi`` and sends what it allows, and what it does not.
Guarantee: whatever is sent, no route fails by itself or answers with a status, a type or a shape
that is not written; what the description forbids is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from livetally.api.openapi import openapi
from livetally.testing import Server
from tests.e2e.walls import SHOP

EXAMPLES = 12
WRONG_EXAMPLES = 25
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Changes that would take the other tests' definitions or key away are made with made-up names only.
ENV = {"LIVETALLY_FAILED_KEYS_PER_MINUTE": "1000000", "LIVETALLY_BODY_BYTES_MAX": "100000"}


@schemathesis.serializer("application/x-ndjson", "application/toml")
def as_it_stands(_context: schemathesis.SerializationContext, value: object) -> bytes:
    """Send a made-up text as the body."""
    return str(value).encode("utf-8", "replace")


def described(mode: GenerationMode | None = None) -> BaseSchema:
    """Return what is asked; an open stream has no end that a test could wait for."""
    schema = schemathesis.openapi.from_dict(openapi("0"))
    if mode is not None:
        schema.config.generation.update(modes=[mode])
    return schema.exclude(path="/v1/live")


ASKED = described()
ASKED_WRONGLY = described(GenerationMode.NEGATIVE)


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
    answered(case, server, CHECKS)


@ASKED_WRONGLY.parametrize()
@settings(
    max_examples=WRONG_EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_what_the_description_forbids_is_refused(
    case: schemathesis.Case[Any], server: Server
) -> None:
    """Each request breaks one rule of the description, and none of them is answered as if not."""
    answered(case, server, [*CHECKS, negative_data_rejection])


def answered(case: schemathesis.Case[Any], server: Server, checks: list[Any]) -> None:
    """Send a request, and check its answer."""
    headers = {"Authorization": f"Bearer {server.key}", "Accept": "application/json"}
    response = case.call(base_url=server.url, headers=headers, timeout=30)
    case.validate_response(response, checks=checks)


def test_the_log_has_no_trace(server: Server) -> None:
    """After all that, the server is there and has not logged one unexpected error."""
    assert httpx2.get(f"{server.url}/readyz", trust_env=False).json()["ready"] is True
    assert "unexpected error" not in server.log_text()
