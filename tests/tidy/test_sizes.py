"""No module and no function grows past what one reader can hold.

In the flow: reads the checkout through ``source_tree``.
Guarantee: the exceptions can only become fewer and smaller.
"""

from __future__ import annotations

from tests.tidy import rules
from tests.tidy.source_tree import ROOT, files, modules

LINES_OF_MODULE_MAX = 400
LINES_OF_FUNCTION_MAX = 60

# What was too large when the rule came: its exact size. To be shortened, never to be added to.
MODULES_EXCEPTED: dict[str, int] = {}
FUNCTIONS_EXCEPTED: dict[str, int] = {}

WRITTEN_BY_HAND = {".py", ".js", ".mjs", ".css", ".html", ".sql"}


def test_modules_are_short() -> None:
    """No module is longer than 400 lines, in any of our languages."""
    sizes = {
        path.as_posix(): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in files()
        if path.suffix in WRITTEN_BY_HAND and "vendor" not in path.parts
    }
    too_large = {path: size for path, size in sizes.items() if size > LINES_OF_MODULE_MAX}
    assert too_large == MODULES_EXCEPTED


def test_functions_are_short() -> None:
    """No function is longer than 60 lines, its docstring not counted."""
    sizes = {
        name: lines
        for under in ("src", "tests", "benchmarks")
        for module in modules(under)
        for name, lines in rules.function_sizes(module)
    }
    too_large = {name: size for name, size in sizes.items() if size > LINES_OF_FUNCTION_MAX}
    assert too_large == FUNCTIONS_EXCEPTED
