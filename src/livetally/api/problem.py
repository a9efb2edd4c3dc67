"""The only table from errors to HTTP answers (RFC 9457 problem details).

In the flow: every route's errors end here, whichever room raised them.
Guarantee: a client sees a title, a detail and what to do next; never a trace, a path or a secret.

Source: RFC 9457; RFC 9110, section 15; IETF draft "RateLimit header fields for HTTP" (its type of
problem).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import structlog
from starlette.responses import Response

from livetally import errors
from livetally.tenancy import without_secrets

__all__ = ["PROBLEM_TYPE", "problem_body", "problem_response", "status_of"]

PROBLEM_TYPE = "application/problem+json"

_log = structlog.get_logger("livetally.api")

# The first class that an error is an instance of decides.
_STATUS: tuple[tuple[type[errors.LivetallyError], int, str], ...] = (
    (errors.UnknownName, 404, "Not found"),
    (errors.BadInput, 400, "Bad request"),
    (errors.MethodNotAllowed, 405, "Method not allowed"),
    (errors.NotHere, 421, "Not here"),
    (errors.UnreadableBody, 400, "Unreadable body"),
    (errors.UnsupportedMedia, 415, "Unsupported media type"),
    (errors.NotAcceptable, 406, "Not acceptable"),
    (errors.BodyTooLarge, 413, "Body too large"),
    (errors.QueryTooLarge, 422, "Query too large"),
    (errors.Unauthenticated, 401, "Key needed"),
    (errors.Forbidden, 403, "Not allowed"),
    (errors.ForbiddenByState, 409, "Not possible now"),
    (errors.QuotaExceeded, 429, "Quota used up"),
    (errors.Overloaded, 503, "Overloaded"),
    (errors.NotCommitted, 500, "Server error"),
    (errors.NotDurable, 503, "Not durable"),
    (errors.StoreFailed, 503, "Store failed"),
)
_RETRY_AFTER_S = 1
_QUOTA_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"
_UNAVAILABLE = 503
# Names that are values of a parameter: what was asked exists, the parameter is wrong.
_PARAMETERS = frozenset({"tz", "interval"})
# Drivers name their files. An address, with "://" behind its scheme, is none.
_PATH = re.compile(
    r"""(?<![^\s'"(=])(?!\w+://)[^\s'"()/]*/[^\s'"()]*?(?=[.,:;]*(?:[\s'")]|$))""", re.ASCII
)


def status_of(error: errors.LivetallyError) -> tuple[int, str]:
    """Return the status and the title for an error."""
    if isinstance(error, errors.UnknownName) and error.field in _PARAMETERS:
        return 400, "Bad request"
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            return status, title
    return 500, "Server error"


def problem_body(error: errors.LivetallyError, **members: Any) -> dict[str, Any]:
    """Return the problem details of an error, with further ``members``."""
    status, title = status_of(error)
    message = error.told
    if isinstance(error, errors.ServerError):
        message = _PATH.sub("…", message)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": without_secrets(message),
    }
    if isinstance(error, errors.BadInput):
        body["field"] = without_secrets(error.field)
        body["reason"] = without_secrets(error.reason)
    if isinstance(error, errors.UnknownName) and error.nearest:
        body["nearest"] = error.nearest
    if isinstance(error, errors.QuotaExceeded) and error.policy is not None:
        body["type"] = _QUOTA_TYPE
        body["violated-policies"] = [error.policy]
    if isinstance(error, errors.InvalidDefinition):
        body["problems"] = [problem._asdict() for problem in error.problems]
    return body | members


def problem_response(error: Exception, **members: Any) -> Response:
    """Answer with the problem details of any error; what is not ours is logged and a 500."""
    if not isinstance(error, errors.LivetallyError):
        _log.error("unexpected error", exc_info=error)
        error = errors.ServerError("The server failed; its log says why.")
    if isinstance(error, errors.ServerError) and not isinstance(error, errors.Overloaded):
        _log.warning("request failed", error=error.message)
    body = problem_body(error, **members)
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, (errors.Overloaded, errors.QuotaExceeded)):
        headers["Retry-After"] = str(error.retry_after_s)
        headers |= getattr(error, "headers", {})
    elif body["status"] == _UNAVAILABLE:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    elif isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="livetally"'
    return Response(msgspec.json.encode(body), body["status"], headers, media_type=PROBLEM_TYPE)
