"""Files become events by a mapping: shown by ``map``, sent by ``import --map``; Parquet, folders.

In the flow: runs the commands and the loader on files as people have them, broken rows among them.
Guarantee: every row is stored, left out or in the file of rejected rows, and what is shown is what
is sent.
"""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from livetally.cli import main
from livetally.cli.inputs import expanded
from livetally.cli.load.loading import FORMATS, Job, Loaded, load
from livetally.cli.load.shape import Shape
from livetally.cli.mappings import find
from livetally.client import Client
from livetally.errors import LivetallyError
from livetally.testing import Server
from tests.client_fakes import AT_ONCE, FakeServer

DEFINITION = """
application = "shop"
[event.sale]
data = { amount = { type = "decimal", required = true }, team = "string" }
[lookup.teams]
file = "teams.csv"
key = "tag"
value = "team"
[import.sales]
map.where = "status != 'draft'"
map.type = "'sale'"
map.id = "nr"
map.time = { from = "at", format = "%d.%m.%Y %H:%M", tz = "Europe/Oslo" }
map.data.amount = { from = "amount", as = "decimal", required = true }
map.data.team = { from = "tag", lookup = "teams" }
[import.lines]
map.each = "items"
map.type = "'sale'"
map.data.amount = { from = "amount", as = "decimal", required = true }
[source.shop]
url = "https://shop.example/sales"
every = "1 hour"
map.each = "items"
map.type = "'sale'"
map.id = "nr"
map.data.amount = { from = "amount", as = "decimal", required = true }
[inlet.hook]
path = "/hook/{shop}"
map.type = "'sale'"
map.subject = "param('shop')"
map.data.amount = { from = "header('x-amount')", as = "decimal", required = true }
"""
# With a byte order mark, a blank line, a draft, a bad number, a short row and a bad byte.
SALES = (
    b"\xef\xbb\xbfnr,at,amount,tag,status\r\n"
    b"1,29.03.2026 01:30,12.50,t1,ok\r\n"
    b"2,29.03.2026 03:30,7,t9,ok\r\n"
    b"\r\n"
    b"3,29.03.2026 03:30,7,t1,draft\r\n"
    b"4,29.03.2026 03:30,many,t1,ok\r\n"
    b"5,29.03.2026\r\n"
    b"6,29.03.2026 03:30,1,\xff,ok\r\n"
    b"7,29.03.2026 03:30,1,t1,ok\r\n"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the definition, its look-up table, and sales."""
    (tmp_path / "shop.toml").write_text(DEFINITION, encoding="utf-8")
    (tmp_path / "teams.csv").write_text("tag,team\nt1,blue\n", encoding="utf-8")
    (tmp_path / "sales.csv").write_bytes(SALES)
    return tmp_path


def run(server: FakeServer, path: Path, form: str, name: str | None = None) -> Loaded:
    """Load a file into the fake server, by a mapping or as events of one type."""
    salt, mapping = find(f"{path.parent / 'shop.toml'}:{name}") if name else ("", None)
    kind = None if name else "sale"
    shape = Shape(
        type=kind, source="import", mapping=mapping, salt=salt, time=None if name else "at"
    )
    job = Job(path, form, shape, {}, "http://fake", None, patience_s=5)
    with Client("http://fake", transport=server.transport, retry=AT_ONCE) as client:
        return load(job, client)


def stored(server: FakeServer) -> list[dict[str, Any]]:
    """Return what was stored."""
    return list(server.stored.values())


def test_rows_are_sent_as_the_mapping_says(place: Path) -> None:
    """Good rows are stored with their own times; bad ones stand in a file, to be mended."""
    server = FakeServer()
    done = run(server, place / "sales.csv", "csv", "sales")
    assert [(one["id"], one["time"], one["data"]) for one in stored(server)] == [
        ("1", "2026-03-29T00:30:00+00:00", {"amount": 12.5, "team": "blue"}),
        ("2", "2026-03-29T01:30:00+00:00", {"amount": 7}),
        ("7", "2026-03-29T01:30:00+00:00", {"amount": 1, "team": "blue"}),
    ]
    assert {one["source"] for one in stored(server)} == {"import"}
    assert done.rejected == place / "sales.csv.rejected"
    rejected = done.rejected.read_bytes().decode("utf-8", "replace").splitlines()
    assert rejected == [
        "nr,at,amount,tag,status,rejected_line,rejected_because",
        "4,29.03.2026 03:30,many,t1,ok,6,data.amount: is a text that is no number",
        '5,29.03.2026,7,"row: has 2 cells, the heading 5"',
        (
            "6,29.03.2026 03:30,1,\ufffd,ok,8,row: is no text in this encoding;"
            " name the right one with --encoding"
        ),
    ]


def test_a_mended_file_of_rejected_rows_is_imported(place: Path) -> None:
    """What was stored before counts once."""
    server = FakeServer()
    run(server, place / "sales.csv", "csv", "sales")
    mended = place / "sales.csv.rejected"
    body = mended.read_bytes().replace(b"many", b"99").replace(b"\xff", b"t1")
    mended.write_bytes(body.replace(b"5,29.03.2026,", b"5,29.03.2026 05:00,2,t1,ok,"))
    done = run(server, mended, "csv", "sales")
    assert (done.totals.stored, done.totals.rejected) == (3, 0)
    assert run(server, place / "sales.csv", "csv", "sales").totals.duplicates == 3
    assert len(server.stored) == 6


def test_a_missing_column_is_named_before_anything_is_sent(place: Path) -> None:
    """A file of another shape is one error, and not a rejection of every row."""
    (place / "sales.csv").write_text("nr,at,sum,tag\n1,x,2,t1\n", encoding="utf-8")
    with pytest.raises(LivetallyError, match=r"no column 'amount'.*it has nr, at, sum, tag"):
        run(FakeServer(), place / "sales.csv", "csv", "sales")


def test_a_line_may_be_several_events(place: Path) -> None:
    """Each has its own id, the same in the next run; one that is bad refuses the whole line.

    Mended and loaded again, those that were good would count twice.
    """
    path = place / "orders.jsonl"
    path.write_text(
        '{"items": [{"amount": 1.10}, {"amount": "x"}, {"amount": "y"}]}\n{"items": []}\n[1\n{}\n'
        '{"items": [{"amount": 1.10}, {"amount": 3}]}\n',
        encoding="utf-8",
    )
    server = FakeServer()
    done = run(server, path, "jsonl", "lines")
    assert (done.totals.stored, done.totals.rejected) == (2, 3)
    assert len({one["id"] for one in stored(server)}) == 2
    lines = [json.loads(one) for one in (place / "orders.jsonl.rejected").read_text().splitlines()]
    assert [(one["rejected_line"], one["rejected_because"].split(":")[0]) for one in lines] == [
        (1, "data.amount"),
        (3, "line"),
        (4, "each"),
    ]
    assert run(server, path, "jsonl", "lines").totals.duplicates == 2


def sheet(path: Path) -> None:
    """Write a Parquet file with times, decimals and nothing."""
    times = [datetime(2026, 1, 1, 10, tzinfo=UTC), None, datetime(2026, 1, 2, tzinfo=UTC)]
    table = pa.table(
        {
            "at": pa.array(times, pa.timestamp("ns", tz="UTC")),
            "price": pa.array([Decimal("12.50"), Decimal("0.10"), None], pa.decimal128(20, 2)),
            "n": pa.array([9007199254740993, 2, 3], pa.int64()),
            "tag": ["a", None, "c"],
        }
    )
    parquet.write_table(table, path, row_group_size=2)


def test_send_maps_lines_as_well(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``send --map`` makes the events that ``import --map`` makes; sent again they count once."""
    lines = place / "orders.jsonl"
    lines.write_text('{"items": [{"amount": 1.10}, {"amount": 3}]}\n', encoding="utf-8")
    definition = (place / "shop.toml").read_text(encoding="utf-8").split("[source.shop]")[0]
    (place / "served.toml").write_text(definition, encoding="utf-8")
    with Server(definitions=[place / "served.toml"]) as server:
        words = [str(lines), "--map", f"{place / 'served.toml'}:lines", "--json"]
        for found in ((2, 0), (0, 2)):
            (lines.parent / f"{lines.name}.livetally").unlink(missing_ok=True)
            assert main(["send", *words, "--url", server.url, "--key", server.key]) == 0
            said = json.loads(capsys.readouterr().out)
            assert (said["stored"], said["duplicates"]) == found
        assert main(["send", *words[:2], "shop.toml", "--url", server.url]) == 2


def test_parquet_is_imported_exactly(tmp_path: Path) -> None:
    """Decimals and whole numbers keep every digit; what is null is left out; twice counts once."""
    path = tmp_path / "sales.parquet"
    sheet(path)
    server = FakeServer()
    run(server, path, "parquet")
    assert [(one.get("time"), one["data"]) for one in stored(server)] == [
        ("2026-01-01T10:00:00Z", {"price": 12.5, "n": 9007199254740993, "tag": "a"}),
        (None, {"price": 0.1, "n": 2}),
        ("2026-01-02T00:00:00Z", {"n": 3, "tag": "c"}),
    ]
    assert run(server, path, "parquet").totals.duplicates == 3


def test_parquet_rows_go_through_a_mapping_and_can_be_mended(place: Path) -> None:
    """Rejected rows are written as lines of JSON."""
    path = place / "sales.parquet"
    parquet.write_table(
        pa.table({"nr": [1, 2], "at": ["29.03.2026 03:30", "soon"], "amount": ["1.5", "2"]}), path
    )
    server = FakeServer()
    done = run(server, path, "parquet", "sales")
    assert [one["data"] for one in stored(server)] == [{"amount": 1.5}]
    assert done.rejected == place / "sales.parquet.rejected.jsonl"
    mended = done.rejected.read_text().replace("soon", "29.03.2026 03:31")
    done.rejected.write_text(mended)
    assert run(server, done.rejected, "jsonl", "sales").totals.stored == 1


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    """A file of that name with something else in it."""
    path = tmp_path / "sales.parquet"
    path.write_bytes(b"nr,at\n1,2\n")
    with pytest.raises(LivetallyError, match="can't be read as Parquet, after row 0"):
        run(FakeServer(), path, "parquet")


def test_a_directory_stands_for_its_files(tmp_path: Path) -> None:
    """By name, below it too; neither hidden files nor rejected rows nor anything else."""
    names = ["b.csv", "a.jsonl.gz", "sub/c.parquet", "b.csv.rejected", "b.csv.progress", "x.txt"]
    for name in (*names, ".hidden.csv", ".d/e.csv", "s.parquet.rejected.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = expanded([tmp_path], FORMATS)
    assert [one.name for one in found] == [
        "a.jsonl.gz",
        "b.csv",
        "sub/c.parquet",
    ]
    (tmp_path / "none").mkdir()
    assert main(["import", str(tmp_path / "none"), "--type", "t"]) == 2


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[Any], str]:
    """Run ``livetally map``; return its code, the events and what it says."""
    code = main(["map", *words])
    out = capsys.readouterr()
    return code, [json.loads(line) for line in out.out.splitlines()], out.err


def test_map_shows_what_an_import_would_send(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Events on standard output, reasons with their lines beside it."""
    (place / "sales.csv").write_bytes(
        SALES.replace(b"\xff", b"t1").replace(b"5,29.03.2026\r\n", b"")
    )
    where = ("--with", str(place / "shop.toml"))
    code, events, told = shown(capsys, str(place / "sales.csv"), *where, "--import", "sales")
    assert code == 1
    assert [one["id"] for one in events] == ["1", "2", "6", "7"]
    assert "line 6: data.amount: is a text that is no number" in told
    assert "Events: 4, left out: 1, rejected: 1." in told
    code, events, told = shown(
        capsys, str(place / "sales.csv"), *where, "--import", "sales", "--limit", "1"
    )
    assert (code, len(events)) == (0, 1)
    assert "Only the first 1 rows were read" in told


def test_map_refuses_what_an_import_would_refuse(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row of another length and a line that is no JSON are told with their lines."""
    where = ("--with", str(place / "shop.toml"), "--import")
    rows = place / "rows.csv"
    rows.write_text("nr,at,amount,tag\n1,29.03.2026 03:30,1,t1,more\n2,29.03.2026 03:30,1,t1\n")
    code, events, told = shown(capsys, str(rows), *where, "sales")
    assert (code, [one["id"] for one in events]) == (1, ["2"])
    assert "line 2: has 5 cells, the heading 4" in told
    lines = place / "lines.jsonl"
    lines.write_text(
        '{"items": [{"amount": 1}]}\n[1\n{"items": [{"amount": 2}]}\n'
        '{"items": [{"amount": 3}, {"amount": "x"}]}\n'
    )
    code, events, told = shown(capsys, str(lines), *where, "lines")
    assert (code, [one["data"]["amount"] for one in events]) == (1, [1, 2])
    assert "line 2: is not JSON" in told
    marked = place / "marked.json"
    marked.write_bytes(b'\xef\xbb\xbf{"items": [{"amount": 1}]}')
    assert shown(capsys, str(marked), *where, "lines")[0] == 0
    sheet = place / "sheet.parquet"
    parquet.write_table(pa.table({"nr": [1], "at": ["29.03.2026 03:30"], "amount": ["1"]}), sheet)
    assert len(shown(capsys, str(sheet), *where, "sales")[1]) == 1


def test_map_reads_a_file_as_an_import_does(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of another encoding and another delimiter, and an array of JSON row by row."""
    where = ("--with", str(place / "shop.toml"), "--import", "sales")
    sheet = place / "other.csv"
    sheet.write_bytes("nr;at;amount\nØ1;29.03.2026 03:30;1\n".encode("latin-1"))
    words = ("--encoding", "latin-1", "--delimiter", ";")
    assert [one["id"] for one in shown(capsys, str(sheet), *where, *words)[1]] == ["Ø1"]
    rows = place / "rows.json"
    good, bad = '{"nr": 1, "at": "29.03.2026 03:30", "amount": 1}', '{"nr": 2, "amount": "x"}'
    rows.write_text(f"[{good},\n {bad},\n {good}]")
    _, events, told = shown(capsys, str(rows), *where)
    assert (len(events), "line 2: data.amount" in told) == (2, True)
    rows.write_text("[1")
    assert "is no JSON array of events" in shown(capsys, str(rows), *where)[2]


def test_map_shows_what_an_inlet_would_take(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the parts of the path and the headers that the request would have."""

    class Piped:
        buffer = io.BytesIO(b"{}")

    monkeypatch.setattr("sys.stdin", Piped)
    words = ("-", "--with", str(place / "shop.toml"), "--inlet", "hook")
    code, events, _ = shown(capsys, *words, "--param", "shop=oslo", "--header", "X-Amount=1.50")
    assert (code, events) == (0, [{"type": "sale", "subject": "oslo", "data": {"amount": 1.5}}])


def test_map_shows_what_a_source_would_fetch(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the ids that tell a changed record from the same one again."""
    where = ("--with", str(place / "shop.toml"), "--source", "shop")

    def of(amount: str) -> list[Any]:
        page = place / "page.json"
        page.write_text(f'{{"items": [{{"nr": 7, "amount": {amount}}}, {{"nr": 8, "amount": 1}}]}}')
        code, events, _ = shown(capsys, str(page), *where)
        assert code == 0
        return events

    first, again, changed = of("1.50"), of("1.50"), of("2.50")
    assert [one["source"] for one in first] == ["source/shop"] * 2
    assert first == again
    assert first[0]["id"].startswith("7-")
    assert (first[0]["id"] != changed[0]["id"], first[1]["id"] == changed[1]["id"]) == (True, True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            (),
            "say which; its mappings are: inlet hook, import sales, import lines, source shop",
        ),
        (("--inlet", "hok"), "it has no inlet 'hok'"),
        (("--inlet", "hook", "--import", "sales"), "Give one of"),
        (("--inlet", "hook", "--param", "shop"), "write NAME=VALUE"),
    ],
)
def test_a_mapping_has_to_be_named(
    place: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], reason: str
) -> None:
    """Wrong usage says what there is."""
    file = str(place / "sales.csv")
    code, _, told = shown(capsys, file, "--with", str(place / "shop.toml"), *words)
    assert code == 2
    assert reason in told


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "Give one of --type and --map."),
        (("--type", "t", "--map", "shop.toml:sales"), "Give one of --type and --map."),
        (("--map", "shop.toml"), "write DEFINITION:NAME"),
        (("--map", "shop.toml:sale"), "it has no mapping 'sale'"),
        (("--map", "shop.toml:sales", "--time", "at"), "--time is for --type"),
    ],
)
def test_import_needs_a_type_or_a_mapping(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    reason: str,
) -> None:
    """One of the two, and no column options beside a mapping."""
    monkeypatch.chdir(place)
    assert main(["import", "sales.csv", *words]) == 2
    assert reason in capsys.readouterr().err
