"""Who may do what on the command line: every command with every kind of key.

In the flow: calls the commands as the script does, against a real server.
Guarantee: a new command without a row fails; so does one that a wrong key can use.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest
from cyclopts import App

from livetally.cli import main
from livetally.cli.commands import COMMANDS
from livetally.testing import Server
from tests.e2e.walls import SCOPES, SHOP, Teams, talk

# The wall let it pass; there is only nothing of that name behind it.
_NAMELESS = re.compile(r"no (key|sink|source|alert) is called '(0000000000|none)'")

NO_KEY = {"serve", "worker", "demo", "check", "map", "restore", "doctor", "migrate", "move"}
"""Commands that work on this machine and ask no server for anything."""


class Row(NamedTuple):
    """A command: the scope it needs, the words of a right call; whether it ends by itself."""

    command: str
    scope: str
    words: tuple[str, ...]
    operator: bool = False
    ends: bool = True


ROWS = (
    Row("send", "write", ("--type", "add_revenue", "--subject", "ada", "--data", '{"value": 1}')),
    Row("import", "write", ("rows.csv", "--type", "incident", "--subject", "who")),
    Row("query", "read", ("revenue",)),
    Row("watch", "read", ("revenue",), ends=False),
    Row("apply", "admin", ("extra.toml",)),
    Row("backup", "admin", ("backups",), operator=True),
    Row("erase", "admin", ("nobody", "--yes", "--no-wait")),
    Row("keys create", "admin", ("--name", "made", "--scope", "read")),
    Row("keys list", "admin", ()),
    Row("keys revoke", "admin", ("0000000000",)),
    Row("keys rotate", "admin", ("0000000000",)),
    Row("simulate", "write", ("life.toml", "--from", "2026-01-01", "--count", "1")),
    Row("alerts list", "read", ()),
    Row("alerts changes", "read", ("none",)),
    Row("sinks list", "admin", ()),
    Row("sinks rebuild", "admin", ("none",)),
    Row("sources list", "read", ()),
    Row("sources start", "admin", ("none",)),
    Row("sources stop", "admin", ("none",)),
    Row("sources run", "admin", ("none",)),
    Row("sources schedule", "admin", ("none", "--every", "1 day")),
    Row("teams create", "admin", ("green",), operator=True),
    Row("teams list", "admin", ()),
    Row("teams set", "admin", ("red", "--queries-per-hour", "default"), operator=True),
    Row("verify", "admin", ("revenue",)),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start one server for all tests here."""
    with Server(definitions=[SHOP], env={"LIVETALLY_FAILED_KEYS_PER_MINUTE": "1000"}) as started:
        yield started


@pytest.fixture(scope="module")
def teams(server: Server) -> Teams:
    """Make two teams with their keys."""
    return Teams(server)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> Path:
    """Work in an empty directory with the files that commands need."""
    (tmp_path / "rows.csv").write_text("who,severity\nada,1\n")
    (tmp_path / "extra.toml").write_text(
        'application = "extra"\n[metric.extra]\nevent = "extra"\naggregate = "count"\n'
    )
    (tmp_path / "life.toml").write_text(
        'application = "life"\n[event.tick]\n[simulation.life]\nrate = 1\n'
        '[[simulation.life.events]]\nevent = "tick"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVETALLY_URL", server.url)
    monkeypatch.delenv("LIVETALLY_TEAM", raising=False)
    return tmp_path


def all_commands() -> set[str]:
    """Return every command, those of groups as two words."""
    found = set()
    for command in COMMANDS:
        module, _, attribute = command.path.partition(":")
        target = getattr(import_module(module), attribute)
        if isinstance(target, App):
            found |= {f"{command.name} {name}" for name in target if not name.startswith("-")}
        else:
            found.add(command.name)
    return found


def test_every_command_has_a_row() -> None:
    """The table and the command line have the same commands."""
    assert {row.command for row in ROWS} | NO_KEY == all_commands()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.command)
def test_a_command_needs_its_scope(
    row: Row,
    server: Server,
    teams: Teams,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Without a key and without the scope it fails and says so; no key is ever in what it says."""
    keys: dict[str, str] = {scope: teams.keys["red"][scope] for scope in SCOPES}
    others = {"none": "", "wrong": "lt_nobody", **teams.ended}
    for name, key in {**others, **keys, "operator": server.key}.items():
        may = name == "operator" or (name == row.scope and not row.operator)
        if may and not row.ends:
            continue
        monkeypatch.setenv("LIVETALLY_KEY", key)
        code = main([*row.command.split(), *row.words])
        said = "".join(capfd.readouterr())
        refused = "lacks the scope" in said or "not an operator's key" in said or "key" in said
        if may:
            assert code == 0 or _NAMELESS.search(said), f"{name}: {said}"
        else:
            assert code != 0, f"{name}: {said}"
            assert refused, f"{name}: {said}"
        assert not key or key not in said
        assert "Traceback" not in said


def test_a_watch_runs_with_the_key_that_may(
    teams: Teams, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends only with its user is a process here; it draws, and is stopped."""
    monkeypatch.setenv("LIVETALLY_KEY", teams.keys["red"]["read"])
    command = [sys.executable, "-m", "livetally", "watch", "revenue", "--url", server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        try:
            for _ in range(2):  # a refusal would be one line
                with talk(server, teams.keys["red"]["write"]) as client:
                    event = {"type": "add_revenue", "subject": "ada", "data": {"value": 1}}
                    assert client.post("/v1/events", json=event).json()["stored"] == 1
                assert process.stdout.readline()
        finally:
            process.kill()


def test_a_teams_key_makes_no_operator(
    teams: Teams, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not with ``--operator``, and not with all its scopes."""
    monkeypatch.setenv("LIVETALLY_KEY", teams.keys["red"]["all"])
    words = ("keys", "create", "--name", "mighty", "--scope", "admin", "--operator")
    assert main([*words]) == 1
    said = "".join(capfd.readouterr())
    assert "operator" in said
    assert "lt_" not in said


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.command)
def test_a_command_cant_act_for_another_team(
    row: Row,
    teams: Teams,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A team's key that names another team is refused by every command."""
    monkeypatch.setenv("LIVETALLY_KEY", teams.keys["red"]["all"])
    monkeypatch.setenv("LIVETALLY_TEAM", "blue")
    assert main([*row.command.split(), *row.words]) == 1
    assert "not an operator's key" in "".join(capfd.readouterr())
