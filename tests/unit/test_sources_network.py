"""Which addresses sources and webhooks may connect to: those of the public Internet."""

from __future__ import annotations

import pytest

from livetally.sources.network import is_public


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "2606:4700::1111", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1"],
)
def test_public(address: str) -> None:
    """Also one that leads to a public IPv4 address."""
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.0.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "nonsense", ""),  # noqa: S104
        *("::1", "::", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1"),
        *("::ffff:10.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1"),
        *("64:ff9b::a00:1", "2002:a00:1::"),
    ],
)
def test_not_public(address: str) -> None:
    """Loopback, private, link-local, shared; and IPv6 addresses that lead to one of those."""
    assert not is_public(address)
