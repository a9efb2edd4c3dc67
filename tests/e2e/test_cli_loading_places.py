"""A load goes on only where the same rows went to the same team in the same way."""

from __future__ import annotations

import csv
import gzip
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from livetally.cli.connection import Connection
from livetally.cli.load import checkpoint, loading, upload
from livetally.cli.load.kinds import Kind
from livetally.cli.load.shape import Shape
from livetally.errors import LivetallyError
from tests.client_fakes import FakeServer, take
from tests.e2e.loading_room import job_of, load_file, numbers

ROWS = 95


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows in a batch, one batch at a time: so that the order of requests is certain."""
    monkeypatch.setattr(loading, "full_batches", partial(upload.full_batches, rows=10))
    monkeypatch.setattr(upload, "_AT_A_TIME", 1)
    monkeypatch.setattr(upload, "_WAITING_MAX", 1)


@pytest.fixture
def taps(tmp_path: Path) -> Path:
    """A CSV file of ninety-five rows."""
    path = tmp_path / "taps.csv"
    path.write_text("n,who\n" + "".join(f"{n},u{n % 7}\n" for n in range(ROWS)), "utf-8")
    return path


def fail(_server: FakeServer, _request: httpx2.Request) -> httpx2.Response:
    """Refuse for a reason that trying again does not change."""
    return httpx2.Response(403, content=b"{}")


def interrupt(taps: Path) -> None:
    """Load thirty rows and stop."""
    with pytest.raises(LivetallyError, match="30 rows"):
        load_file(FakeServer([take, take, take, fail]), job_of(taps))


def test_another_teams_load_begins_at_the_first_row(taps: Path) -> None:
    """What one team has of a file, another has not; neither has one with another key."""
    url = "http://fake"
    connections = [
        Connection(url=url, key="lt_a", team="blue"),
        Connection(url=url, key="lt_a", team="red"),
        Connection(url=url, key="lt_b", team="blue"),
    ]
    assert len({one.identity for one in connections}) == len(connections)
    assert not any("lt_" in one.identity for one in connections)
    blue, red, _ = (job_of(taps)._replace(server=one.identity) for one in connections)
    with pytest.raises(LivetallyError):
        load_file(FakeServer([take, take, take, fail]), blue)
    server = FakeServer()
    assert load_file(server, red).resumed_rows == 0
    assert numbers(server) == list(range(ROWS))


def test_a_store_that_has_not_come_as_far_is_another_one(taps: Path) -> None:
    """After the data directory was emptied all rows are sent."""
    interrupt(taps)
    assert load_file(FakeServer(), job_of(taps)._replace(position=2)).resumed_rows == 0
    interrupt(taps)
    assert load_file(FakeServer(), job_of(taps)._replace(position=3)).resumed_rows == 30


@pytest.mark.parametrize(
    "options",
    [
        {"subject": "who"},
        {"id": "n"},
        {"skip": frozenset({"who"})},
        {"nulls": frozenset({"", "u1"})},
        {"kinds": {"n": Kind.DECIMAL}},
        {"declared": {"n": Kind.DECIMAL}},
        {"encoding": "latin-1"},
        {"time_format": "s"},
        {"zone": ZoneInfo("Europe/Paris")},
        {"mapping_text": "other"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_a_load_with_other_options_begins_at_the_first_row(
    taps: Path, options: dict[str, Any]
) -> None:
    """Its rows become other events; the seed of their ids is the same."""
    interrupt(taps)
    assert load_file(FakeServer(), job_of(taps, **options)).resumed_rows == 0
    options.pop("declared", None)
    standard = Shape(type="tap", source="import")
    assert Shape(type="tap", source="import", **options).mark == standard.mark


def test_rejected_rows_stand_once_after_a_crash(
    taps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were written after the place was noted come again, and are taken away first."""
    monkeypatch.setattr(checkpoint, "_EVERY_S", 0.0)
    odd = FakeServer(
        [take, take, fail], refuses=lambda event: "odd" if event["data"]["n"] % 10 == 3 else None
    )
    with pytest.raises(LivetallyError):
        load_file(odd, job_of(taps))
    with Path(f"{taps}.rejected").open("a") as file:
        file.write("23,u2,25,data: odd\n33,half of a li")
    done = load_file(odd, job_of(taps))
    assert (done.resumed_rows, done.rejected) == (20, Path(f"{taps}.rejected"))
    cells = [row[0] for row in csv.reader(Path(f"{taps}.rejected").read_text().splitlines())]
    assert cells == ["n", *(str(n) for n in range(3, ROWS, 10))]
    assert not Path(f"{taps}.rejected~").exists()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_could_be_read_of_a_damaged_file_is_sent(tmp_path: Path, form: str) -> None:
    """The error says how far it came; the next call with the whole file goes on from there."""
    rows = {
        "csv": "n\n" + "".join(f"{n}\n" for n in range(50_000)),
        "jsonl": "".join(f'{{"n":{n}}}\n' for n in range(50_000)),
    }[form]
    path = tmp_path / f"taps.{form}.gz"
    whole = gzip.compress(rows.encode())
    path.write_bytes(whole[: len(whole) // 4])
    server = FakeServer()
    job = job_of(path, form)
    with pytest.raises(LivetallyError, match=r"can't be unpacked: .* rows of .* are done"):
        load_file(server, job)
    sent = len(server.stored)
    assert sent > 5_000
    assert numbers(server) == list(range(sent))
    path.write_bytes(whole)
    done = load_file(server, job)
    assert (done.resumed_rows, done.totals.stored) == (sent, 50_000)


def test_half_a_character_at_the_end_asks_for_the_encoding(tmp_path: Path) -> None:
    """What stands before it is sent."""
    path = tmp_path / "taps.csv"
    path.write_bytes("n\n1\n2\n".encode("utf-16") + b"3")
    server = FakeServer()
    with pytest.raises(LivetallyError, match=r"--encoding. 2 rows of"):
        load_file(server, job_of(path, encoding="utf-16"))
    assert numbers(server) == [1, 2]
