"""Finds the line of every key in a TOML text, which the parser does not tell.

In the flow: receives a text that ``tomllib`` has accepted, hands the lines to ``problems``.

Guarantee: because the text is known to be valid, nothing is checked here and nothing is decided
here: a mistake in this module shows a wrong line and never changes what a definition means.

Rejected: a parser that keeps positions (a second grammar of TOML, or a dependency for error
messages).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, TypeAlias

__all__ = ["Path", "line_of", "locate"]

Path: TypeAlias = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"""(?:[^"\\]++|\\.|"{1,2}(?!"))*+"{3,5}'
    r"|'''(?:[^']++|'{1,2}(?!'))*+'{3,5}"
    r'|"(?:[^"\\]++|\\.)*+"'
    r"|'[^']*'",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")
_ESCAPE: Final = re.compile(r"\\(?:U([0-9a-fA-F]{8})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SHORT_ESCAPES: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


def locate(text: str) -> dict[Path, int]:
    """Return the 1-based line on which each table, key and array element is first written.

    Args:
        text: TOML that ``tomllib`` accepts.
    """
    return _Walk(text).run()


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of ``path``, or of the nearest thing around it that is written; else 1."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


class _Walk:
    """One pass over the text from its first to its last character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._lines: dict[Path, int] = {}
        self._last_element: dict[Path, int] = {}  # of each array of tables

    def run(self) -> dict[Path, int]:
        """Walk the whole text."""
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _header(self) -> Path:
        """Read ``[table]`` or ``[[array of tables]]``."""
        start = self._at
        is_element = self._text.startswith("[[", start)
        self._at += 2 if is_element else 1
        written = self._keys()
        self._at += 2 if is_element else 1
        path: Path = ()
        for depth, key in enumerate(written, start=1):
            path = (*path, key)
            self._note(path, start)
            if is_element and depth == len(written):
                self._last_element[path] = self._last_element.get(path, -1) + 1
            if path in self._last_element:
                path = (*path, self._last_element[path])
                self._note(path, start)
        return path

    def _pair(self, table: Path) -> None:
        """Read ``key = value`` below ``table``."""
        start = self._at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _keys(self) -> list[str]:
        """Read the parts of a key that dots join, and the blanks around them."""
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            if bare := _BARE_KEY.match(self._text, self._at):
                keys.append(bare.group())
                self._at = bare.end()
            else:
                keys.append(_unquoted(self._skip(_STRING)))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return keys
            self._at += 1

    def _value(self, path: Path) -> None:
        """Read past one value, and note what lies inside it."""
        match self._text[self._at]:
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._skip(_STRING)
            case _:
                self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        """Read past an array."""
        index = 0
        self._at += 1
        self._skip(_BLANK)
        while not self._text.startswith("]", self._at):
            self._note((*path, index), self._at)
            self._value((*path, index))
            self._separator()
            index += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        """Read past an inline table."""
        self._at += 1
        self._skip(_BLANK)
        while not self._text.startswith("}", self._at):
            self._pair(path)
            self._separator()
        self._at += 1

    def _separator(self) -> None:
        """Read past a comma, if there is one, and the blanks around it."""
        self._skip(_BLANK)
        if self._text.startswith(",", self._at):
            self._at += 1
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        """Read past what the pattern matches here and return it."""
        found = pattern.match(self._text, self._at)
        assert found is not None, "the text was accepted by tomllib"
        self._at = found.end()
        return found.group()

    def _note(self, path: Path, at: int) -> None:
        """Remember the line of ``path`` unless it was seen before."""
        if path not in self._lines:
            self._lines[path] = bisect_right(self._line_starts, at)


def _unquoted(key: str) -> str:
    """Return the key that a quoted one stands for; keys are strings of one line."""
    if key.startswith("'"):
        return key[1:-1]
    return _ESCAPE.sub(_character, key[1:-1])


def _character(escape: re.Match[str]) -> str:
    """Return the character that an escape stands for."""
    code = escape[1] or escape[2]
    if code:
        return chr(int(code, 16))
    return _SHORT_ESCAPES.get(escape[3], escape[3])
