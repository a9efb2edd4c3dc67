"""A request's headers as one mapping, made once.

In the flow: asked by ``auth`` and the routes that look at several headers.
Guarantee: names in small letters; of a header that is there twice, the first counts.

The framework's own mapping walks the list for each question, which is dear when there are six.
"""

from __future__ import annotations

from starlette.types import Scope

__all__ = ["headers_of"]

_KEPT = "livetally.request_headers"


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers of a request by name."""
    found: dict[str, str] | None = scope.get(_KEPT)
    if found is None:
        found = {}
        for name, value in scope["headers"]:
            found.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        scope[_KEPT] = found
    return found
