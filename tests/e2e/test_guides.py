"""The guides that begin with nothing: their commands run as pasted, and the numbers are right.

In the flow: a folder with the examples and a shell, as a reader has them.
Guarantee: a command that stops working fails here, and so does a number that is another one.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.readme_commands import Place, blocks
from tests.tidy.source_tree import ROOT

GUIDES = ROOT / "docs/guides"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return a folder and a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with Place(tmp_path, port) as made:
        yield made


def run(place: Place, guide: str) -> None:
    """Run every block of a guide in order."""
    for block in blocks(GUIDES / guide):
        place.run(block)


def total(place: Place, metric: str, *options: str) -> object:
    """Return a metric's total, as the command line tells it to machines."""
    words = " ".join(options)
    said = json.loads(place.run(f"livetally query {metric} --json {words}"))
    return said["rows"][0]["value"]


def test_the_first_dashboard(place: Place) -> None:
    """The duplicate counts once, the return is taken off, the last sale is there."""
    run(place, "first-dashboard.md")
    assert total(place, "sold") == 3
    assert str(total(place, "revenue")) in ("63", "63.0", "63.00")
    assert str(total(place, "revenue", "--where", "show:opera")) in ("0", "0.0", "0.00")


def test_coming_from_elsewhere(place: Place) -> None:
    """Page views, visitors and seconds are those of the files; importing again changes nothing."""
    run(place, "migrate.md")
    for _ in range(2):
        assert total(place, "pageviews") == 3 + 3
        assert total(place, "visitors") == 2 + 2
        assert total(place, "pageviews", "--where", "path:/prices") == 2
        assert str(total(place, "request_seconds")) == "13.625"
        run_again = [one for one in blocks(GUIDES / "migrate.md") if "livetally import" in one]
        for block in run_again:
            place.run(block)


def test_other_tools(place: Place) -> None:
    """CSV for a spreadsheet, and the engine's own SQL on a copy, tell the same events."""
    said = [place.run(block) for block in blocks(GUIDES / "tools.md")]
    assert said[2].splitlines()[0] == "time,subject,value"
    rows = [line.split(",")[:3] for line in said[3].splitlines() if line.startswith('"request"')]
    assert [(row[1], row[2]) for row in rows] == [('"customer-1"', "2"), ('"customer-2"', "1")]
