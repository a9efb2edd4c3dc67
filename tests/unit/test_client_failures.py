"""Problem details become the exceptions that the server raised."""

from __future__ import annotations

import msgspec
import pytest

from livetally import errors
from livetally.api.problem import problem_response
from livetally.client.failures import ApiError, failure_of

RAISED: list[errors.LivetallyError] = [
    errors.BadInput("limit", "must be a whole number from 1 to 100000"),
    errors.UnknownName("metric", "metric", "tapps", "taps"),
    errors.UnknownName("tz", "time zone", "Mars"),
    errors.UnreadableBody("The body is not JSON: it ends too early."),
    errors.UnsupportedMedia("Send JSON."),
    errors.NotAcceptable("There is text/csv."),
    errors.BodyTooLarge("The body is longer than 5 bytes."),
    errors.QueryTooLarge("Ask for less."),
    errors.Unauthenticated(None),
    errors.Forbidden("The key lacks the scope 'admin'."),
    errors.QuotaExceeded("100 questions in this hour.", 1234),
    errors.Overloaded(None, 3),
    errors.NotDurable(None),
    errors.StoreFailed(None),
    errors.InvalidDefinition(
        "the definition", (errors.DefinitionProblem(3, "metric.a", "is odd"),)
    ),
]


@pytest.mark.parametrize("raised", RAISED, ids=str)
def test_what_the_server_raises_is_raised_by_the_client(raised: errors.LivetallyError) -> None:
    """Class, message and members survive the way over HTTP; the status is in the cause."""
    response = problem_response(raised)
    headers = dict(response.headers)
    failure = failure_of(response.status_code, headers, bytes(response.body))
    assert type(failure) is type(raised)
    for name in ("field", "reason", "kind", "name", "nearest", "retry_after_s", "problems"):
        assert getattr(failure, name, None) == getattr(raised, name, None)
    if not isinstance(raised, errors.InvalidDefinition):
        assert failure.message == raised.message
    assert isinstance(failure.__cause__, ApiError)
    assert failure.__cause__.status == response.status_code


@pytest.mark.parametrize(
    "body", [b"<html>Bad gateway</html>", b"", b"\xff", b"[]", b"[" * 5_000], ids=repr
)
def test_an_answer_of_something_else_is_an_api_error(body: bytes) -> None:
    """What a proxy says in HTML is told by its status."""
    failure = failure_of(502, {}, body)
    assert isinstance(failure, ApiError)
    assert (failure.status, failure.problem) == (502, {})
    assert failure.message == "The server answered 502."


def test_members_of_a_problem_without_a_class_are_kept() -> None:
    """A problem that has no class of its own is told with its detail and every member."""
    body = msgspec.json.encode({"title": "Teapot", "detail": "Short and stout.", "handle": 1})
    failure = failure_of(418, {}, body)
    assert isinstance(failure, ApiError)
    assert failure.message == "Short and stout."
    assert failure.problem["handle"] == 1
