"""Loading files into a server that counts once: interrupted, resumed, mended, repeated."""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from livetally.cli.load import loading, upload
from livetally.cli.load.kinds import Kind
from livetally.cli.load.loading import Job, Loaded, load
from livetally.cli.load.opening import STDIN
from livetally.cli.load.shape import Shape
from livetally.client import Client
from livetally.errors import LivetallyError
from tests.client_fakes import AT_ONCE, FakeServer, busy, drop_after, drop_before, take

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

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


def run(
    server: FakeServer,
    path: Path,
    form: str = "csv",
    declared: Mapping[str, Kind] | None = None,
    rejected: Path | None = None,
    **shape: Any,
) -> Loaded:
    """Load a file into the fake server."""
    made = Shape(**{"type": "tap", "source": "import", **shape})
    job = Job(path, form, made, declared or {}, "http://fake", rejected, patience_s=5)
    with Client("http://fake", transport=server.transport, retry=AT_ONCE) as client:
        return load(job, client)


def numbers(server: FakeServer) -> list[int]:
    """Return the numbers that are stored, in the order in which they were."""
    return [event["data"]["n"] for event in server.stored.values()]


def test_a_file_is_loaded_and_counted(taps: Path) -> None:
    """Every row is one event; nothing is left beside the file."""
    server = FakeServer()
    done = run(server, taps)
    assert numbers(server) == list(range(ROWS))
    assert (done.totals.rows, done.totals.stored, done.rejected) == (ROWS, ROWS, None)
    assert done.totals.position == 10
    assert [path.name for path in taps.parent.iterdir()] == ["taps.csv"]


def test_a_column_without_a_name_is_left_out_and_told_of(
    taps: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, with its number."""
    taps.write_text("n,,who\n1,2,ada\n3,4,bob\n")
    server = FakeServer()
    run(server, taps)
    assert [event["data"] for event in server.stored.values()] == [
        {"n": 1, "who": "ada"},
        {"n": 3, "who": "bob"},
    ]
    told = capsys.readouterr().err
    assert told.count("column 2 has no name in the heading and is left out") == 1


def test_loading_twice_counts_once(taps: Path) -> None:
    """The second time all are duplicates."""
    server = FakeServer()
    run(server, taps)
    done = run(server, taps)
    assert (done.totals.stored, done.totals.duplicates) == (0, ROWS)
    assert len(server.stored) == ROWS


def test_a_file_that_has_grown_adds_its_new_rows(taps: Path) -> None:
    """What was there before counts once."""
    server = FakeServer()
    run(server, taps)
    with taps.open("a") as file:
        file.write("1000,new\n")
    done = run(server, taps)
    assert (done.totals.stored, done.totals.duplicates) == (1, ROWS)


def test_another_file_that_begins_alike_counts_for_itself(taps: Path) -> None:
    """Its rows are other rows."""
    server = FakeServer()
    run(server, taps)
    other = taps.with_name("taps-2.csv")
    other.write_bytes(taps.read_bytes())
    assert run(server, other).totals.stored == ROWS


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstd.compress)], ids=["gz", "zst"]
)
def test_a_packed_file_is_the_same_file(
    taps: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    """Its rows have the same ids."""
    server = FakeServer()
    run(server, taps)
    packed = taps.with_name(taps.name + suffix)
    packed.write_bytes(pack(taps.read_bytes()))
    done = run(server, packed)
    assert (done.totals.stored, done.totals.duplicates) == (0, ROWS)


def fail(_server: FakeServer, _request: httpx2.Request) -> httpx2.Response:
    """Refuse for a reason that trying again does not change."""
    return httpx2.Response(403, content=b"{}")


def test_an_interrupted_load_goes_on_where_it_stopped(taps: Path) -> None:
    """Rows that are acknowledged are not sent again."""
    server = FakeServer([take, take, take, fail])
    with pytest.raises(LivetallyError, match=r"30 rows of .* run the same command again"):
        run(server, taps)
    assert Path(f"{taps}.progress").exists()
    sent_before = len(server.sent_ids)
    done = run(server, taps)
    assert numbers(server) == list(range(ROWS))
    assert (done.resumed_rows, done.totals.rows, done.totals.stored) == (30, ROWS, ROWS)
    assert sum(map(len, server.sent_ids[sent_before:])) == ROWS - 30
    assert not Path(f"{taps}.progress").exists()


def test_ctrl_c_keeps_the_place(taps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how far it came and how to go on."""
    server = FakeServer()
    real = upload.uploaded

    def interrupted(*arguments: Any) -> Iterator[upload.Settled]:
        for count, settled in enumerate(real(*arguments)):
            if count == 2:
                raise KeyboardInterrupt
            yield settled

    monkeypatch.setattr(loading, "uploaded", interrupted)
    with pytest.raises(LivetallyError, match=r"stopped. 20 rows"):
        run(server, taps)
    monkeypatch.setattr(loading, "uploaded", real)
    assert run(server, taps).resumed_rows == 20
    assert numbers(server) == list(range(ROWS))


def test_a_file_that_was_changed_meanwhile_is_loaded_from_its_start(taps: Path) -> None:
    """The place is that of another file; nothing is skipped."""
    server = FakeServer([take, take, fail])
    with pytest.raises(LivetallyError):
        run(server, taps)
    taps.write_text(taps.read_text().replace("\n5,", "\n5000,"))
    done = run(server, taps)
    assert (done.resumed_rows, done.totals.rows) == (0, ROWS)
    assert {5, 5000} <= set(numbers(server))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"server":1}',
        b"\xff",
        b'{"server":"http://other","shape":"","mark":"","totals":{"rows":5}}',
    ],
    ids=repr,
)
def test_a_damaged_or_foreign_place_is_no_place(taps: Path, content: bytes) -> None:
    """The load begins at the first row."""
    Path(f"{taps}.progress").write_bytes(content)
    assert run(FakeServer(), taps).resumed_rows == 0


