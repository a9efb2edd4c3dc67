"""Bandit finds nothing in what is shipped but what was read and is written down here, with why.

In the flow: bandit as a program of its own, over the package and the examples.
Guarantee: a new finding fails until it is mended or read; one that is gone leaves the list.

Two rules are left to ruff, which has them too: ``S101`` (assertions) and ``S311`` (randomness that
need not be secret, allowed by name in ``pyproject.toml``).
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.tidy.source_tree import ROOT

LEFT_TO_RUFF = "B101,B311"
EVENTS = "src/livetally/store/events"
CONSTANTS = "put together from constants of the program; every value is bound"
CHECKED = (
    "put together from constants, column names that were looked up among those declared, and whole"
    " numbers that were read as such; every value is bound"
)
NAMES = "put together from constants and a cluster's name, which is quoted"
PROJECTION = "the text of a projection, in which names are ours and values are quoted literals"
TOKEN = "of an insert, to know it again; opens nothing"
READ = {
    ("B608", "src/livetally/store/catalog/standing.py:look_at_catalog"): CONSTANTS,
    ("B104", "src/livetally/server/doctor.py:_taken"): "compared with, not listened on",
    ("B608", f"{EVENTS}/entities.py:_next_keys"): CHECKED,
    ("B608", f"{EVENTS}/entities.py:_ordered"): CHECKED,
    ("B608", f"{EVENTS}/pages.py:_newest"): CHECKED,
    ("B608", f"{EVENTS}/history.py:_read"): CONSTANTS,
    ("B608", f"{EVENTS}/history.py:count_after"): CONSTANTS,
    ("B608", f"{EVENTS}/history.py:held_kinds"): CONSTANTS,
    ("B608", f"{EVENTS}/history.py:look_at"): CONSTANTS,
    ("B608", f"{EVENTS}/history.py:table_id"): CONSTANTS,
    ("B608", f"{EVENTS}/reading.py:last_position"): CONSTANTS,
    ("B608", f"{EVENTS}/reading.py:count_by_position"): CONSTANTS,
    ("B608", f"{EVENTS}/reading.py:read_identities"): CONSTANTS,
    ("B608", f"{EVENTS}/reading.py:touched_between"): CONSTANTS,
    ("B608", f"{EVENTS}/erase.py:old_parts"): NAMES,
    ("B608", f"{EVENTS}/insert.py:_count_at"): CONSTANTS,
    ("B608", f"{EVENTS}/schema.py:create"): NAMES,
    ("B608", f"{EVENTS}/schema.py:existing_columns"): NAMES,
    ("B608", f"{EVENTS}/schema.py:existing_projections"): NAMES,
    ("B608", f"{EVENTS}/schema.py:try_projection"): PROJECTION,
    ("B608", f"{EVENTS}/size.py:_free_bytes"): NAMES,
    ("B608", f"{EVENTS}/size.py:row_bytes"): NAMES,
    ("B608", f"{EVENTS}/size.py:store_size"): NAMES,
    ("B608", f"{EVENTS}/snapshot.py:materialise_all"): NAMES,
    ("B107", f"{EVENTS}/embedded.py:insert"): TOKEN,
    ("B107", f"{EVENTS}/engine.py:insert"): TOKEN,
    ("B107", f"{EVENTS}/insert.py:insert_rows"): TOKEN,
    ("B107", f"{EVENTS}/server.py:insert"): TOKEN,
    ("B608", "src/livetally/store/catalog/migrate.py:_is_current"): CONSTANTS,
    ("B105", "src/livetally/api/auth.py:"): "the name of a parameter, not its value",
    ("B105", "src/livetally/definitions/inlet.py:"): "the name of a kind of proof",
    ("B105", "src/livetally/alerts/couriers.py:"): "what a secret begins with, not one",
    ("B404", "src/livetally/testing/server.py:"): "starts our own program, for tests",
    ("B603", "src/livetally/testing/server.py:start"): "our own program, without a shell",
}
PLANTED = """import subprocess
import yaml


def ask(connection, name):
    connection.execute(f"SELECT * FROM teams WHERE name = '{name}'")
    subprocess.call(name, shell=True)
    return eval(name), yaml.load(name)
"""


def findings(places: Sequence[Path], base: Path) -> Iterator[tuple[str, str]]:
    """Yield rule and place, as ``path:function``, of everything that bandit finds."""
    command = [sys.executable, "-m", "bandit", "-q", "-r", *map(str, places)]
    command += ["-s", LEFT_TO_RUFF, "-f", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert told["errors"] == [], told["errors"]
    assert told["metrics"]["_totals"]["loc"] > 0
    for one in told["results"]:
        path = Path(one["filename"])
        function = _function(path, one["line_number"])
        yield one["test_id"], f"{path.resolve().relative_to(base).as_posix()}:{function}"


def _function(path: Path, line: int) -> str:
    """Return the name of the innermost function around a line; nothing outside of any."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    around = [one for one in functions if one.lineno <= line <= (one.end_lineno or 0)]
    return max(around, key=lambda one: one.lineno).name if around else ""


def test_bandit_finds_what_was_read_and_nothing_else() -> None:
    """Each finding is in the list, and each entry of the list is still found."""
    found = set(findings([ROOT / "src", ROOT / "examples"], ROOT))
    assert sorted(found - READ.keys()) == []
    assert sorted(READ.keys() - found) == []


def test_bandit_finds_planted_faults(tmp_path: Path) -> None:
    """SQL from a text, a shell, code from a text and objects from a text are all found."""
    (tmp_path / "planted.py").write_text(PLANTED, encoding="utf-8")
    found = set(findings([tmp_path], tmp_path.resolve()))
    rules = {rule for rule, place in found if place == "planted.py:ask"}
    assert rules >= {"B608", "B602", "B307", "B506"}
