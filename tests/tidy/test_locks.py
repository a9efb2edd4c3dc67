"""The lock files name what is installed, by hash, and from nowhere in particular.

In the flow: reads ``pyproject.toml`` and the files that ``make lock`` compiles from it.
Guarantee: a dependency that was declared and not locked, or locked without a hash, is noticed.
"""

from __future__ import annotations

import json
import re
import runpy
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tidy.source_tree import ROOT

LOCKS = [
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-uv.txt",
    "requirements-build.txt",
    "tests/requirements-s3.txt",
]
# What `.ci/setup` can run on; the lock must have an answer for each.
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def locked(name: str) -> list[Requirement]:
    """Return the pinned requirements of a lock file; fail where one has no hash."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    pinned = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            requirement, *hashes = line.split("--hash=")
            assert hashes, f"{name}: no hash in {line!r}"
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", part) for part in hashes)
            pinned.append(Requirement(requirement))
    return pinned


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_pins_and_hashes_only(name: str) -> None:
    """Every line pins one exact version with its hashes; none names a host, a path or an option."""
    for requirement in locked(name):
        assert [specifier.operator for specifier in requirement.specifier] == ["=="]
        assert requirement.url is None
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("-") or "//" in line] == []


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_every_dependency_is_locked(python: str, platform: str) -> None:
    """What pyproject.toml asks for is pinned once for each Python and system, within its bounds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = project["project"]["dependencies"]
    extras = [d for extra in project["project"]["optional-dependencies"].values() for d in extra]
    wanted = {"requirements.txt": runtime}
    wanted["requirements-dev.txt"] = runtime + extras + project["dependency-groups"]["dev"]
    surroundings = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
    }
    for name, requirements in wanted.items():
        pins = {
            canonicalize_name(pin.name): next(iter(pin.specifier)).version
            for pin in locked(name)
            if pin.marker is None or pin.marker.evaluate(surroundings)
        }
        for requirement in map(Requirement, requirements):
            if requirement.marker is None or requirement.marker.evaluate(surroundings):
                version = pins[canonicalize_name(requirement.name)]
                assert requirement.specifier.contains(version), f"{name}: {requirement}"


def test_what_is_tested_is_what_is_shipped() -> None:
    """The tests run on the very versions, and the very files, of the runtime lock."""
    tested = {str(pin) for pin in locked("requirements-dev.txt")}
    assert [str(pin) for pin in locked("requirements.txt") if str(pin) not in tested] == []


def test_the_bill_of_materials_is_that_of_the_lock() -> None:
    """What the wheel says it consists of is what is pinned, and what the console brings along."""
    text = (ROOT / "livetally.cdx.json").read_text(encoding="utf-8")
    assert text == runpy.run_path(str(ROOT / ".ci" / "sbom.py"))["document"](), "run: make lock"
    told = json.loads(text)
    pins = {f"pkg:pypi/{pin.name}@{next(iter(pin.specifier)).version}" for pin in locked(LOCKS[0])}
    named = {part["purl"] for part in told["components"]}
    assert pins == {purl for purl in named if purl.startswith("pkg:pypi/")}
    assert "pkg:npm/uplot@1.6.32" in named
    assert "pkg:npm/%40lit/reactive-element@2.1.2" in named
    assert all(part["hashes"] for part in told["components"])
