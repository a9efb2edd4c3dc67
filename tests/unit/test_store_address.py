"""The address of a ClickHouse server: what is in it, and what of it may be shown."""

from __future__ import annotations

import sys

import pytest

from livetally.errors import SettingInvalid
from livetally.store.events import EngineError, ServerEngine
from livetally.store.events.address import Address, read_address
from livetally.store.events.server import _usable_version


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "clickhouse://me:p%40ss%2F@db.example/livetally",
            Address("db.example", 8123, "me", "p@ss/", secure=False, cluster="", ca_cert=""),
        ),
        (
            "clickhouse://db:9001",
            Address("db", 9001, "default", "", secure=False, cluster="", ca_cert=""),
        ),
        (
            "clickhouses://me:x@[::1]/?cluster=tally&ca_cert=/etc/ca.pem",
            Address("::1", 8443, "me", "x", secure=True, cluster="tally", ca_cert="/etc/ca.pem"),
        ),
        (
            "clickhouse://db/livetally?secure=true",
            Address("db", 8443, "default", "", secure=True, cluster="", ca_cert=""),
        ),
    ],
)
def test_an_address_is_taken_apart(url: str, address: Address) -> None:
    """Ports are those of the scheme, names are decoded, the database may be left out."""
    assert read_address(url) == address


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://me:sesame@db/livetally", "can't be read"),
        ("clickhouse://me:sesame@/livetally", "can't be read"),
        ("clickhouse://me:sesame@db:port/livetally", "can't be read"),
        ("clickhouse://me:sesame@db/other", "names the database 'other'"),
        ("clickhouse://me:sesame@db/livetally?databse=x", "unknown parameter 'databse'"),
        ("clickhouse://me:sesame@db/livetally?secure=perhaps", "neither true nor false"),
    ],
)
def test_what_can_t_be_used_is_named_without_the_password(url: str, reason: str) -> None:
    """Nothing is guessed, nothing is ignored."""
    with pytest.raises(SettingInvalid, match=reason) as caught:
        read_address(url)
    assert "sesame" not in str(caught.value)


def test_an_address_shows_no_password() -> None:
    """Not in a trace either."""
    assert repr(read_address("clickhouse://me:sesame@db")) == "db:8123"


def test_a_missing_client_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra, because most stores are embedded."""
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)
    with pytest.raises(SettingInvalid, match=r"pip install 'livetally\[clickhouse\]'"):
        ServerEngine("clickhouse://db")


@pytest.mark.parametrize("version", ["24.8.14.10459", "25.2", "", "unknown"])
def test_an_old_server_is_refused_with_the_reason(version: str) -> None:
    """Before it stores anything in a way that it does not keep right."""
    with pytest.raises(EngineError, match=r"at least 25\.3 is needed"):
        _usable_version(version)


@pytest.mark.parametrize("version", ["25.3.1.1", "25.10.2.65 (official build)", "26.9.2.1"])
def test_a_new_server_is_taken(version: str) -> None:
    """Numbers are compared as numbers."""
    assert _usable_version(version) == version
