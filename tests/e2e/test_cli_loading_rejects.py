"""What is in the file of rejected rows can be mended there and loaded as it is."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from livetally.cli import main
from livetally.cli.load.kinds import Kind
from livetally.cli.load.loading import Job
from livetally.cli.loaded import load_all
from livetally.client import Client
from livetally.errors import LivetallyError
from tests.client_fakes import AT_ONCE, FakeServer
from tests.e2e.loading_room import job_of, load_file, numbers


def load_jobs(server: FakeServer, jobs: list[Job]) -> int:
    """Do several jobs as one command."""
    with Client("http://fake", transport=server.transport, retry=AT_ONCE) as client:
        return load_all(jobs, client, json=False)


def cells_of(path: Path, encoding: str = "utf-8", delimiter: str = ",") -> list[list[str]]:
    """Read a file of rejected rows."""
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def several(place: Path, bodies: dict[str, str], rejected: Path | None) -> list[Job]:
    """Write files and return their jobs, which share a file of rejected rows."""
    jobs = []
    for name, body in bodies.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(body)
        form = name.rpartition(".")[2]
        job = job_of(place / name, form, {"n": Kind.INTEGER})
        jobs.append(job._replace(rejected=rejected, name=name))
    return jobs


def test_the_rejected_rows_of_several_files_are_in_one(tmp_path: Path) -> None:
    """What was there before is kept under another name; nothing of this command is."""
    rejected = tmp_path / "bad.csv"
    rejected.write_text("mine")
    bodies = {"a.csv": "n\nx\n1\n", "b.csv": "n\n2\n", "c.csv": "n\ny\n3\n"}
    server = FakeServer()
    assert load_jobs(server, several(tmp_path, bodies, rejected)) == 1
    assert [row[0] for row in cells_of(rejected)] == ["n", "x", "y"]
    assert Path(f"{rejected}~").read_text() == "mine"
    assert numbers(server) == [1, 2, 3]


@pytest.mark.parametrize("other", [("b.csv", "m\n1\n"), ("b.jsonl", '{"n":1}\n')], ids=str)
def test_files_that_can_not_share_one_are_refused_before_anything_is_sent(
    tmp_path: Path, other: tuple[str, str]
) -> None:
    """Another heading, or another format."""
    server = FakeServer()
    bodies = dict([("a.csv", "n\n1\n"), other])
    with pytest.raises(LivetallyError, match=r"--rejected: .*a\.csv and .*b\..* can't share"):
        load_jobs(server, several(tmp_path, bodies, tmp_path / "bad"))
    assert server.requests == []


def test_a_file_whose_heading_does_not_fit_costs_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, and the others are loaded."""
    server = FakeServer()
    bodies = {"a.csv": "n,n\n1,1\n", "b.csv": "n\n2\n"}
    assert load_jobs(server, several(tmp_path, bodies, None)) == 1
    assert numbers(server) == [2]
    assert "a.csv: The heading names a column twice: n." in capsys.readouterr().err
    with pytest.raises(LivetallyError, match=r"a\.csv: The heading"):
        load_jobs(server, several(tmp_path, {"a.csv": "n,n\n"}, None))


def test_files_of_one_name_below_a_directory_have_rows_of_their_own(tmp_path: Path) -> None:
    """Those directly in it keep the ids that they have alone."""
    server = FakeServer()
    bodies = {"t.csv": "n\n1\n", "x/t.csv": "n\n1\n", "y/t.csv": "n\n1\n"}
    assert load_jobs(server, several(tmp_path, bodies, None)) == 0
    assert len(server.stored) == 3
    assert load_file(server, job_of(tmp_path / "t.csv")).totals.duplicates == 1


