"""The import contracts hold for the program, and each one breaks on the import it forbids.

In the flow: copies the program into a folder, plants one import, and runs the same check as CI.
Guarantee: a contract that no longer forbids anything would be noticed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.source_tree import ROOT, modules

# For each contract of pyproject.toml: a module of the program, and a line that may not stand there.
FORBIDDEN = {
    "Arrows point down": ("errors.py", "import livetally.api"),
    "No circles between siblings": ("event/first.py", "import livetally.event.second"),
    "Pure rooms do no input or output": ("calendar/planted.py", "import asyncio"),
    "The web framework stays in api and console, and is started by server": (
        "query/planted.py",
        "import starlette.responses",
    ),
    "The store's drivers stay in store": ("query/planted.py", "from sqlite3 import dbapi2"),
    "Who collects spans is known in one place": (
        "server/planted.py",
        "import opentelemetry.trace",
    ),
    "The buckets' client stays in backup": ("server/planted.py", "import obstore.store"),
    "The expression language stays in mapping": ("definitions/planted.py", "import jmespath"),
    "The brokers' clients stay in sources, and in the log of a cluster": (
        "server/planted.py",
        "import nats.errors",
    ),
    "What draws on a terminal stays in cli": ("server/planted.py", "import rich.console"),
    "Settings are read in server and cli only": ("api/planted.py", "import livetally.settings"),
}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return a copy of the program with all its rooms, beside the contracts."""
    package = tmp_path / "livetally"
    for module in modules("src"):
        place = tmp_path / module.path.relative_to("src")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(module.text, encoding="utf-8")
    for name in ("", "api", "calendar", "definitions", "event", "query", "server"):
        (package / name).mkdir(parents=True, exist_ok=True)
        (package / name / "__init__.py").touch()
    (package / "settings.py").touch()
    (package / "event" / "second.py").write_text("import livetally.event.first\n", encoding="utf-8")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return package


def check(program: Path) -> tuple[int, str]:
    """Run the import check on the program; return its exit code and what it printed."""
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [script, "--no-cache"],
        cwd=program.parent,
        env={"PYTHONPATH": f"{program.parent}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_program_keeps_its_contracts(program: Path) -> None:
    """Every contract is kept, also by rooms that are still empty."""
    status, printed = check(program)
    assert status == 0, printed
    assert f"Contracts: {len(FORBIDDEN)} kept, 0 broken." in printed


@pytest.mark.parametrize("contract", FORBIDDEN)
def test_a_contract_is_broken_by_what_it_forbids(program: Path, contract: str) -> None:
    """A planted import breaks the contract that is there to forbid it."""
    place, line = FORBIDDEN[contract]
    with (program / place).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    status, printed = check(program)
    assert status == 1, printed
    assert f"{contract} BROKEN" in printed


def test_a_room_without_a_place_is_refused(program: Path) -> None:
    """A new room that no layer names breaks the contract about layers."""
    (program / "somewhere.py").touch()
    status, printed = check(program)
    assert status == 1, printed
    assert "somewhere" in printed
