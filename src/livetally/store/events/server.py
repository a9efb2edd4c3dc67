"""A ClickHouse server by its address: the same SQL, the same blocks, over HTTP.

In the flow: opened instead of the embedded engine when the events are to be on a server or cluster.
Guarantee: as every engine's; when ``insert`` returns, the server has the block on disk, on a
cluster most replicas of each shard have it; an insert that is repeated with its token counts once.

The client is asked for nothing but bytes: no session, so that any thread may use it, and values in
the request's body, so that no proxy writes subjects into its log.

On a cluster a question must see every commit before it, on whatever replica it is answered. So one
insert at a time is written to a quorum, and a replica that lacks one refuses to answer instead of
answering without it; reads and writes go to the first replica that is well, which has them all. The
price: a shard's other replicas are for safety and not for speed, and a second writer is told to try
again. Parallel quorums would take both at once, but no replica could tell what it lacks. A shard of
three replicas goes on when one is away; of two, it waits. A commit's rows appear shard by shard.

Source: ClickHouse documentation, "select_sequential_consistency" and "insert_quorum_parallel".
"""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from livetally.errors import SettingInvalid
from livetally.store.events.address import Address, read_address
from livetally.store.events.engine import (
    Engine,
    EngineError,
    EngineUnreachable,
    Parameter,
    Setting,
    refusal,
)
from livetally.store.events.layout import Layout
from livetally.store.events.literals import literal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["ServerEngine"]

_T = TypeVar("_T")

_VERSION_MIN = (25, 3)
_CONNECT_S = 10
# How long a server may be silent; one that works on a question says so before that.
_SILENT_S = 120
# A change of rows or columns returns when it is done, and is silent until then.
_CHANGE_S = 3_700
_PACKED_BYTES_MIN = 16_384
_PACKED_LEVEL = 1

_ON_CLUSTER: dict[str, Setting] = {
    "load_balancing": "in_order",
    "prefer_localhost_replica": 0,
    "skip_unavailable_shards": 0,
}
_READ_ON_CLUSTER: dict[str, Setting] = {
    **_ON_CLUSTER,
    "select_sequential_consistency": 1,
    # A replica that is far behind is not asked, and never for want of a better one.
    "max_replica_delay_for_distributed_queries": 30,
    "fallback_to_stale_replicas_for_distributed_queries": 0,
    # A subquery is of all rows, not of those that the shard happens to have.
    "distributed_product_mode": "global",
}
_INSERT_ON_CLUSTER: dict[str, Setting] = {
    **_ON_CLUSTER,
    "distributed_foreground_insert": 1,
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "insert_quorum_timeout": 60_000,
}

_CHANGE_ON_CLUSTER: dict[str, Setting] = {
    "distributed_ddl_task_timeout": 3_600,
    "distributed_ddl_output_mode": "throw",
}

_TOOK_TOO_LONG = 159
"""The engine's TIMEOUT_EXCEEDED: a change goes on and is not waited for, a question has ended."""

_LATER = frozenset(
    {
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        242,  # TABLE_IS_READ_ONLY: a replica that has lost its keeper
        252,  # TOO_MANY_PARTS
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        289,  # REPLICA_IS_NOT_IN_QUORUM
        319,  # UNKNOWN_STATUS_OF_INSERT
        369,  # ALL_REPLICAS_ARE_STALE
        999,  # KEEPER_EXCEPTION
    }
)
"""The engine's codes for what may go well later."""

_STATUS = re.compile(r"HTTP status (\d{3})")
_PROXY_STATUS_MIN, _TOO_MANY = 500, 429
# What the client writes around the server's own words.
_AROUND = re.compile(
    r"^Received ClickHouse exception, code: \d+, server response: | \(for url [^)]*\)$"
)