def test_troubles_on_the_way_change_no_count(taps: Path) -> None:
    """Lost answers, lost connections and busy servers are tried again with the same ids."""
    server = FakeServer([drop_after, busy(503, retry_after="0"), take, drop_before, drop_after] * 3)
    done = run(server, taps)
    assert sorted(numbers(server)) == list(range(ROWS))
    assert done.totals.stored + done.totals.duplicates == ROWS


def test_rejected_rows_can_be_mended_and_loaded(taps: Path) -> None:
    """They stand in a file with their line and the reason; the valid ones are all stored."""
    with taps.open("a") as file:
        file.write("x,broken here\n7\n66,refused there\n")
    server = FakeServer(
        refuses=lambda event: "no" if event["data"]["who"] == "refused there" else None
    )
    declared = {"n": Kind.INTEGER}
    done = run(server, taps, declared=declared)
    assert (done.totals.stored, done.totals.rejected) == (ROWS, 3)
    assert done.rejected == Path(f"{taps}.rejected")
    rows = list(csv.reader(done.rejected.read_text().splitlines()))
    assert rows == [
        ["n", "who", "rejected_line", "rejected_because"],
        ["x", "broken here", "97", "n: 'x' is no whole number"],
        ["7", "98", "row: has 1 cells, the heading 2"],
        ["66", "refused there", "99", "data: no"],
    ]
    mended = done.rejected.read_text().replace("x,broken", "1000,mended").replace("7,98", "7,w,98")
    done.rejected.write_text(mended.replace("refused there", "fine"))
    again = run(server, done.rejected, declared=declared)
    assert (again.totals.stored, again.totals.rejected) == (3, 0)
    assert numbers(server)[ROWS:] == [1000, 7, 66]
    assert all(set(event["data"]) == {"n", "who"} for event in server.stored.values())


def test_an_id_that_was_stored_with_other_content_is_rejected(taps: Path) -> None:
    """The first one counts; the row is not lost without a word."""
    server = FakeServer()
    run(server, taps, id="n")
    taps.write_text(taps.read_text().replace("\n3,u3", "\n3,somebody else"))
    done = run(server, taps, id="n")
    assert (done.totals.duplicates, done.totals.rejected) == (ROWS - 1, 1)
    assert done.rejected is not None
    assert "id: conflict" in done.rejected.read_text()


