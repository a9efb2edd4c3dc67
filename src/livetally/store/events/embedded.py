"""The embedded engine: one data directory, one connection for each thread that uses it.

In the flow: opened by the server, by a restore and by whoever needs no server beside its process.
Guarantee: as every engine's; when ``insert`` returns, there is a part on disk that was not there.

The driver keeps one engine in the process, for one directory at a time; connections to it are cheap
(about a millisecond) and run in parallel, each from one thread at a time. It releases the
interpreter's lock while the engine works.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import chdb
from chdb.state.sqlitelike import Connection

from livetally.store.events.engine import Engine, EngineError, Parameter, refusal
from livetally.store.events.literals import literal

__all__ = ["EmbeddedEngine"]

_NUMBERS_TRIED = 3
# Merges and changes of old parts take what the processor has left, as a program with this niceness.
_SERVER = "?os_threads_nice_value_merge_mutate=10"


class EmbeddedEngine(Engine):
    """The engine of one data directory. Any thread may call any method but ``insert``."""

    def __init__(self, directory: Path) -> None:
        """Open the engine's files in ``directory``, which must exist."""
        super().__init__(chdb.engine_version, directory=directory)
        self._path = str(directory)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[Connection] = []
        # The newest block of each table that was inserted into; by the one thread that inserts.
        self._newest: dict[str, int] = {}
        self._folders: dict[str, Path] = {}

    def insert(
        self,
        table: str,
        columns: Sequence[str],
        block: bytes,
        settings: str,
        token: str = "",  # noqa: ARG002 - the outcome is always known, so nothing is repeated
    ) -> None:
        """Insert one block as one part. Blocks until it is on disk.

        For one thread at a time; the same block again is another one, whatever its ``token``.

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
            raise refusal(str(error)) from None
        newest = self._made_block(table, before)
        if newest <= before:
            raise EngineError(f"The event store did not keep a commit: {self._last_error()}")
        self._newest[table] = newest

    def _made_block(self, table: str, before: int) -> int:
        """Return the number of the block that an insert after block ``before`` made.

        The engine counts blocks up and never again, and a part gets its name when it is on disk: so
        an insert is stored if and only if there is a part with a higher number. The driver does not
        tell: it reports rows as written whose fsync has failed, and which are in no part.

        The name is known but for a number or two that other changes took, so a look at the folder
        answers; asking the engine costs as much as a small commit.
        """
        folder = self._folder(table)
        for number in range(before + 1, before + 1 + _NUMBERS_TRIED):
            if (folder / f"all_{number}_{number}_0").is_dir():
                return number
        return self._newest_block(table)  # a merge took the part already, or there is none

    def _newest_block(self, table: str) -> int:
        """Return the number of the newest block that is stored, 0 for none."""
        database, _, name = table.partition(".")
        rows = self.read(
            "SELECT max(max_block_number) FROM system.parts"
            " WHERE database = {database:String} AND table = {name:String} AND active",
            {"database": database, "name": name},
        )
        return int(rows[0][0])

    def _folder(self, table: str) -> Path:
        """Return where a table's parts are."""
        found = self._folders.get(table)
        if found is None:
            database, _, name = table.partition(".")
            rows = self.read(
                "SELECT data_paths[1] FROM system.tables"
                " WHERE database = {database:String} AND name = {name:String}",
                {"database": database, "name": name},
            )
            found = self._folders[table] = Path(self._path) / str(rows[0][0])
        return found

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
            self._replace_connection()
            raise refusal(str(error)) from None
        return bytes(answer.bytes())

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        return self._connect() if connection is None else connection

    def _connect(self) -> Connection:
        with self._lock:
            connection = Connection(self._path + _SERVER)
            self._open.append(connection)
        self._local.connection = connection
        return connection

    def _replace_connection(self) -> None:
        """Never use this thread's connection again.

        What a statement had written before it failed would stand before the rows of the next one.
        The new one is opened first, because the engine stops when the last one is closed.
        """
        failed = self._connection()
        self._connect()
        with self._lock:
            if failed in self._open:
                self._open.remove(failed)
                failed.close()


def _bound(value: Parameter) -> Any:
    """Write a value as the engine reads bound ones.

    A text has backslash escapes, like a TSV field; the texts of a list are SQL literals, which the
    driver does not make of them.
    """
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    if isinstance(value, Sequence) and any(isinstance(one, str) for one in value):
        return f"[{','.join(literal(one) for one in value)}]"
    return value
