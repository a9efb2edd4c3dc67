"""Reads one table of a definition key by key, and says what is wrong with each.

In the flow: made by ``reading`` for each table, handed to the reader of its kind.

Guarantee: a method never raises: what can't be used becomes a problem at its own path, and the
reader gets the value that stands for "not given". ``finish`` reports every key that no one asked
for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, TypeVar

from livetally.definitions.locate import Path
from livetally.definitions.problems import Problems

__all__ = ["Table"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_NAME_RULE: Final = "letters, digits, '_' and '-', up to 64, the first a letter or '_'"
_TEXT_CHARS_MAX: Final = 10_000
_ENTRIES_MAX: Final = 1_000

Choice = TypeVar("Choice", bound=StrEnum)


class Table:
    """A table and which of its keys have been read.

    Attributes:
        path: where it stands.
        problems: where mistakes go.
    """

    def __init__(self, raw: dict[str, Any], path: Path, problems: Problems) -> None:
        """Take the plain values of a table."""
        self._raw = raw
        self._read: dict[str, None] = {}
        self.path = path
        self.problems = problems

    def __contains__(self, key: str) -> bool:
        """Whether the key is given."""
        self._read[key] = None
        return key in self._raw

    def raw(self, key: str) -> Any:
        """Return what is given, or None."""
        self._read[key] = None
        return self._raw.get(key)

    def problem(self, reason: str, *keys: str | int) -> None:
        """Add a mistake at the keys below this table, or at the table itself."""
        self.problems.add((*self.path, *keys), reason)

    def text(self, key: str) -> str:
        """Return a text, or "" when it is not given."""
        value = self.raw(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.problem(f"must be a text, not {_kind(value)}", key)
            return ""
        if len(value) > _TEXT_CHARS_MAX:
            self.problem(f"is over {_TEXT_CHARS_MAX} characters long", key)
        return value

    def texts(self, key: str, limit: int) -> tuple[str, ...]:
        """Return a list of texts without repetition, given as such or as one text."""
        value = self.raw(key)
        if value is None:
            return ()
        listed = value if isinstance(value, list) else [value]
        if len(listed) > limit:
            self.problem(f"takes at most {limit}, not {len(listed)}", key)
        texts: dict[str, None] = {}
        for index, item in enumerate(listed):
            where = (key, index) if isinstance(value, list) else (key,)
            if not isinstance(item, str) or not item:
                self.problem(f"must be a text, not {_kind(item)}", *where)
            elif item in texts:
                self.problem(f"'{item[:50]}' is listed twice", *where)
            else:
                texts[item] = None
        return tuple(texts)[:limit]

    def whole(self, key: str, lowest: int, highest: int) -> int | None:
        """Return a whole number within the bounds, or None."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return value
        self.problem(f"must be a whole number from {lowest} to {highest}", key)
        return None

    def flag(self, key: str) -> bool:
        """Return whether it is given as true."""
        value = self.raw(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.problem(f"must be true or false, not {_kind(value)}", key)
        return False

    def choice(self, key: str, kinds: type[Choice], *, required: bool = True) -> Choice | None:
        """Return one of the words of ``kinds``, or None."""
        if key not in self:
            if required:
                self.problem(f"'{key}' is missing; it is one of: {', '.join(kinds)}")
            return None
        value = self.raw(key)
        if isinstance(value, str) and value in set(kinds):
            return kinds(value)
        if isinstance(value, str):
            remedy = f"it is one of: {', '.join(kinds)}"
            self.problems.unknown((*self.path, key), key, value, list(kinds), remedy)
        else:
            self.problem(f"must be one of: {', '.join(kinds)}", key)
        return None

    def table(self, key: str) -> Table:
        """Return the table below ``key``; an empty one when it is not given."""
        value = self.raw(key)
        if value is not None and not isinstance(value, dict):
            self.problem(f"must be a table, not {_kind(value)}", key)
        return Table(value if isinstance(value, dict) else {}, (*self.path, key), self.problems)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """Yield the name and table of each entry below ``key`` that has a proper name."""
        below = self.table(key)
        names = below.given()
        if len(names) > _ENTRIES_MAX:
            self.problem(f"takes at most {_ENTRIES_MAX} entries, not {len(names)}", key)
            return
        for name in names:
            if isinstance(below.raw(name), dict):
                yield name, below.table(name)
            else:
                below.problem(f"must be a table, not {_kind(below.raw(name))}", name)

    def named(self, key: str) -> Iterator[tuple[str, Table]]:
        """Yield the entries below ``key``; a name that can't stand in a URL is a problem."""
        for name, entry in self.tables(key):
            if _NAME.fullmatch(name):
                yield name, entry
            else:
                entry.problem(f"a name has only {_NAME_RULE}")

    def elements(self, key: str, limit: int) -> Iterator[Table]:
        """Yield the tables of a list."""
        value = self.raw(key)
        if value is None:
            return
        if not isinstance(value, list) or len(value) > limit:
            self.problem(f"must be a list of at most {limit} tables", key)
            return
        for index, item in enumerate(value):
            if isinstance(item, dict):
                yield Table(item, (*self.path, key, index), self.problems)
            else:
                self.problem(f"must be a table, not {_kind(item)}", key, index)

    def given(self) -> tuple[str, ...]:
        """Return the keys that are given."""
        return tuple(self._raw)

    def finish(self) -> None:
        """Report the keys that nobody has read."""
        for key in self._raw:
            if key not in self._read:
                self.problems.unknown((*self.path, key), "key here", key, self._read)


def _kind(value: object) -> str:
    """Name a value's kind as a person would."""
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case bool():
            return "true or false"
        case str():
            return "an empty text" if not value else "a text"
        case _:
            return "a number"
