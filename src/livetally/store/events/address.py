"""The address of a ClickHouse server, taken apart: nothing of it is guessed, nothing is ignored.

In the flow: read by ``server`` before it connects.
Guarantee: no message shows the address itself, because a password may be in it.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from livetally.errors import SettingInvalid

__all__ = ["Address", "read_address"]

_SCHEMES = {"clickhouse": False, "clickhouses": True}
_DATABASE = "livetally"
_PARAMETERS = ("secure", "cluster", "ca_cert")
_PORT, _PORT_SECURE = 8123, 8443
_FORM = "clickhouse://user:password@host:8123/livetally"


class Address(NamedTuple):
    """Where the server is, and as whom it is asked; ``ca_cert`` is a file, for TLS."""

    host: str
    port: int
    user: str
    password: str
    secure: bool
    cluster: str
    ca_cert: str

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"{self.host}:{self.port}"


def read_address(url: str) -> Address:
    """Take ``clickhouse://…`` or ``clickhouses://…`` apart.

    Raises:
        SettingInvalid: it is no such address; says which part can't be used.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _invalid(f"can't be read; it looks like {_FORM}") from None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise _invalid(f"can't be read; it looks like {_FORM}")
    database = unquote(parts.path.strip("/"))
    if database not in ("", _DATABASE):
        raise _invalid(
            f"names the database '{database[:60]}'; the events are always in '{_DATABASE}', so"
            " another store needs another server"
        )
    asked = _parameters(parts)
    secure = _SCHEMES[parts.scheme] or _flag(asked.get("secure", "false"))
    return Address(
        host=parts.hostname,
        port=port or (_PORT_SECURE if secure else _PORT),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        secure=secure,
        cluster=asked.get("cluster", ""),
        ca_cert=asked.get("ca_cert", ""),
    )


def _parameters(parts: SplitResult) -> dict[str, str]:
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in asked:
        if name not in _PARAMETERS:
            raise _invalid(f"has the unknown parameter '{name[:60]}'")
    return asked


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise _invalid("has a 'secure' that is neither true nor false")
    return text.lower() in ("true", "1")


def _invalid(reason: str) -> SettingInvalid:
    return SettingInvalid(f"The address of the ClickHouse server {reason}.")
