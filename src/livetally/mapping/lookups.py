"""Look-up tables: the value beside a key.

In the flow: read by ``definitions`` from ``[lookup.NAME]`` once its rows are there, asked by
``values`` and by the function ``lookup()``.
Guarantee: bounded; a key is one text and has one value.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import msgspec

from livetally.mapping.casts import as_text
from livetally.mapping.report import Path, Report

__all__ = ["ROWS_MAX", "Lookup", "Lookups", "read_lookup"]

ROWS_MAX: Final = 100_000


class Lookup:
    """One table; immutable, safe for any thread."""

    __slots__ = ("_digest", "_rows", "name")

    def __init__(self, name: str, rows: Mapping[str, Any]) -> None:
        """Take the rows."""
        self.name = name
        self._rows = rows
        self._digest = ""

    def of(self, key: Any) -> Any:
        """Return the value beside a key, None when there is none; 17 finds the key "17"."""
        if key is None or isinstance(key, (list, dict)):
            return None
        return self._rows.get(as_text(key))

    @property
    def rows(self) -> Mapping[str, Any]:
        """All of it."""
        return self._rows

    @property
    def digest(self) -> str:
        """Stands for the rows: another one says that they are others."""
        if not self._digest:  # made once: a table may be long
            told = msgspec.json.encode(self._rows, order="deterministic")
            self._digest = blake2b(told, digest_size=8).hexdigest()
        return self._digest


Lookups: TypeAlias = Mapping[str, Lookup]


def read_lookup(name: str, rows: object, path: Path, report: Report) -> Lookup:
    """Read the rows of a look-up table: a table of texts, numbers, true and false."""
    if not isinstance(rows, dict):
        report.add(path, "must be a table of keys and values")
        return Lookup(name, {})
    if len(rows) > ROWS_MAX:
        report.add(path, f"takes at most {ROWS_MAX} rows, not {len(rows)}")
        return Lookup(name, {})
    for key, value in rows.items():
        if isinstance(value, (list, dict)):
            report.add((*path, key), "must be a text, a number, true or false")
    return Lookup(name, rows)
