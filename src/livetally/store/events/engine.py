"""What every engine is: the SQL of ``store.events`` goes in, rows and columns come out.

In the flow: every SQL text of ``store.events`` is run here; nothing above this room sees a driver.
``embedded`` keeps the rows in files of this process, ``server`` asks a ClickHouse server.
Guarantee: values travel as bound parameters only; an engine error becomes ``StoreFailed`` with the
engine's code and first line, never a trace and never a password.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from livetally.errors import StoreFailed
from livetally.store.events.layout import Layout
from livetally.store.events.literals import literal

if TYPE_CHECKING:
    from livetally.store.events.projection import Projection

__all__ = [
    "Columns",
    "Engine",
    "EngineError",
    "EngineUnreachable",
    "Parameter",
    "Rows",
    "Setting",
    "refusal",
]

Parameter = int | str | Sequence[int] | Sequence[str]
Setting = int | str
Rows = list[list[Any]]
Columns = list[list[Any]]

_CODE = re.compile(r"Code: (\d+)")
_lists = msgspec.json.Decoder(list[list[Any]])
_ROW_FORMAT = "JSONCompactEachRow"
_COLUMN_FORMAT = "JSONCompactColumns"
_READ_SETTINGS = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 1,
    "max_execution_time": 30,
    "max_memory_usage": 2_000_000_000,
    "log_queries": 0,
    # A sum of binary numbers may be beyond the largest: null would pass for no events.
    "output_format_json_quote_denormals": 1,
    # It would read isNotNull(x) from a part of the column, which no projection has.
    "optimize_functions_to_subcolumns": 0,
}


class EngineError(StoreFailed):
    """The engine refused a statement; ``code`` is the engine's own number (0 if it gave none)."""

    def __init__(self, message: str, code: int = 0) -> None:
        """Keep the engine's ``code`` beside the first line of its message."""
        super().__init__(message)
        self.code = code

    @property
    def told(self) -> str:
        """What a client is told: the engine's own words, which have a code, may hold its SQL."""
        if not self.code:
            return self.message
        return f"The event store refused (code {self.code}); the server's log says how."


class EngineUnreachable(EngineError):
    """The engine did not answer, or can't now; what it was told may be done or not. Try again."""


class Engine(ABC):
    """An engine. Any thread may call any method but ``insert``, which is for one at a time."""

    text_length_max: ClassVar[int] = 1_000_000_000
    """How long the text of one bound value may be."""

    def __init__(
        self, version: str, *, directory: Path | None = None, layout: Layout | None = None
    ) -> None:
        """Keep what is known of an engine once it is open."""
        self.bounds: dict[str, Setting] = {}
        """What one query may take, unless it says otherwise."""
        self.projections: tuple[Projection, ...] | None = None
        """What the events table keeps, None when that is not known."""
        self.version = version
        """The engine's own, such as 26.9.2.1."""
        self.directory = directory
        """Where the engine's files are; None if they are a server's."""
        self.layout = layout or Layout()
        """Where the rows of the events table are."""
        self._knows: dict[str, bool] = {}

    def knows(self, setting: str) -> bool:
        """Tell whether the engine has a setting: older and newer ones differ. Blocks once."""
        if setting not in self._knows:
            sql = "SELECT count() FROM system.settings WHERE name = {name:String}"
            self._knows[setting] = bool(self.read(sql, {"name": setting})[0][0])
        return self._knows[setting]

    def execute(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Run a statement that returns nothing. Blocks."""
        self._query(sql, "Null", parameters)

    def read(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        settings: Mapping[str, Setting] | None = None,
    ) -> Rows:
        """Run a query and return its rows. Blocks.

        64-bit and longer integers arrive as ``int``, decimals as ``str`` with every digit.
        """
        answer = self._query(self._with_settings(sql, settings), _ROW_FORMAT, parameters)
        return _lists.decode(b"[" + b",".join(answer.splitlines()) + b"]") if answer else []

    def read_columns(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        settings: Mapping[str, Setting] | None = None,
    ) -> Columns:
        """Run a query and return its columns, values as in ``read``. Blocks.

        For many rows: they take a third of the time when no list is made for each.
        """
        answer = self._query(self._with_settings(sql, settings), _COLUMN_FORMAT, parameters)
        return _lists.decode(answer)

    def read_bytes(
        self, sql: str, output_format: str, parameters: Mapping[str, Parameter] | None = None
    ) -> bytes:
        """Run a query and return the engine's bytes in ``output_format``. Blocks."""
        return self._query(sql, output_format, parameters)

    @abstractmethod
    def insert(
        self, table: str, columns: Sequence[str], block: bytes, settings: str, token: str = ""
    ) -> None:
        """Insert one block in the engine's Native format as one part. Blocks until it is on disk.

        Of a server's inserts with one ``token`` the first counts; without one every insert does.
        An embedded engine has no use for it: it always knows whether a block was stored.

        Raises:
            EngineError: nothing of the block was stored, or it is not known whether it was.
        """

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""

    @abstractmethod
    def _query(
        self, sql: str, output_format: str, parameters: Mapping[str, Parameter] | None
    ) -> bytes:
        """Run a statement with bound values and return the engine's bytes."""

    def _with_settings(self, sql: str, settings: Mapping[str, Setting] | None) -> str:
        chosen = {**_READ_SETTINGS, **self.bounds, **(settings or {})}
        text = ", ".join(f"{name} = {literal(value)}" for name, value in chosen.items())
        return f"{sql}\nSETTINGS {text}"


def refusal(text: str, code: int = 0) -> EngineError:
    """Return the error for what an engine said, with the code that it or its text has."""
    found = _CODE.search(text)
    lines = text.strip().splitlines() or ["no message"]
    number = code or (int(found[1]) if found else 0)
    return EngineError(f"The event store refused: {lines[0][:500]}", number)
