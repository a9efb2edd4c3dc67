"""Puts the rows of look-up files into the text of a definition, so that it needs no file any more.

In the flow: called by ``cli`` and ``server`` with a definition's text before it is read; a
definition travels, is kept and is read again without the files that it was written with.

Guarantee: what was written stays, character by character; the rows stand behind it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from livetally.definitions.locate import line_of, locate
from livetally.definitions.problems import dotted
from livetally.errors import BadInput, DefinitionProblem, InvalidDefinition
from livetally.mapping import lookup_rows

__all__ = ["with_lookup_files"]

_KEYS: Final = ("file", "key", "value")


def with_lookup_files(text: str, origin: str, read: Callable[[str], str]) -> str:
    """Return the definition with the rows of every ``[lookup.NAME]`` that names a file.

    Args:
        text: the definition as it was written; what is no TOML comes back as it is, to be refused
            by whoever reads it.
        origin: where it came from, for people.
        read: returns the text of a file by its name in the definition.

    Raises:
        InvalidDefinition: a file can't be read, or is no table with these columns.
    """
    try:
        raw = tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return text
    lookups = raw.get("lookup")
    problems: list[DefinitionProblem] = []
    added: list[str] = []
    for name, table in lookups.items() if isinstance(lookups, dict) else ():
        if isinstance(table, dict) and "file" in table and "rows" not in table:
            try:
                added.append(_section(name, _rows(table, read)))
            except BadInput as error:
                path = ("lookup", name, error.field)
                line = line_of(locate(text.removeprefix("\ufeff")), path)
                problems.append(DefinitionProblem(line, dotted(path), error.reason))
    if problems:
        raise InvalidDefinition(origin, tuple(problems))
    return "\n".join([text, *added]) if added else text


def _rows(table: dict[str, Any], read: Callable[[str], str]) -> dict[str, str]:
    file, key, value = (table.get(name) for name in _KEYS)
    if not isinstance(file, str):
        raise BadInput("file", "must be a text: the name of a CSV file")
    if not isinstance(key, str) or not isinstance(value, str):
        raise BadInput("file", "needs 'key' and 'value': the names of two columns")
    try:
        content = read(file)
    except OSError as error:
        raise BadInput("file", f"can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise BadInput("file", f"is not UTF-8, at byte {error.start}") from None
    return lookup_rows(content, key, value)


def _section(name: str, rows: dict[str, str]) -> str:
    lines = [f"{_quoted(key)} = {_quoted(value)}" for key, value in rows.items()]
    return "\n".join([f"[lookup.{_quoted(name)}.rows]", *lines, ""])


def _quoted(text: str) -> str:
    """Write a text as TOML does; JSON's form is one of its own, but for one character."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
