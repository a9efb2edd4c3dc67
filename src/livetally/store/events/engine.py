"""The embedded engine: one data directory, one connection for each thread that uses it.

In the flow: every SQL text of ``store.events`` is run here; nothing above this room sees a driver.
Guarantee: values travel as bound parameters only; an engine error becomes ``StoreFailed`` with the
engine's code and first line, never a trace.

The driver keeps one engine in the process, for one directory at a time; connections to it are cheap
(about a millisecond) and run in parallel, each from one thread at a time. It releases the
interpreter's lock while the engine works.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import chdb
import msgspec
from chdb.state.sqlitelike import Connection

from livetally.errors import StoreFailed

__all__ = ["Engine", "EngineError", "Parameter", "Rows"]

Parameter = int | str | Sequence[int] | Sequence[str]
Rows = list[list[Any]]

_CODE = re.compile(r"Code: (\d+)")
_rows = msgspec.json.Decoder(list[list[Any]])
_READ_FORMAT = "JSONCompactEachRow"
_READ_SETTINGS = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 1,
    "max_execution_time": 30,
    "max_memory_usage": 2_000_000_000,
    "log_queries": 0,
    # It would read isNotNull(x) from a part of the column, which no projection has.
    "optimize_functions_to_subcolumns": 0,
}


class EngineError(StoreFailed):
    """The engine refused a statement; ``code`` is the engine's own number (0 if it gave none)."""

    def __init__(self, message: str, code: int = 0) -> None:
        """Keep the engine's ``code`` beside the first line of its message."""
        super().__init__(message)
        self.code = code


class Engine:
    """The engine of one data directory. Any thread may call any method but ``insert``."""

    def __init__(self, directory: Path) -> None:
        """Open the engine's files in ``directory``, which must exist."""
        self._path = str(directory)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[Connection] = []
        # The newest block of each table that was inserted into; by the one thread that inserts.
        self._newest: dict[str, int] = {}
        self.version = chdb.engine_version

    def execute(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Run a statement that returns nothing. Blocks."""
        self._query(sql, "Null", parameters)

    def read(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        settings: Mapping[str, int] | None = None,
    ) -> Rows:
        """Run a query and return its rows. Blocks.

        64-bit and longer integers arrive as ``int``, decimals as ``str`` with every digit.
        """
        chosen = {**_READ_SETTINGS, **(settings or {})}
        text = ", ".join(f"{name} = {value}" for name, value in chosen.items())
        answer = self._query(f"{sql}\nSETTINGS {text}", _READ_FORMAT, parameters)
        return _rows.decode(b"[" + b",".join(answer.splitlines()) + b"]") if answer else []

    def read_bytes(
        self, sql: str, output_format: str, parameters: Mapping[str, Parameter] | None = None
    ) -> bytes:
        """Run a query and return the engine's bytes in ``output_format``. Blocks."""
        return self._query(sql, output_format, parameters)

    def insert(self, table: str, columns: Sequence[str], block: bytes, settings: str) -> None:
        """Insert one block in the engine's Native format as one part. Blocks until it is on disk.

        For one thread at a time.

        Raises:
            EngineError: nothing of the block was stored, or it is not known whether it was.
        """
        names = ", ".join(f"`{column}`" for column in columns)
        connection = self._connection()
        before = self._newest.get(table)
        if before is None:
            before = self._newest_block(table)
        try:
            stream = connection.send_insert(
                f"INSERT INTO {table} ({names}) SETTINGS {settings}", "Native"
            )
            with stream:
                stream.append(block)  # type: ignore[no-untyped-call]
                stream.finish()
        except RuntimeError as error:
            raise _engine_error(error) from None
        newest = self._newest_block(table)
        if newest <= before:
            raise EngineError(f"The event store did not keep a commit: {self._last_error()}")
        self._newest[table] = newest

    def _newest_block(self, table: str) -> int:
        """Return the number of the newest block that is stored, 0 for none.

        The engine counts blocks up and never again, so an insert is stored if and only if this has
        grown. The driver does not tell: it reports rows as written whose fsync has failed, and
        which are in no part.
        """
        database, _, name = table.partition(".")
        rows = self.read(
            "SELECT max(max_block_number) FROM system.parts"
            " WHERE database = {database:String} AND table = {name:String} AND active",
            {"database": database, "name": name},
        )
        return int(rows[0][0])

    def _last_error(self) -> str:
        rows = self.read(
            "SELECT last_error_message FROM system.errors ORDER BY last_error_time DESC LIMIT 1"
        )
        return str(rows[0][0])[:500] if rows else "the engine gives no reason."

    def close(self) -> None:
        """Close every connection; the engine stops when the last one is closed."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()
        self._local = threading.local()

    def _query(
        self, sql: str, output_format: str, parameters: Mapping[str, Parameter] | None
    ) -> bytes:
        try:
            bound = {name: _bound(value) for name, value in (parameters or {}).items()}
            answer = self._connection().query(sql, output_format, params=bound)
        except (RuntimeError, chdb.ChdbError) as error:
            raise _engine_error(error) from None
        return bytes(answer.bytes())

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with self._lock:
                connection = Connection(self._path)
                self._open.append(connection)
            self._local.connection = connection
        return connection


def _bound(value: Parameter) -> Any:
    """Write a text as the engine reads bound ones: with backslash escapes, like a TSV field."""
    if not isinstance(value, str):
        return value
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _engine_error(error: Exception) -> EngineError:
    text = str(error)
    code = _CODE.search(text)
    lines = text.strip().splitlines() or ["no message"]
    return EngineError(f"The event store refused: {lines[0][:500]}", int(code[1]) if code else 0)