def test_rejected_lines_of_json_can_be_mended_and_loaded(tmp_path: Path) -> None:
    """An object keeps its members; what is none keeps its text."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"type":"tap","n":1}\nnonsense\n{"type":"odd","id":"o"}\n')
    server = FakeServer(refuses=lambda event: "odd" if event["type"] == "odd" else None)
    done = run(server, path, "jsonl", type=None, source="")
    assert (done.totals.stored, done.totals.rejected) == (1, 2)
    assert done.rejected is not None
    lines = [msgspec.json.decode(line) for line in done.rejected.read_bytes().splitlines()]
    assert [line["rejected_line"] for line in lines] == [2, 3]
    assert lines[0]["text"] == "nonsense"
    assert lines[0]["rejected_because"].startswith("line: is no JSON")
    assert lines[1]["rejected_because"] == "data: odd"
    assert (lines[1]["type"], lines[1]["id"]) == ("odd", "o")
    done.rejected.write_bytes(
        done.rejected.read_bytes()
        .replace(b'"text":"nonsense"', b'"type":"tap"')
        .replace(b'"odd"', b'"even"')
    )
    again = run(server, done.rejected, "jsonl", type=None, source="")
    assert (again.totals.stored, again.totals.rejected) == (2, 0)
    assert all("rejected_line" not in event for event in server.stored.values())


def test_rejected_rows_of_a_resumed_load_are_all_there(taps: Path) -> None:
    """The second part goes on with the file of the first."""
    server = FakeServer(
        [take, take, fail], refuses=lambda event: "odd" if event["data"]["n"] % 10 == 3 else None
    )
    with pytest.raises(LivetallyError):
        run(server, taps)
    done = run(server, taps)
    assert done.totals.rejected == 10
    assert done.rejected is not None
    cells = [row[0] for row in csv.reader(done.rejected.read_text().splitlines())]
    assert cells == ["n", *(str(n) for n in range(3, ROWS, 10))]


def test_a_file_of_rejected_rows_that_was_there_is_kept(taps: Path) -> None:
    """It may hold what somebody is mending."""
    before = Path(f"{taps}.rejected")
    before.write_text("mine")
    run(FakeServer(refuses=lambda _event: "no"), taps)
    assert Path(f"{before}~").read_text() == "mine"
    assert before.read_text() != "mine"


def test_a_folder_that_can_not_be_written_to_costs_only_the_place(taps: Path) -> None:
    """The load itself goes on."""
    Path(f"{taps}.progress.new").mkdir()
    assert run(FakeServer(), taps).totals.stored == ROWS


def test_standard_input_has_no_place_and_is_sent_as_it_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stream is not waited for to its end: what has come is sent half a second later at most."""
    monkeypatch.setattr(loading, "_STREAM_DELAY_S", 0.01)
    server = FakeServer()

    def lines() -> Iterator[bytes]:
        yield b'{"type":"tap","id":"first"}\n'
        from tests.waiting import until

        until(lambda: "first" in server.stored, "the first event to be sent")
        yield b'{"type":"tap","id":"second"}\n'

    class Slow(BytesIO):
        left = lines()

        def readline(self, _size: int | None = -1, /) -> bytes:
            return next(self.left, b"")

    monkeypatch.setattr(sys, "stdin", TextIOWrapper(Slow()))
    done = run(server, STDIN, "jsonl", type=None, source="")
    assert list(server.stored) == ["first", "second"]
    assert (done.totals.rows, list(tmp_path.iterdir())) == (2, [])


def test_an_error_while_a_stream_is_read_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not swallowed by the thread that reads."""

    class Broken(BytesIO):
        def readline(self, _size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stdin", TextIOWrapper(Broken()))
    with pytest.raises(LivetallyError, match=r"- can't be read: Input/output error"):
        run(FakeServer(), STDIN, "jsonl", type=None, source="")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", None, "can't be read: No such file"),
        ("a.csv.gz", b"no gzip at all", "can't be read|can't be unpacked"),
        ("a.csv.gz", gzip.compress(b"n\n" + b"1\n" * 50_000)[:-20], "can't be unpacked"),
        ("a.csv.zst", b"no zstd at all", "can't be unpacked"),
        ("a.json", b"[1,", "is no JSON array of events"),
    ],
    ids=["missing", "no-gzip", "cut-gzip", "no-zstd", "no-array"],
)
def test_a_file_that_can_not_be_read_is_named(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    """With the reason; no trace."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LivetallyError, match=said):
        run(FakeServer(), path, "json" if name.endswith("json") else "csv")


def test_an_array_of_events_is_loaded(tmp_path: Path) -> None:
    """Written over several lines."""
    path = tmp_path / "a.json"
    path.write_text('[\n {"type": "a",\n  "id": "1"},\n {"type": "b", "id": "2"}\n]\n')
    server = FakeServer()
    run(server, path, "json", type=None, source="")
    assert list(server.stored) == ["1", "2"]
