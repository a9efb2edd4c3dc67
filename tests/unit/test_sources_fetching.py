"""Where a page's request goes when the source redirects it, and what goes with it.

In the flow: calls ``sources.fetching`` with answers that are made up.
Guarantee: no header of a source reaches another origin, and no redirect an address inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import httpcore2
import httpx2
import pytest

from livetally.sources import network
from livetally.sources.failures import SourceFailed
from livetally.sources.fetching import Page, Patience, fetch_page
from livetally.sources.paging import Request

HEADERS = {"X-Api-Key": "hidden", "Authorization": "Bearer hidden", "Accept": "text/plain"}
OURS = "https://one.example/records"


def fetched(http: httpx2.AsyncClient, url: str) -> Page:
    """Fetch a page, without waiting between tries."""

    async def fetch() -> Page:
        async with http:
            return await fetch_page(
                http,
                Request(url, {}),
                HEADERS,
                timeout_s=5,
                bytes_max=1_000,
                now_us=lambda: 0,
                patience=Patience(1, 0, 0),
            )

    return anyio.run(fetch)


def leading(places: dict[str, str]) -> tuple[list[httpx2.Request], httpx2.AsyncClient]:
    """Return a client whose answers lead from each place to the next, and what it was asked."""
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        following = places.get(str(request.url))
        if following is None:
            return httpx2.Response(200, json=[1])
        return httpx2.Response(302, headers={"Location": following})

    return asked, httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


@pytest.mark.parametrize(
    "elsewhere",
    ["https://two.example/", "http://one.example/", "https://one.example:8443/", "//two.example/"],
)
def test_a_sources_headers_stay_with_its_origin(elsewhere: str) -> None:
    """Another host, port or scheme gets none of them, and no later one either."""
    back = str(httpx2.URL(OURS).join(elsewhere))
    asked, http = leading({OURS: elsewhere, back: "https://three.example/"})
    assert fetched(http, OURS).payload == [1]
    assert len(asked) == 3
    for name, value in HEADERS.items():
        assert asked[0].headers[name] == value
        assert all(request.headers.get(name) != value for request in asked[1:])


def test_within_its_origin_a_redirect_keeps_the_headers() -> None:
    """A source that only moves a page goes on working."""
    asked, http = leading({OURS: "/moved"})
    page = fetched(http, OURS)
    assert page.url == "https://one.example/moved"
    assert asked[1].headers["X-Api-Key"] == "hidden"


def test_a_circle_of_redirects_ends() -> None:
    """After five of them the source is told to be wrong."""
    asked, http = leading({OURS: OURS})
    with pytest.raises(SourceFailed, match="redirects without end"):
        fetched(http, OURS)
    assert len(asked) == 6


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "[::1]", "[::ffff:192.168.0.1]"]
)
def test_a_public_address_cant_lead_inside(inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a public server says is not followed to an address that may not be asked directly."""
    http, opened = _from_the_internet(monkeypatch, f"http://{inside}/latest/meta-data/")
    with pytest.raises(SourceFailed, match="no public address"):
        fetched(http, "http://93.184.215.14/records")
    assert opened == ["93.184.215.14"]


def test_a_public_address_may_lead_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answer to a public place is followed: the test above can fail."""
    http, opened = _from_the_internet(monkeypatch, "http://93.184.215.15/")
    with pytest.raises(SourceFailed, match="redirects without end"):
        fetched(http, "http://93.184.215.14/records")
    assert opened[:2] == ["93.184.215.14", "93.184.215.15"]


def _from_the_internet(
    monkeypatch: pytest.MonkeyPatch, location: str
) -> tuple[httpx2.AsyncClient, list[str]]:
    """Return the real client on a network where each server answers a redirect; who was asked."""
    answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    opened: list[str] = []

    class Network(httpcore2.AsyncMockBackend):
        async def connect_tcp(self, host: str, *rest: Any, **more: Any) -> Any:
            opened.append(host)
            return await super().connect_tcp(host, *rest, **more)

    made: Callable[[], httpcore2.AsyncNetworkBackend] = lambda: Network([answer])  # noqa: E731
    monkeypatch.setattr(httpcore2, "AnyIOBackend", made)
    return network.client(allow_private=False, version="test"), opened
