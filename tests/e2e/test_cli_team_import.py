"""Rows of one file become events of several teams, by a look-up table and an operator's key.

In the flow: calls ``livetally import --team-from`` as the script does, against a real server.
Guarantee: each row is its own team's and nobody else's; what the table does not know is reported.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from livetally.cli import main
from livetally.testing import Server
from tests.e2e.walls import SHOP, Teams, talk

TAPS = "tag,at,zip\nA1,2026-01-01T10:00:00Z,00501\n007,2026-01-01T11:00:00Z,1\n"
MORE = "".join(f"{('A1', '007', 'X')[n % 3]},2026-01-02T10:00:00Z,{n}\n" for n in range(30))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start one server."""
    with Server(definitions=[SHOP]) as started:
        yield started


@pytest.fixture(scope="module")
def teams(server: Server) -> Teams:
    """Make the teams red and blue."""
    return Teams(server)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, teams: Teams) -> Path:
    """Work in a directory with a file and its table, with the operator's key."""
    (tmp_path / "taps.csv").write_text(TAPS + MORE)
    (tmp_path / "tags.csv").write_text("tag, team \nA1,red\n007,blue\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVETALLY_URL", server.url)
    monkeypatch.setenv("LIVETALLY_KEY", server.key)
    monkeypatch.delenv("LIVETALLY_TEAM", raising=False)
    return tmp_path


def imported(event_type: str, *more: str) -> int:
    """Import the taps; return the exit code."""
    words = ["--type", event_type, "--time", "at", "--team-from", "tags.csv:tag=team", *more]
    return main(["import", "taps.csv", *words])


def taps_of(server: Server, key: str, event_type: str) -> list[dict[str, object]]:
    """Return the data and subject of a team's events of a type."""
    with talk(server, key) as client:
        events = client.get(f"/v1/events?limit=1000&type={event_type}").json()["events"]
        return [{**event.get("data", {}), "subject": event.get("subject")} for event in events]


def test_each_row_is_its_teams_and_unknown_ones_are_reported(
    server: Server, teams: Teams, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Red and blue have theirs, the default team has none, and ten rows are in the rejected file.

    Importing it again counts nothing twice; with a fuller table the rejected file goes in.
    """
    for _ in range(2):
        assert imported("tap") == 1
        for team, tag, count in (("red", "A1", 11), ("blue", "007", 11)):
            found = taps_of(server, teams.keys[team]["read"], "tap")
            assert {one["tag"] for one in found} == {tag}
            assert len(found) == count
        assert taps_of(server, server.key, "tap") == []
    with (place / "taps.csv.rejected").open(newline="") as file:
        rejected = list(csv.DictReader(file))
    assert [row["tag"] for row in rejected] == ["X"] * 10
    assert rejected[0]["rejected_because"] == "tag: 'X' is given to no team by tags.csv"
    assert "10 rejected" in capfd.readouterr().out
    (place / "taps.csv").write_text((place / "taps.csv.rejected").read_text())
    (place / "tags.csv").write_text("tag,team\nX,blue\n")
    assert imported("tap") == 0
    assert len(taps_of(server, teams.keys["blue"]["read"], "tap")) == 21


def test_the_column_may_be_the_subject(server: Server, teams: Teams) -> None:
    """A column that the event has as its subject is looked up there."""
    imported("stamp", "--subject", "tag")
    found = taps_of(server, teams.keys["red"]["read"], "stamp")
    assert {one["subject"] for one in found} == {"A1"}


def test_lines_of_json_are_divided_too(server: Server, teams: Teams, place: Path) -> None:
    """Texts and numbers are compared as they stand; null and an object belong to nobody."""
    lines = ['{"tag":"A1"}', '{"tag":7}', '{"tag":null}', '{"tag":{"a":1}}', "{}"]
    (place / "taps.csv").write_text("\n".join(lines))
    (place / "tags.csv").write_text("tag,team\nA1,red\n7,blue\n")
    words = ["--type", "press", "--format", "jsonl", "--team-from", "tags.csv:tag=team"]
    assert main(["import", "taps.csv", *words]) == 1
    assert len(taps_of(server, teams.keys["red"]["read"], "press")) == 1
    assert len(taps_of(server, teams.keys["blue"]["read"], "press")) == 1
    assert len((place / "taps.csv.rejected").read_text().splitlines()) == 3


def test_only_an_operator_divides_a_file(
    server: Server,
    teams: Teams,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A team's own key, whatever its scopes, stores nothing for another team."""
    before = len(taps_of(server, teams.keys["blue"]["read"], "theft"))
    for scope in ("all", "write"):
        monkeypatch.setenv("LIVETALLY_KEY", teams.keys["red"][scope])
        assert imported("theft") == 1
        assert "operator's key" in capfd.readouterr().err
    assert len(taps_of(server, teams.keys["blue"]["read"], "theft")) == before == 0


@pytest.mark.parametrize(
    ("table", "option", "said"),
    [
        ("tag,team\nA1,nobody\n", "tags.csv:tag=team", "names the team 'nobody'"),
        ("tag,team\nA1,red\nA1,blue\n", "tags.csv:tag=team", "gives 'A1' to two teams"),
        ("tag,team\nA1,red\nB\n", "tags.csv:tag=team", "row 3 of tags.csv names no team"),
        ("tag,team\nA1,red\n", "tags.csv:tag=group", "has no column 'group'"),
        ("tag,team\nA1,red\n", "none.csv:tag=team", "none.csv can't be read"),
        ("tag,team\nA1,red\n", "tags.csv", "write FILE:COLUMN=COLUMN"),
    ],
)
def test_a_table_that_cant_be_used_is_refused_before_the_first_row(
    table: str, option: str, said: str, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The message names the table and the reason; nothing was sent."""
    (place / "tags.csv").write_text(table)
    words = ["--type", "never", "--time", "at", "--team-from", option]
    assert main(["import", "taps.csv", *words]) == 1
    assert said in capfd.readouterr().err
    assert not (place / "taps.csv.rejected").exists()


def test_one_team_or_many_not_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """--team beside a table, and a column that is left out, are wrong usage."""
    assert imported("never", "--skip", "tag") == 2
    monkeypatch.setenv("LIVETALLY_TEAM", "red")
    assert imported("never") == 2