@pytest.mark.parametrize(
    ("form", "delimiter", "encoding"),
    [("tsv", "\t", "utf-8-sig"), ("csv", ";", "latin-1"), ("csv", "|", "utf-16")],
)
def test_rejected_rows_are_written_as_the_file_is(
    tmp_path: Path, form: str, delimiter: str, encoding: str
) -> None:
    """The mended file is loaded with the same options."""
    path = tmp_path / f"t.{form}"
    path.write_text(f"n{delimiter}who\nx{delimiter}d\u00e9,j\u00e0\n", encoding)
    options = {"encoding": encoding, "delimiter": "," if form == "tsv" else delimiter}
    declared = {"n": Kind.INTEGER}
    done = load_file(FakeServer(), job_of(path, form, declared, **options))
    assert done.rejected == Path(f"{path}.rejected")
    rows = cells_of(done.rejected, encoding, delimiter)
    assert rows[1][:3] == ["x", "d\u00e9,j\u00e0", "2"]
    text = done.rejected.read_text(encoding)
    done.rejected.write_text(text.replace(f"x{delimiter}", f"1{delimiter}"), encoding)
    server = FakeServer()
    load_file(server, job_of(done.rejected, form, declared, **options))
    assert [one["data"] for one in server.stored.values()] == [{"n": 1, "who": "d\u00e9,j\u00e0"}]


def test_a_byte_that_is_no_text_stands_in_it_as_it_was(tmp_path: Path) -> None:
    """Mended or not, it is the file's own."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"n,who\n1,caf\xe9\n")
    done = load_file(FakeServer(), job_of(path))
    assert done.rejected is not None
    assert b"1,caf\xe9,2," in done.rejected.read_bytes()


@pytest.mark.parametrize("event_type", [None, "tap"])
@pytest.mark.parametrize("place", [b'{"n":2,"who":"caf\xe9"}', b'{"n":2,"caf\xe9":1}'], ids=repr)
def test_a_line_that_is_no_text_costs_no_other(
    tmp_path: Path, event_type: str | None, place: bytes
) -> None:
    """It is rejected as any broken line; what it was can be read, byte by byte, and mended."""
    path = tmp_path / "t.jsonl"
    lines = [b'{"n":1}', place, b'{"n":3}']
    if event_type is None:
        lines = [b'{"type":"tap","data":%b}' % line for line in lines]
    path.write_bytes(b"\n".join(lines))
    server = FakeServer()
    done = load_file(server, job_of(path, "jsonl", type=event_type))
    assert numbers(server) == [1, 3]
    assert (done.totals.rows, done.totals.stored, done.totals.rejected) == (3, 2, 1)
    assert done.rejected is not None
    told = msgspec.json.decode(done.rejected.read_bytes())
    assert told["text"] == lines[1].decode("utf-8", "backslashreplace")
    assert (told["rejected_line"], told["rejected_because"]) == (
        2,
        f"line: is no UTF-8, at its byte {lines[1].index(0xE9)}",
    )
    done.rejected.write_text(told["text"].replace("\\xe9", "\u00e9"), "utf-8")
    assert load_file(server, job_of(done.rejected, "jsonl", type=event_type)).totals.stored == 1


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_only_of_csv_another_encoding_is_asked_for(tmp_path: Path, form: str) -> None:
    """Lines of JSON have no other."""
    path = tmp_path / f"t.{form}"
    path.write_bytes(b"n\n1\n" if form == "csv" else b"\xff\xfe{")
    job = job_of(path, form, encoding="utf-16")
    if form == "csv":
        with pytest.raises(LivetallyError, match=r"no text in this encoding.*--encoding"):
            load_file(FakeServer(), job)
        return
    done = load_file(FakeServer(), job)
    assert done.rejected is not None
    assert "encoding" not in done.rejected.read_text()


def test_map_asks_for_the_encoding_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the import that it tries out."""
    (tmp_path / "t.csv").write_bytes(b"n\n1\n")
    definition = tmp_path / "t.toml"
    definition.write_text('application = "t"\n[event.t]\n[import.t]\nmap.type = "\'t\'"\n')
    words = ["map", str(tmp_path / "t.csv"), "--with", str(definition), "--encoding", "utf-16"]
    assert main(words) == 1
    assert "name the right one with --encoding" in capsys.readouterr().err


