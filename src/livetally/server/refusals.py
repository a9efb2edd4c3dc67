"""Answers that are written before there is a request that a route could answer.

In the flow: written to the connection by ``reading`` and ``crowd``.
Guarantee: problem details like every other refusal's, with the same headers that guard a browser;
the connection ends with them.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from livetally.api.guard import completed
from livetally.api.problem import PROBLEM_TYPE

__all__ = ["refusal"]

_RETRY_AFTER_S = 1
_DETAILS = {
    HTTPStatus.BAD_REQUEST: "This is no HTTP request that can be understood in one way only.",
    HTTPStatus.REQUEST_TIMEOUT: "The request came too slowly; nothing of it is acknowledged.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The address and the headers are too long.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too many connections are open; nothing of this was read.",
}


def refusal(status: HTTPStatus, *, https: bool) -> bytes:
    """Return a whole answer of HTTP/1.1 that refuses, and says that the connection ends."""
    problem = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": _DETAILS[status],
    }
    body = msgspec.json.encode(problem)
    headers = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"%d" % _RETRY_AFTER_S))
    lines = [b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode())]
    scope = {"scheme": "https" if https else "http"}
    lines += [b"%s: %s\r\n" % line for line in completed(scope, headers)]
    return b"".join([*lines, b"\r\n", body])
