"""Where a page's request goes when the source redirects it, what goes with it, and what comes.

In the flow: calls ``sources.fetching`` with answers that are made up.
Guarantee: no header of a source reaches another origin, and no redirect an address inside; whatever
comes, a request ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import httpcore2
import httpx2
import pytest

from livetally.sources import network
from livetally.sources.failures import SourceFailed, TryAgain
from livetally.sources.fetching import Page, Patience, fetch_page, same_origin
from livetally.sources.paging import Request

HEADERS = {"X-Api-Key": "hidden", "Authorization": "Bearer hidden", "Accept": "text/plain"}
OURS = "https://one.example/records"


def fetched(
    http: httpx2.AsyncClient, url: str, *, timeout_s: float = 5, bytes_max: int = 1_000
) -> Page:
    """Fetch a page, without waiting between tries."""

    async def fetch() -> Page:
        async with http:
            return await fetch_page(
                http,
                Request(url, {}),
                HEADERS,
                timeout_s=timeout_s,
                bytes_max=bytes_max,
                now_us=lambda: 0,
                patience=Patience(1, 0, 0),
            )

    return anyio.run(fetch)


def answered(*responses: bytes) -> httpx2.AsyncClient:
    """Return the client, on a network where what is asked gets these bytes."""
    http = network.client(allow_private=True, version="test")
    http._transport._pool._network_backend = httpcore2.AsyncMockBackend(list(responses))  # type: ignore[attr-defined]
    return http


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


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://one.example/a?b", "HTTPS://ONE.example:443/c", True),
        ("https://one.example/", "http://one.example/", False),
        ("https://one.example/", "https://one.example:8443/", False),
        ("https://one.example/", "https://two.example/", False),
        ("https://one.example/", "https://one.example.two.example/", False),
        ("https://one.example/", "https://one.example@two.example/", False),
        ("https://one.example/", "http://[", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, *, same: bool) -> None:
    """However it is spelt."""
    assert same_origin(one, other) is same


def test_a_body_that_cant_be_unpacked_is_told() -> None:
    """It is no defect of ours, and the same the next time."""
    head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n"
    with pytest.raises(SourceFailed, match="answered a body that can't be unpacked") as failed:
        fetched(answered(head.encode(), b"[]"), OURS.replace("https", "http"))
    assert type(failed.value) is SourceFailed


def test_an_answer_without_content_is_empty() -> None:
    """204 is an answer, and no JSON is expected of it."""
    page = fetched(answered(b"HTTP/1.1 204 No Content\r\n\r\n"), OURS.replace("https", "http"))
    assert (page.payload, page.empty, page.unchanged) == (None, True, False)


def test_a_request_is_bounded_as_a_whole() -> None:
    """A source that never stops sending a little holds a run no longer than a silent one."""

    async def drip() -> AsyncIterator[bytes]:
        while True:
            await anyio.lowlevel.checkpoint()
            yield b" "

    answer: Callable[[httpx2.Request], httpx2.Response]
    answer = lambda _: httpx2.Response(200, content=drip())  # noqa: E731 - typed
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    with pytest.raises(TryAgain, match=r"did not answer within 0\.1 s"):
        fetched(http, OURS, timeout_s=0.1, bytes_max=1_000_000)


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
