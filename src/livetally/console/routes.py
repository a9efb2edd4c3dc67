"""Answers for the console's page and files, with the headers that keep a browser within them.

In the flow: receives the ``AssetTree`` from ``assets.py``, hands Starlette routes to
``server/build.py``.
Guarantee: every answer carries the content security policy, so a page can load, send to and be
framed by nothing but this server, and can't run a script that is not a file.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from livetally.console.assets import Asset, AssetTree, load_tree

__all__ = ["CONTENT_SECURITY_POLICY", "routes"]

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

_GUARDS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    # The page's address holds what a person looks at; it is nobody else's business.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_REVALIDATE: Final = "no-cache"
_FOREVER: Final = "public, max-age=31536000, immutable"


def routes() -> list[BaseRoute]:
    """Build the routes ``/`` and ``/assets/...``; reads the files, so call it once at start.

    Returns:
        Routes for GET and HEAD that need no sign-in: the page asks for a key itself.
    """
    tree = load_tree()

    async def page(request: Request) -> Response:
        return _answer(request, tree.index, _REVALIDATE)

    async def asset(request: Request) -> Response:
        return _answer_path(request, tree, request.path_params["path"])

    return [
        Route("/", page, methods=["GET"], name="console"),
        Route("/assets/{path:path}", asset, methods=["GET"], name="console_asset"),
    ]


def _answer_path(request: Request, tree: AssetTree, path: str) -> Response:
    """Find ``path``, with or without the digest of the tree before it.

    A path with the digest of another version is not found: half of the old console and half of the
    new one would be worse than a page that must be loaded again.
    """
    digest, _, rest = path.partition("/")
    versioned = digest == tree.digest
    found = tree.files.get(rest if versioned else path)
    if found is None:
        return PlainTextResponse(
            "There is no such file in this version of the console. Load the page again.\n",
            status_code=404,
            headers=_GUARDS | {"Cache-Control": "no-store"},
        )
    return _answer(request, found, _FOREVER if versioned else _REVALIDATE)


def _answer(request: Request, asset: Asset, cache_control: str) -> Response:
    """Send the form of ``asset`` that the browser takes, or 304 when it has it already."""
    zipped = _takes_gzip(request.headers.get("accept-encoding", ""))
    etag = asset.etag_gzipped if zipped else asset.etag
    headers = _GUARDS | {"Cache-Control": cache_control, "ETag": etag, "Vary": "Accept-Encoding"}
    if _matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    body = asset.gzipped if zipped else asset.body
    return Response(body, headers=headers | {"Content-Type": asset.content_type})


def _takes_gzip(accept_encoding: str) -> bool:
    """Say whether the header allows gzip by name with a quality above zero.

    Source: RFC 9110, section 12.5.3.
    """
    for item in accept_encoding.split(","):
        coding, _, weight = item.replace(" ", "").lower().partition(";q=")
        if coding == "gzip":
            return weight.strip("0.") != "" if weight else True
    return False


def _matches(if_none_match: str, etag: str) -> bool:
    """Compare weakly, as a cache does. Source: RFC 9110, section 13.1.2."""
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in ("*", etag) for tag in tags)
