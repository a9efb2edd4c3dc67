"""Every way to install it gives the same program: pipx, uvx, and a wheel made from the sdist."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.tidy.source_tree import ROOT

LOCK = str(ROOT / "requirements.txt")


def build(place: Path, source: Path, *kinds: str) -> None:
    """Build a wheel, an sdist or both from a tree, without the network."""
    targets = [word for kind in kinds for word in ("--target", kind)]
    command = [sys.executable, "-m", "hatchling", "build", *targets, "--directory", str(place)]
    subprocess.run(command, cwd=source, check=True, timeout=120)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a wheel and an sdist of this checkout."""
    place = tmp_path_factory.mktemp("dist")
    build(place, ROOT, "wheel", "sdist")
    return place


def wheel_in(place: Path) -> Path:
    """Return the one wheel in a folder."""
    (wheel,) = place.glob("*.whl")
    return wheel


def said(*command: str, **variables: str) -> str:
    """Run a command; return what it printed."""
    env = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, env={**env, **variables}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def sums(wheel: Path) -> dict[str, int]:
    """Return the checksum of each file in a wheel."""
    with zipfile.ZipFile(wheel) as packed:
        return {one.filename: one.CRC for one in packed.infolist()}


@pytest.mark.timeout(300)
def test_pipx_installs_it(dist: Path, tmp_path: Path) -> None:
    """The command is there, in an environment of its own, and knows its version."""
    home = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    home |= {"PIPX_MAN_DIR": str(tmp_path / "man"), "PIPX_DEFAULT_PYTHON": sys.executable}
    wheel = str(wheel_in(dist))
    said(sys.executable, "-m", "pipx", "install", wheel, f"--pip-args=--constraint {LOCK}", **home)
    assert version("livetally") in said(str(tmp_path / "bin" / "livetally"), "--version")


@pytest.mark.timeout(300)
def test_uvx_runs_it(dist: Path, tmp_path: Path) -> None:
    """Nothing is installed, and the same command runs."""
    uvx = str(Path(sys.executable).with_name("uvx"))
    command = [uvx, "--quiet", "--python", sys.executable, "--constraints", LOCK]
    command += ["--from", str(wheel_in(dist)), "livetally", "--version"]
    assert version("livetally") in said(*command, UV_TOOL_DIR=str(tmp_path / "tools"))


def test_a_wheel_from_the_sdist_is_the_same(dist: Path, tmp_path: Path) -> None:
    """What a distributor builds from the archive has the same files with the same bytes."""
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (tree,) = (path for path in tmp_path.iterdir() if path.is_dir())
    build(tmp_path / "again", tree, "wheel")
    assert sums(wheel_in(tmp_path / "again")) == sums(wheel_in(dist))
    assert (tree / "tests").is_dir()
    assert (tree / "docs/guides/operate.md").is_file()
