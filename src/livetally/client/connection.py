"""Where the server is and how to talk to it: the one place of the client that knows httpx2.

In the flow: opened by the sync and the async client, makes the calls of ``exchange``.
Guarantee: a failure of the network is an outcome and not an exception; the key is in a header of
every request and nowhere else: not in an address, a message or a representation.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2

from livetally.client.exchange import Call, Lost, Reply
from livetally.errors import BadInput, LivetallyError

__all__ = ["Address", "AsyncConnection", "SyncConnection"]

_CONNECT_S = 5.0
# Three heartbeats of the server: a stream that is silent for longer is dead.
_SILENCE_S = 45.0
_AGENT = "livetally-client"
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")


class Address(NamedTuple):
    """A server and who asks: ``key`` and ``team`` may be None."""

    url: str
    key: str | None
    team: str | None
    timeout_s: float

    def __repr__(self) -> str:
        """Show where, not who."""
        return f"Address({self.url!r})"

    def checked(self) -> Address:
        """Return the address without a slash at its end.

        Raises:
            BadInput: the URL is none of http or https, or the key or the team can't stand in a
                header.
        """
        if not _is_usable(self.url):
            raise BadInput("url", "must be like http://127.0.0.1:8080")
        if self.key is not None and not (self.key.isascii() and self.key.isprintable()):
            raise BadInput("key", "holds characters that no key has")
        if self.team is not None and not (self.team.isascii() and self.team.isprintable()):
            raise BadInput("team", "holds characters that no team's name has")
        return self._replace(url=self.url.rstrip("/"))

    def options(self) -> dict[str, Any]:
        """Return the options of an httpx2 client."""
        headers = {"User-Agent": _AGENT}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if self.team:
            headers["X-Livetally-Team"] = self.team
        return {
            "base_url": self.url,
            "headers": headers,
            "timeout": httpx2.Timeout(self.timeout_s, connect=min(_CONNECT_S, self.timeout_s)),
            # A proxy of the environment can't reach this machine's own addresses.
            "trust_env": not _is_this_machine(urlsplit(self.url).hostname or ""),
        }


class SyncConnection:
    """Calls that block. Safe to use from several threads."""

    def __init__(self, address: Address, transport: httpx2.BaseTransport | None = None) -> None:
        """Connect when first called; ``transport`` replaces the network in tests."""
        self._url = address.url
        self._http = httpx2.Client(**address.options(), transport=transport)

    def call(self, call: Call) -> Reply | Lost:
        """Make a call; return the whole answer, or why there is none.

        Raises:
            LivetallyError: the client is closed.
        """
        self._require_open()
        try:
            with self._http.stream(**_request(call)) as response:
                return Reply(response.status_code, _headers(response), response.read())
        except httpx2.RequestError as error:
            return _lost(self._url, error)

    @contextmanager
    def stream(self, call: Call) -> Iterator[tuple[Reply, Iterator[bytes]]]:
        """Open a stream: the answer, and its bytes; a refusal has a body and no bytes.

        Raises:
            httpx2.RequestError: also while the bytes are read; ``lost`` makes it an outcome.
            LivetallyError: the client is closed.
        """
        self._require_open()
        with self._http.stream(**_request(call), timeout=_stream_timeout()) as response:
            refused = not response.is_success
            body = response.read() if refused else b""
            reply = Reply(response.status_code, _headers(response), body)
            yield reply, iter(()) if refused else response.iter_bytes()

    def lost(self, error: Exception | None) -> Lost:
        """Say why a stream has ended; None: the server ended it."""
        return _lost(self._url, error)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _require_open(self) -> None:
        if self._http.is_closed:
            raise LivetallyError("The client is closed.")


class AsyncConnection:
    """Calls that are awaited."""

    def __init__(
        self, address: Address, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        """Connect when first called; ``transport`` replaces the network in tests."""
        self._url = address.url
        self._http = httpx2.AsyncClient(**address.options(), transport=transport)

    async def call(self, call: Call) -> Reply | Lost:
        """Make a call as ``SyncConnection.call``. Cancel-safe."""
        self.require_open()
        try:
            async with self._http.stream(**_request(call)) as response:
                return Reply(response.status_code, _headers(response), await response.aread())
        except httpx2.RequestError as error:
            return _lost(self._url, error)

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """Open a stream; see ``SyncConnection.stream``."""
        self.require_open()
        async with self._http.stream(**_request(call), timeout=_stream_timeout()) as response:
            refused = not response.is_success
            body = await response.aread() if refused else b""
            reply = Reply(response.status_code, _headers(response), body)
            yield reply, _nothing() if refused else response.aiter_bytes()

    def lost(self, error: Exception | None) -> Lost:
        """Say why a stream has ended; None: the server ended it."""
        return _lost(self._url, error)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def require_open(self) -> None:
        """Do nothing before ``close``.

        Raises:
            LivetallyError: the client is closed.
        """
        if self._http.is_closed:
            raise LivetallyError("The client is closed.")


async def _nothing() -> AsyncIterator[bytes]:
    none: tuple[bytes, ...] = ()
    for piece in none:
        yield piece


def _request(call: Call) -> dict[str, Any]:
    return {
        "method": call.method,
        "url": call.path,
        "params": list(call.params),
        "headers": dict(call.headers),
        "content": call.body,
    }


def _headers(response: httpx2.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _lost(url: str, error: Exception | None) -> Lost:
    match error:
        case None:
            reason = "the server ended the stream"
        case httpx2.ConnectTimeout():
            reason = "no answer to the attempt to connect"
        case httpx2.TimeoutException():
            reason = "no answer in time"
        case httpx2.ConnectError():
            reason = _NUMBER.sub("", str(error)).lower() or "no connection"
        case _:
            reason = str(error) or type(error).__name__
    return Lost(url, reason.rstrip("."))


def _stream_timeout() -> httpx2.Timeout:
    return httpx2.Timeout(_SILENCE_S, connect=_CONNECT_S)


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Each of these finds faults of its own: brackets, the port, other characters.
        _ = parts.port, httpx2.URL(url)
    except (ValueError, httpx2.InvalidURL):
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
