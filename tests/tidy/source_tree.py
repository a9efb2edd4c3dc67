"""The files of this project, and its Python files parsed once for all tidy tests.

In the flow: reads the checkout; hands ``Module`` and paths to the tests beside it.
Guarantee: what git would commit is what is looked at; a copy without git is looked at whole.
"""

from __future__ import annotations

import ast
import functools
import subprocess
from pathlib import Path
from typing import NamedTuple

__all__ = ["ROOT", "Module", "files", "modules", "text_of"]

ROOT = Path(__file__).resolve().parents[2]

_MADE_HERE = {".git", ".venv", "dist", "build", "node_modules", "__pycache__", "livetally-data"}


class Module(NamedTuple):
    """One Python file: where it is (relative to the checkout), its text, its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @classmethod
    def of(cls, path: str, text: str) -> Module:
        """Parse ``text`` as if it stood in the file ``path``."""
        return cls(Path(path), text, ast.parse(text, filename=path))

    @property
    def dotted(self) -> str:
        """The name it is imported by: ``livetally.event.model``."""
        parts = self.path.with_suffix("").parts
        inside = parts[1:] if parts[0] == "src" else parts
        return ".".join(inside[:-1] if inside[-1] == "__init__" else inside)

    @property
    def is_package(self) -> bool:
        """Whether it is the ``__init__`` of a package."""
        return self.path.name == "__init__.py"


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file that git tracks or would add, relative to the checkout, sorted."""
    if (ROOT / ".git").exists():
        # A container may run as another user than the owner of the checkout.
        command = [
            "git",
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
        found = {Path(name) for name in listed.decode().split("\0") if name}
    else:
        found = {path.relative_to(ROOT) for path in ROOT.rglob("*")}
    kept = (path for path in found if not _MADE_HERE.intersection(path.parts))
    return tuple(sorted(path for path in kept if (ROOT / path).is_file()))


@functools.cache
def modules(under: str) -> tuple[Module, ...]:
    """Every Python module below the folder ``under``: "src", "tests" or "benchmarks"."""
    return tuple(
        Module.of(path.as_posix(), (ROOT / path).read_text(encoding="utf-8"))
        for path in files()
        if path.suffix == ".py" and path.parts[0] == under
    )


def text_of(path: Path) -> str | None:
    """The text of the file ``path``, or None for bytes that are no text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
