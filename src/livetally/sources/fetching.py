"""One page: asked for, with retries, read up to its bound, decoded.

In the flow: called by ``pull`` for each page.
Guarantee: what is returned is JSON of at most ``bytes_max`` bytes, or nothing where there is none;
every other answer is a ``SourceFailed`` that says what came instead; a source that asks to wait is
waited for, and one that is slow for no longer than ``timeout_s``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import anyio
import httpx2
import stamina

from livetally.errors import UnreadableBody
from livetally.mapping import decode_payload
from livetally.sources.failures import SourceFailed, TryAgain
from livetally.sources.paging import Request

__all__ = ["Page", "Patience", "fetch_page", "same_origin"]

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_SHOWN = 60
_REDIRECTS_MAX = 5
_PORTS = {"http": 80, "https": 443}


class Patience(NamedTuple):
    """How often one page is tried, and the seconds between: the first, and the longest."""

    attempts: int = 4
    wait_s: float = 1.0
    wait_s_max: float = 60.0


class Page(NamedTuple):
    """An answer: what it says, and its headers; an unchanged or empty one has no payload."""

    payload: Any
    headers: Mapping[str, str]
    url: str
    unchanged: bool = False
    empty: bool = False


async def fetch_page(
    http: httpx2.AsyncClient,
    request: Request,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    bytes_max: int,
    now_us: Callable[[], int],
    patience: Patience,
) -> Page:
    """Fetch one page.

    Raises:
        SourceFailed: it can't be had, or is no JSON.
    """
    again_s: Callable[[Exception], bool | float] = lambda error: _again(error, patience)  # noqa: E731 - typed
    attempts = stamina.retry_context(
        on=again_s,
        attempts=patience.attempts,
        timeout=None,
        wait_initial=patience.wait_s,
        wait_max=patience.wait_s_max,
        wait_jitter=patience.wait_s,
    )
    async for attempt in attempts:
        with attempt:
            return await _once(http, request, headers, timeout_s, bytes_max, now_us)
    raise AssertionError("the last attempt returns or raises")


def _again(error: Exception, patience: Patience) -> bool | float:
    """Say whether to try again, and when the source has said after how long."""
    if not isinstance(error, TryAgain):
        return False
    if error.retry_after_s is None:
        return True
    return error.retry_after_s if error.retry_after_s <= patience.wait_s_max else False


async def _once(
    http: httpx2.AsyncClient,
    request: Request,
    headers: Mapping[str, str],
    timeout_s: float,
    bytes_max: int,
    now_us: Callable[[], int],
) -> Page:
    shown = request.url.partition("?")[0]
    try:
        asked = http.build_request(
            "GET", _address(request), headers=dict(headers), timeout=timeout_s
        )
        # The client's own bound is one for each read: a source that drips would hold it for ever.
        with anyio.fail_after(timeout_s):
            async with aclosing(await _answer(http, asked, headers)) as response:
                if response.status_code == HTTPStatus.NOT_MODIFIED:
                    return Page(None, response.headers, str(response.url), unchanged=True)
                _require_success(response, shown, now_us)
                body = await _body(response, shown, bytes_max)
    except httpx2.TooManyRedirects:
        raise SourceFailed(f"{shown} redirects without end.") from None
    except (httpx2.TimeoutException, TimeoutError):
        raise TryAgain(f"{shown} did not answer within {timeout_s:g} s.") from None
    except httpx2.TransportError as error:
        raise TryAgain(f"{shown} can't be reached: {str(error) or type(error).__name__}.") from None
    except httpx2.DecodingError as error:
        raise SourceFailed(f"{shown} answered a body that can't be unpacked: {error}.") from None
    except httpx2.InvalidURL as error:
        raise SourceFailed(f"{shown} leads to no address: {error}.") from None
    if response.status_code == HTTPStatus.NO_CONTENT:
        return Page(None, response.headers, str(response.url), empty=True)
    try:
        payload = decode_payload(body)
    except UnreadableBody as error:
        raise SourceFailed(_no_json(shown, response, body, error.message)) from None
    return Page(payload, response.headers, str(response.url))


async def _answer(
    http: httpx2.AsyncClient, request: httpx2.Request, headers: Mapping[str, str]
) -> httpx2.Response:
    """Return the answer that a request leads to; the source's ``headers`` stay with its origin.

    Any of them may hold a secret; the client by itself keeps back ``Authorization`` only.
    """
    for _ in range(_REDIRECTS_MAX + 1):
        response = await http.send(request, stream=True, follow_redirects=False)
        following = response.next_request
        if following is None:
            return response
        await response.aclose()
        if _origin(following.url) != _origin(request.url):
            for name in headers:
                following.headers.pop(name, None)
        request = following
    raise httpx2.TooManyRedirects("", request=request)


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses have scheme, host and port in common; a text that is none has not."""
    try:
        return _origin(httpx2.URL(one)) == _origin(httpx2.URL(other))
    except httpx2.InvalidURL:
        return False


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def _address(request: Request) -> httpx2.URL:
    """Return the address; what it says in its own query stays, unless it is said anew."""
    return httpx2.URL(request.url).copy_merge_params(request.query)


def _require_success(response: httpx2.Response, shown: str, now_us: Callable[[], int]) -> None:
    status = response.status_code
    if response.is_success:
        return
    told = f"{shown} answered {status} {response.reason_phrase}".rstrip() + "."
    if status in _AGAIN:
        raise TryAgain(told, _retry_after_s(response.headers.get("retry-after"), now_us()))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        told += " Are the headers right, and is their variable set where the source is fetched?"
    raise SourceFailed(told)


def _retry_after_s(text: str | None, now_us: int) -> float | None:
    """Read ``Retry-After``: seconds, or a date.

    Source: RFC 9110, section 10.2.3.
    """
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.fromtimestamp(now_us / 1e6, UTC)).total_seconds())


async def _body(response: httpx2.Response, shown: str, bytes_max: int) -> bytes:
    """Read a body, never beyond its bound."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > bytes_max:
            raise SourceFailed(f"{shown} answered more than {bytes_max:,} bytes (bytes_max).")
        pieces.append(piece)
    return b"".join(pieces)


def _no_json(shown: str, response: httpx2.Response, body: bytes, reason: str) -> str:
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    begin = body[:_SHOWN].decode("utf-8", "replace").strip()
    if kind == "text/html" or begin.lower().startswith(("<!doctype", "<html")):
        return f"{shown} answered an HTML page where JSON was expected."
    what = f" ({kind})" if kind else ""
    return f"{shown} answered no JSON{what}: {reason.removeprefix('The body is not JSON: ')}"
