"""Connections to public addresses only, so that a definition can't reach into the inner network.

In the flow: gives ``fetch`` its HTTP client.
Guarantee: every connection goes to an address that was checked after the name was resolved; the
address checked is the one connected to. No answer leaves a cookie for a later request.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import anyio
import httpcore2
import httpx2

from livetally.sources.failures import SourceFailed

__all__ = ["client", "is_public"]

_CONNECTIONS_MAX = 20
# Mapped, compatible, translated, and of a NAT64 gateway: the last 32 bits are an IPv4 address.
_EMBEDDING = tuple(
    ipaddress.IPv6Network(text)
    for text in ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)


def is_public(address: str) -> bool:
    """Whether an address belongs to the public Internet."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _embedded(ip)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a translator or tunnel would send a packet on to.

    Source: RFC 4291 (2.5.5), RFC 6052 (2.1), RFC 3056 (2), RFC 2765 (2.1).
    """
    if ip.sixtofour is not None:
        return ip.sixtofour
    if any(ip in network for network in _EMBEDDING):
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return None


class _PublicOnly(httpcore2.AsyncNetworkBackend):
    """Resolves names itself, and connects to what it has checked."""

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(f"the name '{host}' can't be resolved") from error
        addresses = [str(entry[4][0]) for entry in found]
        refused = [address for address in addresses if not is_public(address)]
        if refused or not addresses:
            raise SourceFailed(
                f"'{host}' is {(refused or ['nowhere'])[0]}, which is no public address. To allow"
                f" addresses in your own network, set {self._setting}=true."
            )
        return await self._backend.connect_tcp(
            addresses[0], port, timeout, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


def client(
    *, allow_private: bool, version: str, setting: str = "LIVETALLY_SOURCES_ALLOW_PRIVATE"
) -> httpx2.AsyncClient:
    """Return the client that fetches; close it when done. It follows no redirect by itself.

    Args:
        allow_private: whether it may connect to addresses that are not public.
        version: what it calls itself.
        setting: what would allow it, for the error.
    """
    limits = httpx2.Limits(max_connections=_CONNECTIONS_MAX)
    transport = httpx2.AsyncHTTPTransport(limits=limits, trust_env=False)
    if not allow_private:
        transport._pool._network_backend = _PublicOnly(setting)  # noqa: SLF001 - it takes none
    return httpx2.AsyncClient(
        transport=transport,
        # The sources of all teams share the client: a cookie of one would be sent for another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        headers={"User-Agent": f"livetally/{version}", "Accept": "application/json"},
        trust_env=False,
    )