def test_a_file_may_have_a_name_that_is_no_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name is bytes; they are shown."""
    path = tmp_path / "t\udcff.csv"
    path.write_text("n\nx\n1\n")
    server = FakeServer()
    job = job_of(path, "csv", {"n": Kind.INTEGER})
    assert load_jobs(server, [job]) == 1
    assert numbers(server) == [1]
    assert r"t\xff.csv: 2 rows" in capsys.readouterr().out
    assert Path(f"{path}.rejected").exists()


def test_the_items_of_an_array_are_rejected_as_lines(tmp_path: Path) -> None:
    """Under a name that says so."""
    path = tmp_path / "t.json"
    path.write_text('[{"n": 1}, 5]')
    server = FakeServer()
    done = load_file(server, job_of(path, "json"))
    assert done.rejected == tmp_path / "t.json.rejected.jsonl"
    assert msgspec.json.decode(done.rejected.read_bytes())["rejected_line"] == 2


def test_a_row_that_is_rejected_again_has_the_new_reason_only(tmp_path: Path) -> None:
    """Also one of another length, which has the old one at its end."""
    path = tmp_path / "t.csv"
    path.write_text("n,who\nx,ada\n7\n")
    declared = {"n": Kind.INTEGER}
    first = load_file(FakeServer(), job_of(path, "csv", declared)).rejected
    assert first is not None
    second = load_file(FakeServer(), job_of(first, "csv", declared)).rejected
    assert second is not None
    rows = cells_of(second)
    assert rows[:2] == [
        ["n", "who", "rejected_line", "rejected_because"],
        ["x", "ada", "2", "n: 'x' is no whole number"],
    ]
    assert rows[2][:2] == ["7", "3"]
    assert len(rows[2]) == 3


@pytest.mark.parametrize("rows", [1, 3])
def test_a_line_that_nobody_mended_is_no_data(tmp_path: Path, rows: int) -> None:
    """It is refused again, alone or among others."""
    path = tmp_path / "t.jsonl"
    good = "".join(f'{{"n":{n}}}\n' for n in range(rows))
    path.write_text(good + "{broken\n")
    rejected = load_file(FakeServer(), job_of(path, "jsonl")).rejected
    assert rejected is not None
    again = tmp_path / "again.jsonl"
    again.write_text(good + rejected.read_text())
    server = FakeServer()
    done = load_file(server, job_of(again, "jsonl"))
    assert (done.totals.stored, done.totals.rejected) == (rows, 1)
    assert done.rejected is not None
    line = msgspec.json.decode(done.rejected.read_bytes())
    assert (line["text"], line["rejected_line"]) == ("{broken", rows + 1)
    assert "is not mended" in line["rejected_because"]


def test_parquet_rows_with_times_in_lists_are_read(tmp_path: Path) -> None:
    """To the microsecond; a duration is a text."""
    path = tmp_path / "t.parquet"
    time = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.table(
        {
            "deep": pa.array(
                [{"at": [time]}], pa.struct([("at", pa.list_(pa.timestamp("ns", "UTC")))])
            ),
            "took": pa.array([1_500_000_001], pa.duration("ns")),
        }
    )
    parquet.write_table(table, path)
    server = FakeServer()
    load_file(server, job_of(path, "parquet"))
    assert [one["data"] for one in server.stored.values()] == [
        {"deep": {"at": ["2026-01-01T00:00:00Z"]}, "took": "PT1.5S"}
    ]


def test_parquet_rows_that_can_not_be_written_keep_their_content(tmp_path: Path) -> None:
    """As text, and they cost no other row."""
    path = tmp_path / "t.parquet"
    second = 10**6
    times = pa.array([2**62, 1_767_225_600 * second], pa.timestamp("us"))
    parquet.write_table(pa.table({"n": [1, 2], "at": times}), path)
    server = FakeServer()
    done = load_file(server, job_of(path, "parquet"))
    assert numbers(server) == [2]
    assert done.rejected is not None
    line = msgspec.json.decode(done.rejected.read_bytes())
    assert "'n': '1'" in line["text"]
    assert "out of range" in line["rejected_because"]


def test_a_place_that_can_not_be_written_is_the_one_that_is_named(tmp_path: Path) -> None:
    """And not the file that is read."""
    path = tmp_path / "t.csv"
    path.write_text("n\nx\n")
    job = job_of(path, "csv", {"n": Kind.INTEGER})._replace(rejected=tmp_path / "no" / "bad.csv")
    with pytest.raises(LivetallyError, match=r"rejected rows, .*bad\.csv, can't be written"):
        load_file(FakeServer(), job)
