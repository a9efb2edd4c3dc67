"""The copied packages are what their list says they are.

In the flow: reads ``assets/vendor/VENDOR.md`` and the files beside it.
Guarantee: no byte of another's code changes here unnoticed.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import pytest

VENDOR = Path(__file__).parents[3] / "src/livetally/console/assets/vendor"
INSTALLED = Path(__file__).parents[3] / "node_modules"
RENAMED = {
    "@lit/reactive-element": "./reactive-element.js",
    "lit-html": "./lit-html.js",
    "../lit-html.js": "./lit-html.js",
    "../directive.js": "./directive.js",
    "../directive-helpers.js": "./directive-helpers.js",
}


class Copied(NamedTuple):
    """One line of the list."""

    here: str
    package: str
    version: str
    there: str
    sha256: str


def copied() -> list[Copied]:
    """Read the list of copied files."""
    row = re.compile(
        r"^\| `([^`]+)` \| (\S+) \| (\S+) \| `([^`]+)` \| `(\w{64})` \|$", re.MULTILINE
    )
    return [Copied(*found) for found in row.findall((VENDOR / "VENDOR.md").read_text())]


def published(one: Copied) -> bytes:
    """Make the file here from the published one, as the list says."""
    text = (INSTALLED / one.package / one.there).read_bytes().decode()
    if one.here.endswith(".js"):
        text = re.sub(r"\n//# sourceMappingURL=.*\n?", "\n", text)
        text = re.sub(
            r'\b(from|import)"([^"]+)"',
            lambda found: f'{found[1]}"{RENAMED.get(found[2], found[2])}"',
            text,
        )
    if one.here == "uplot/uplot.js":
        text = text.rstrip("\n") + "\nexport default uPlot;\n"
    return text.encode()


@pytest.mark.parametrize("one", copied(), ids=lambda one: str(one.here))
def test_file_has_the_listed_hash(one: Copied) -> None:
    """A copied file has the SHA-256 that the list names."""
    assert hashlib.sha256((VENDOR / one.here).read_bytes()).hexdigest() == one.sha256


def test_list_is_complete() -> None:
    """Every copied file is on the list, and every package brings its licence."""
    listed = {one.here for one in copied()}
    here = {
        path.relative_to(VENDOR).as_posix()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.suffix != ".ts" and path.name != "VENDOR.md"
    }
    assert listed == here
    for folder in {name.split("/")[0] for name in listed}:
        assert "Permission" in (VENDOR / folder / "LICENSE.txt").read_text() or (
            "Redistribution and use" in (VENDOR / folder / "LICENSE.txt").read_text()
        )


@pytest.mark.parametrize("one", copied(), ids=lambda one: str(one.here))
def test_file_is_the_published_one(one: Copied) -> None:
    """A copied file is the published one with the listed changes and no other."""
    if not INSTALLED.exists():
        pytest.skip("the packages are not installed: npm ci")
    assert (VENDOR / one.here).read_bytes() == published(one)
