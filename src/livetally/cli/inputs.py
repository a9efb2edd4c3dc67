"""Files as arguments, where ``-`` stands for standard input.

In the flow: the type of the files that ``send`` and ``import`` take.
Guarantee: a mistyped option is not taken for a file.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, NamedTuple, TypeAlias

from cyclopts import Parameter

from livetally.cli.codes import WrongUsage

__all__ = ["Found", "Input", "expanded", "require_files", "require_text", "whole_place"]

Input: TypeAlias = Annotated[Path, Parameter(allow_leading_hyphen=True)]
"""A file, or standard input."""


class Found(NamedTuple):
    """A file, with the name that tells it from the others: its place below the directory."""

    path: Path
    name: str


_STDIN = Path("-")


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