class ServerEngine(Engine):
    """The engine of a ClickHouse server. Any thread may call any method."""

    # The server takes no form field beyond 128 KiB (http_max_field_value_size).
    text_length_max: ClassVar[int] = 100_000

    def __init__(self, url: str, cluster: str = "") -> None:
        """Connect. Blocks.

        Args:
            url: ``clickhouse://user:password@host:8123/livetally``; ``clickhouses://`` for TLS.
            cluster: name of the cluster whose servers have the rows, if the address names none.

        Raises:
            SettingInvalid: the address can't be used, or the client is not installed.
            EngineUnreachable: the server does not answer.
            EngineError: the server refuses, or is too old.
        """
        address = read_address(url)
        self._password = address.password
        layout = Layout(server=True, cluster=cluster or address.cluster)
        self._reading = _READ_ON_CLUSTER if layout.cluster else {}
        self._inserting = _INSERT_ON_CLUSTER if layout.cluster else {}
        self._altering = _CHANGE_ON_CLUSTER if layout.cluster else {}
        with ExitStack() as stack:
            self._asking = self._connected(address, _SILENT_S)
            stack.callback(self._asking.close)
            self._changing = self._connected(address, _CHANGE_S)
            stack.callback(self._changing.close)
            super().__init__(_usable_version(self._asking.server_version or ""), layout=layout)
            self._require_cluster()
            stack.pop_all()

    def execute(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Run a statement that returns nothing. Blocks, a change of many rows for minutes.

        Raises:
            EngineUnreachable: it is not known whether it is done, or it takes more than an hour.
            EngineError: the server refuses it.
        """
        bound = {name: _bound(value) for name, value in (parameters or {}).items()}
        self._changed(lambda: self._changing.raw_query(sql, bound, dict(self._altering)))

    def insert(
        self, table: str, columns: Sequence[str], block: bytes, settings: str, token: str = ""
    ) -> None:
        """Insert one block as one part, on a cluster one in each shard. Blocks until it is on disk.

        Raises:
            EngineUnreachable: it is not known whether it is stored: repeat it with its token.
            EngineError: the server refused it; on a cluster some shards may have stored theirs.
        """
        names = ", ".join(f"`{column}`" for column in columns)
        # The client itself repeats what it sent into a connection that was closed meanwhile.
        chosen = {**self._inserting, "insert_deduplication_token": token or uuid.uuid4().hex}
        more = ", ".join(f"{name} = {literal(value)}" for name, value in chosen.items())
        statement = f"INSERT INTO {table} ({names}) SETTINGS {settings}, {more} FORMAT Native\n"
        body, packed = statement.encode() + block, None
        if len(body) >= _PACKED_BYTES_MIN:
            body, packed = zstd.compress(body, _PACKED_LEVEL), "zstd"
        self._changed(lambda: self._asking.raw_insert("", insert_block=body, compression=packed))

    def close(self) -> None:
        """Close every connection."""
        self._asking.close()
        self._changing.close()

    def _query(
        self, sql: str, output_format: str, parameters: Mapping[str, Parameter] | None
    ) -> bytes:
        bound = {name: _bound(value) for name, value in (parameters or {}).items()}
        return self._told(
            lambda: self._asking.raw_query(sql, bound, dict(self._reading), fmt=output_format)
        )

    def _changed(self, change: Callable[[], object]) -> None:
        try:
            self._told(change)
        except EngineError as error:
            if error.code == _TOOK_TOO_LONG:
                raise EngineUnreachable(error.message, error.code) from None
            raise

    def _told(self, ask: Callable[[], _T]) -> _T:
        """Return what the client returns, or raise its error as ours, without the password."""
        from clickhouse_connect.driver.exceptions import ClickHouseError

        try:
            return ask()
        except ClickHouseError as error:
            text = _AROUND.sub("", str(error)).strip()
            cause = getattr(error.__cause__, "reason", None) or error.__cause__
            failure = _as_ours(text, getattr(error, "code", None), cause)
            if self._password and self._password in failure.message:
                failure = type(failure)(failure.message.replace(self._password, "…"), failure.code)
            raise failure from None

    def _connected(self, address: Address, silent_s: int) -> Client:
        try:
            import clickhouse_connect
        except ImportError:
            raise SettingInvalid(
                "The events are to be on a ClickHouse server, whose client is not installed:"
                " pip install 'livetally[clickhouse]'."
            ) from None
        return self._told(
            lambda: clickhouse_connect.get_client(
                host=address.host,
                port=address.port,
                username=address.user,
                password=address.password,
                interface="https" if address.secure else "http",
                ca_cert=address.ca_cert or None,
                compress=False,
                connect_timeout=_CONNECT_S,
                send_receive_timeout=silent_s,
                client_name="livetally",
                autogenerate_session_id=False,
                form_encode_query_params=True,
                dedicated_pool=True,
            )
        )

    def _require_cluster(self) -> None:
        if not self.layout.cluster:
            return
        rows = self.read("SELECT DISTINCT cluster FROM system.clusters ORDER BY cluster")
        known = [str(name) for (name,) in rows]
        if self.layout.cluster not in known:
            raise SettingInvalid(
                f"The ClickHouse server knows no cluster '{self.layout.cluster[:60]}'; it knows"
                f" {', '.join(known) or 'none'}."
            )


def _usable_version(text: str) -> str:
    numbers = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    if numbers < _VERSION_MIN:
        wanted = ".".join(str(number) for number in _VERSION_MIN)
        raise EngineError(
            f"The ClickHouse server is version {text[:30]}; at least {wanted} is needed: older ones"
            " don't keep projections right when rows are erased, or lack settings that are used."
        )
    return text


def _bound(value: Parameter) -> Any:
    return value if isinstance(value, int | str) else list(value)


def _as_ours(text: str, code: int | None, cause: BaseException | None) -> EngineError:
    """Return our error for what the client says; ``cause`` is what became of the connection."""
    status = _STATUS.search(text)
    number = int(status[1]) if status else 0
    passing = number >= _PROXY_STATUS_MIN or number == _TOO_MANY
    if code is None and (cause is not None or passing):
        reason = text if cause is None else str(cause).rpartition(": ")[2]
        lines = reason.splitlines() or [type(cause).__name__]
        return EngineUnreachable(f"The event store can't be reached: {lines[0][:500]}")
    error = refusal(text, code or 0)
    return EngineUnreachable(error.message, error.code) if error.code in _LATER else error
