"""The built wheel is the whole program: its code, and every file that is no code.

In the flow: builds a wheel of the checkout, without network, and looks inside.
Guarantee: what works in the checkout works after ``pip install``.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import Parser
from typing import TYPE_CHECKING

import pytest

from tests.tidy.source_tree import ROOT, files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Build a wheel of this checkout."""
    folder: Path = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*command, "--directory", str(folder)], cwd=ROOT, check=True, timeout=60)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as built:
        yield built


def test_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    """Every file below src/livetally is in the wheel, and every file of the examples."""
    ours = {path.relative_to("src").as_posix() for path in files() if path.parts[0] == "src"}
    ours |= {f"livetally/{path.as_posix()}" for path in files() if path.parts[0] == "examples"}
    packed = {name for name in wheel.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert packed == ours


def test_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    """The wheel carries its licence, its command and the oldest Python it runs on."""
    folder = next(name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
    metadata = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode())
    assert metadata["Name"] == "livetally"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert f"{folder}/licenses/LICENSE" in wheel.namelist()
    assert f"{folder}/sboms/livetally.cdx.json" in wheel.namelist()
    assert "livetally = livetally.cli:main" in wheel.read(f"{folder}/entry_points.txt").decode()
