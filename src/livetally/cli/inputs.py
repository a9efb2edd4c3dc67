"""Files as arguments, where ``-`` stands for standard input.

In the flow: the type of the files that ``send`` and ``import`` take.
Guarantee: a mistyped option is not taken for a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from livetally.cli.codes import WrongUsage

__all__ = ["Input", "require_files"]

Input: TypeAlias = Annotated[Path, Parameter(allow_leading_hyphen=True)]
"""A file, or standard input."""

_STDIN = Path("-")


def require_files(paths: Iterable[Path]) -> None:
    """Refuse what looks like an option, but for the single hyphen.

    Raises:
        WrongUsage: names it, and how to name a file like that.
    """
    for path in paths:
        if str(path).startswith("-") and path != _STDIN:
            raise WrongUsage(f"there is no option '{path}' (a file of that name is ./{path}).")
