"""What arguments are: files, where ``-`` stands for standard input, names, lengths of time.

In the flow: the types of what the commands take, and what is asked of it before anything is done.
Guarantee: a mistyped option is not taken for a file; what can't be meant is wrong usage.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple, TypeAlias

from cyclopts import Parameter

from livetally.cli.codes import WrongUsage

__all__ = [
    "Found",
    "Input",
    "MaybeName",
    "Name",
    "Seconds",
    "expanded",
    "is_named",
    "require_files",
    "require_text",
    "require_time_format",
    "whole_place",
]

Input: TypeAlias = Annotated[Path, Parameter(allow_leading_hyphen=True)]
"""A file, or standard input."""


def is_named(_type: object, text: str | None) -> None:
    """Refuse a name without a character: it would mean all that there are, or none.

    Raises:
        ValueError: it is empty.
    """
    if text == "":
        raise ValueError("It must not be empty.")


def _is_length(_type: object, s: float) -> None:
    if not s >= 0:  # also what is no number
        raise ValueError("It must be zero or more seconds.")


Name: TypeAlias = Annotated[str, Parameter(validator=is_named)]
"""The name or the key of something."""

MaybeName: TypeAlias = Annotated[str | None, Parameter(validator=is_named)]
"""A name that may be left away, but not be empty."""

Seconds: TypeAlias = Annotated[float, Parameter(validator=_is_length)]
"""A length of time; ``inf`` is without an end."""


class Found(NamedTuple):
    """A file, with the name that tells it from the others: its place below the directory."""

    path: Path
    name: str


_STDIN = Path("-")
_SOME_TIME = datetime(2026, 3, 29, 12, 34, 56, 789, UTC)


def whole_place(text: str) -> str:
    """Return a directory's absolute path, no links followed; a bucket as it is named."""
    return text if text.startswith("s3://") else os.path.abspath(text)  # noqa: PTH100


def expanded(paths: Iterable[Path], suffixes: Collection[str]) -> list[Found]:
    """Return the files, for each directory those in it and below, by name.

    Args:
        paths: files and directories.
        suffixes: of the files that are taken from a directory, before ``.gz`` and ``.zst``.

    Raises:
        WrongUsage: a directory has no such file.
    """
    files: list[Found] = []
    for path in paths:
        if not path.is_dir():
            files.append(Found(path, path.name))
            continue
        found = [
            one
            for one in sorted(path.rglob("*"))
            if one.is_file() and _content_suffix(one) in suffixes and not _is_hidden(one, path)
        ]
        if not found:
            raise WrongUsage(f"{path} has no file that ends in {', '.join(suffixes)}.")
        files += [Found(one, one.relative_to(path).as_posix()) for one in found]
    return files


def _content_suffix(path: Path) -> str:
    """Return the suffix of what is packed; a file of rejected rows has none that counts."""
    plain = path.with_suffix("") if path.suffix.lower() in (".gz", ".zst") else path
    return "" if ".rejected" in path.suffixes else plain.suffix.lower()


def _is_hidden(path: Path, above: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(above).parts)


def require_files(paths: Iterable[Path]) -> None:
    """Refuse what looks like an option, but for the single hyphen.

    Raises:
        WrongUsage: names it, and how to name a file like that.
    """
    for path in paths:
        if str(path).startswith("-") and path != _STDIN:
            raise WrongUsage(f"there is no option '{path}' (a file of that name is ./{path}).")


def require_text(encoding: str, delimiter: str) -> None:
    """Refuse what no CSV file can be read with.

    Raises:
        WrongUsage: there is no such encoding of texts, or nothing can be told apart so.
    """
    try:
        "".encode(encoding)
    except (LookupError, ValueError):
        raise WrongUsage(f"--encoding: no encoding of texts is called '{encoding}'.") from None
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise WrongUsage("--delimiter: give one character, and no quote or line end.")


def require_time_format(form: str) -> None:
    """Refuse what no time can be written in.

    Raises:
        WrongUsage: it is none of the words, and no pattern of strptime.
    """
    if form in ("iso", "s", "ms", "us"):
        return
    known = "%" in form.replace("%%", "")
    try:
        # What can't read the time that it has written itself can't read any.
        datetime.strptime(_SOME_TIME.strftime(form), form)  # noqa: DTZ007 - nothing is done with it
    except (ValueError, re.error):
        known = False
    if not known:
        raise WrongUsage(
            f"--time-format: '{form}' is none; write iso, s, ms or us, or a pattern such as"
            " %d.%m.%Y %H:%M."
        )
