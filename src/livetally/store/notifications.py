"""What a PostgreSQL database tells on a channel, as it is told.

In the flow: called by ``sources.postgresql_messages``; hands on what ``NOTIFY`` says.
Guarantee: what is committed while we listen is handed on, in the order of the commits, what is
rolled back never; what is told while nobody listens is not kept by the database, and is lost.

Source: https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from livetally.errors import SettingInvalid, StoreFailed

__all__ = ["DatabasePlace", "hear"]

_CONNECT_S_MAX = 10
# A server whose machine has vanished is noticed in half a minute, not in two hours.
_KEEPALIVES = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}


class DatabasePlace(NamedTuple):
    """Where a database is, and who we are to it.

    Attributes:
        host, port, database: as the address says.
        address: of the host, as it was looked up and checked; "" to look it up when connecting.
        user, password: "" for what the environment says.
        name: shown to the database's administrator.
        sslmode: "" for the driver's own.
    """

    host: str
    port: int
    database: str
    address: str = ""
    user: str = ""
    password: str = ""
    name: str = ""
    sslmode: str = ""

    def arguments(self) -> dict[str, Any]:
        """Return what the driver is told."""
        given: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "hostaddr": self.address,
            "user": self.user,
            "password": self.password,
            "application_name": self.name,
            "sslmode": self.sslmode,
        }
        kept = {name: value for name, value in given.items() if value}
        return {**kept, **_KEEPALIVES, "connect_timeout": _CONNECT_S_MAX}


async def hear(
    place: DatabasePlace, channel: str, told: Callable[[Sequence[str]], Awaitable[None]]
) -> None:
    """Hand on what is told on a channel, some at a time, until cancelled.

    Raises:
        StoreFailed: the database can't be reached, or hangs up.
        SettingInvalid: the driver is not installed.
    """
    try:
        import psycopg
        from psycopg import sql
    except ModuleNotFoundError:
        hint = "pip install 'livetally[postgresql]'"
        raise SettingInvalid(f"PostgreSQL needs a further package: {hint}") from None
    try:
        connection = await psycopg.AsyncConnection.connect(autocommit=True, **place.arguments())
        async with connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            while True:
                # Ends with all that came in one piece.
                batch = [one.payload async for one in connection.notifies(stop_after=1)]
                await told(batch)
    except psycopg.Error as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        where = f"{place.database} at {place.host}:{place.port}"
        raise StoreFailed(f"The database {where} can't be listened to: {reason}.") from None
