"""The commands against a real server: what they print, and how they end."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from livetally.client import Client
from livetally.testing import Server
from tests.e2e.command_told import SHOP, Done, Run

pytest_plugins = ("tests.e2e.command_server",)


def test_query_prints_one_number(run: Run) -> None:
    """A total is a number and nothing else."""
    assert run("query", "revenue") == Done(0, "100.5\n", "")


def test_query_prints_a_table(run: Run) -> None:
    """One row for each bucket and group, without colours when it is no terminal."""
    words = ("--interval", "day", "--by", "till", "--tz", "Europe/Oslo")
    done = run("query", "revenue", *words)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["time", "(Europe/Oslo)", "till", "value"]
    assert lines[1].split() == ["2026-03-28", "a", "20.1"]
    assert len(lines) == 7


def test_query_takes_the_parameters_of_http(run: Run) -> None:
    """Range, filter, order, limit, fill; --order may begin with a hyphen."""
    done = run("query", "payments", "--from", "2026-03-29", "--where", "till:a", "--json")
    assert done.json["rows"] == [{"value": 3}]
    done = run("query", "revenue", "--by", "till", "--order", "-value", "--limit", "1", "--json")
    assert (len(done.json["rows"]), done.json["truncated"]) == (1, True)
    words = ("--interval", "day", "--from", "2026-03-25", "--to", "2026-04-01", "--fill", "zero")
    done = run("query", "payments", *words, "--csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["value"] for row in rows] == ["0", "0", "0", "4", "4", "2", "0"]
    done = run("query", "payments", "--by", "till", "--top", "1", "--json")
    assert [row.get("other", False) for row in done.json["rows"]] == [False, True]
    day = ("--from", "2026-03-29", "--to", "2026-03-30", "--compare", "previous")
    assert run("query", "payments", *day, "--json").json["rows"] == [{"value": 4, "previous": 4}]
    assert run("query", "payments", *day).out.split() == ["value", "previous", "4", "4"]
    position = run("query", "payments", "--json").json["position"]
    assert run("query", "payments", "--min-position", str(position)).code == 0


def test_query_as_json_is_exact(run: Run) -> None:
    """The server's own answer."""
    rows = run("query", "revenue", "--json").json["rows"]
    assert rows == [{"value": Decimal("100.500000000")}]


def test_query_draws_when_asked_to(run: Run) -> None:
    """A plot above the table; by itself only on a terminal."""
    words = ("query", "payments", "--interval", "day")
    assert "┤" in run(*words, "--plot").out
    assert "┤" not in run(*words).out
    assert "┤" not in run(*words, "--no-plot").out


def test_query_of_nothing_says_so(run: Run) -> None:
    """An empty range is no failure."""
    done = run("query", "payments", "--interval", "day", "--from", "1999", "--to", "2000", "--plot")
    assert done.code == 0
    assert "No events of 'payments' in this range." in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("query", "paymnts"), "did you mean 'payments'?"),
        (("query", "payments", "--tz", "Europe/Olso"), "did you mean 'Europe/Oslo'?"),
        (("query", "payments", "--from", "2027", "--to", "2026"), "to: must be later"),
        (("query", "payments", "--interval", "dya"), "interval"),
        (("query", "payments", "--min-position", "999999"), "min_position:"),
        (("query", "payments", "--key", "lt_wrong"), "--key or LIVETALLY_KEY"),
        (("query", "payments", "--url", "http://127.0.0.1:9"), "livetally serve"),
        (("query", "payments", "--url", "localhost"), "url: must be like"),
        (("query", "payments", "--team", "nobody"), "no team is called 'nobody'"),
        (("watch", "paymnts"), "did you mean 'payments'?"),
        (("watch", "--entity", "tll"), "did you mean 'till'?"),
        (("keys", "revoke", "nosuchkey1"), "no key is called"),
        (("keys", "create", "--scope", "fly"), "scopes"),
        (("keys", "create", "--scope", "read", "--expires", "soon"), "--expires: write 90d"),
        (("keys", "create", "--scope", "read", "--expires", "2001"), "future"),
        (("teams", "create", "Blue Team"), "name"),
        (("teams", "set", "nobody", "--no-origins"), "no team is called"),
        (("teams", "set", "default", "--queries-per-hour", "0"), "queries_per_hour"),
        (("teams", "set", "default", "--origin", "*"), "https://example.com"),
        (("keys", "rotate", "nosuchkey1", "--grace", "soon"), "--grace: write 30m"),
        (("send", "nosuch.jsonl"), "No such file"),
        (("send", "nosuch.xml"), "--format: jsonl or json (the name"),
        (("send", "nosuch.toml"), "'livetally import' reads CSV, TSV and Parquet"),
        (("import", "nosuch.csv", "--type", "pay"), "No such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_a_failure_says_what_to_do(words: tuple[str, ...], said: str, run: Run) -> None:
    """Exit code 1, the reason on standard error, nothing on standard output."""
    done = run(*words)
    assert (done.code, done.out) == (1, "")
    assert said in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("query", "payments", "--json", "--csv"), "--json and --csv"),
        (("verify", "--from", "2024-03-01", "--to", "2024-02-01"), "to: must be later than from"),
        (("watch",), "Name one thing to watch"),
        (("watch", "payments", "--events"), "Name one thing to watch"),
        (("watch", "--entity", "till", "--by", "till"), "--by goes with a metric only"),
        (("watch", "--entity", "till", "--from", "2026"), "--from and --to go with"),
        (("watch", "payments", "--sort", "x"), "--sort goes with --entity only"),
        (("watch", "payments", "--limit", "3"), "--limit goes with"),
        (("watch", "--events", "--one", "x"), "--one goes with --entity only"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_what_does_not_go_together_is_wrong_usage(
    words: tuple[str, ...], said: str, run: Run
) -> None:
    """Exit code 2, and which option it is."""
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_watch_prints_the_answer_and_each_change(run: Run, server: Server) -> None:
    """Lines of JSON for machines, cells for people; it ends after so many updates."""
    done = run("watch", "payments", "--by", "till", "--updates", "1", "--json")
    update = done.json
    assert (done.code, update["event"]) == (0, "snapshot")
    assert update["rows"] == [{"till": "a", "value": 5}, {"till": "b", "value": 5}]
    assert run("watch", "payments", "--by", "till", "--updates", "1").out == "a\t5\nb\t5\n"


def test_watch_follows_entities_and_events(run: Run) -> None:
    """A page of either, whole or one entity or some events, for people and for machines."""
    done = run("watch", "--entity", "till", "--sort", "key", "--updates", "1")
    assert [line.split("\t")[:3] for line in done.out.splitlines()] == [
        ["a", "50.25", "5"],
        ["b", "50.25", "5"],
    ]
    update = run("watch", "--entity", "till", "--one", "b", "--updates", "1", "--json").json
    assert [row["fields"] for row in update["rows"]] == [{"paid": Decimal("50.250000000")}]
    words = ("--events", "--type", "pay", "--where", "till:a", "--limit", "2", "--updates", "1")
    cells = [line.split("\t") for line in run("watch", *words).out.splitlines()]
    assert [(one[1], one[3]) for one in cells] == [("pay", "p8"), ("pay", "p6")]
    assert cells[0][4] == '{"value":10.05,"till":"a"}'


def test_verify_compares_with_the_raw_events(run: Run, server: Server) -> None:
    """All metrics or the named ones; equal is code 0; what is asked wrongly is code 1."""
    done = run("verify")
    assert done.code == 0
    assert {"revenue: every bucket is equal.", "payments: every bucket is equal."} <= set(
        done.out.splitlines()
    )
    told = run("verify", "revenue", "--from", "2026-03-28", "--to", "2026-03-29", "--json").json
    assert told == {"verified": True, "metrics": ["revenue"], "differences": []}
    assert "did you mean 'revenue'?" in run("verify", "revenu").err


def test_verify_shows_what_differs(
    run: Run, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """The buckets with both values, and code 1; a stream that was cut is a failure."""
    told = [
        b'{"metric":"revenue","done":5,"total":10}',
        (
            b'{"metric":"revenue","time":"2026-03-28T00:00:00+00:00","keys":{"till":"a"},'
            b'"kept":1.10,"recomputed":2.10}'
        ),
        b'{"verified":false,"differences":1}',
    ]
    monkeypatch.setattr(Client, "lines", lambda _client, _call: iter(told))
    done = run("verify", "revenue")
    assert done.code == 1
    assert "revenue: differs." in done.out
    assert "1.10" in done.out
    assert "2.10" in done.out
    del told[2]
    cut = run("verify", "revenue")
    assert (cut.code, cut.out) == (1, "")
    assert "stopped before it was done" in cut.err


def test_check_names_every_mistake(run: Run, tmp_path: Path) -> None:
    """File, line, key and reason, as editors read them; exit code 1."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(SHOP)
    bad.write_text('application = "b"\n[metric.x]\nevent = "nothing"\naggregate = "summ"\n')
    assert run("check", str(good)).code == 0
    done = run("check", str(good), str(bad), str(tmp_path / "missing.toml"))
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0].startswith(f"{good}: shop has no mistake")
    assert re.match(rf"{re.escape(str(bad))}:4: metric\.x\.aggregate: .*'sum'", lines[1])
    assert lines[-1].endswith("can't be read: No such file or directory")
    told = run("check", str(good), str(bad), "--json")
    assert [len(one["problems"]) > 0 for one in told.json] == [False, True]
    assert (told.code, told.json[0]["metrics"]) == (1, 2)


def test_check_compares_files_with_each_other(run: Run, tmp_path: Path) -> None:
    """What can't be applied together is told."""
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text(SHOP)
    second.write_text(SHOP.replace('application = "shop"', 'application = "other"'))
    done = run("check", str(first), str(second))
    assert done.code == 1
    assert f"{second}:" in done.out
    first.write_text('application = "a"\n[event.sale]\ndata.place = "string"\n')
    second.write_text('application = "b"\n[event.sale]\ndata.place.city = "string"\n')
    assert f"{second}:3: event.sale.data.place.city:" in run("check", str(first), str(second)).out


def test_apply_shows_the_plan_and_applies_it(run: Run, tmp_path: Path) -> None:
    """A dry run changes nothing; what is applied can be asked for at once."""
    path = tmp_path / "visits.toml"
    path.write_text(
        'application = "visits"\n[metric.visits]\nevent = "visit"\naggregate = "count"\n'
    )
    dry = run("apply", str(path), "--dry-run")
    assert dry.code == 0
    assert "+ metric visits" in dry.out
    assert "Nothing was applied." in dry.out
    assert run("query", "visits").code == 1
    done = run("apply", str(path))
    assert "Applied as version 1." in done.out
    assert run("query", "visits").code == 0
    assert run("apply", str(path), "--json").json["applied"] is True


def test_a_definition_with_a_mistake_is_not_applied(run: Run, tmp_path: Path) -> None:
    """Every mistake is on a line; the server was not asked."""
    path = tmp_path / "bad.toml"
    path.write_text('application = "bad"\n[metric.x]\naggregate = "summ"\n')
    done = run("apply", str(path), "--url", "http://127.0.0.1:9")
    assert done.code == 1
    assert f"{path}:3: metric.x.aggregate" in done.err


def test_send_takes_one_event_from_its_options(run: Run) -> None:
    """Once for each id; decimals are exact; a rejection is a failure."""
    words = ("send", "--type", "pay", "--id", "single", "--subject", "ada", "--time", "2027-01-01")
    data = ("--data", '{"value": 0.10, "till": "single"}')
    wrong_time = run(*words, *data)
    assert wrong_time.code == 1
    assert "rejected: time:" in wrong_time.err
    at = ("send", "--type", "pay", "--id", "single", "--time", "2026-04-01T00:00:00+02:00")
    assert run(*at, *data).out.startswith("Stored; counted at position ")
    assert run(*at, *data).out.startswith("Stored before; counted at position ")
    other = run(*at, "--data", '{"value": 0.20, "till": "single"}')
    assert (other.code, "other content" in other.err) == (1, True)
    told = run("query", "revenue", "--where", "till:single", "--json").json
    assert told["rows"] == [{"value": Decimal("0.100000000")}]


def test_send_takes_files_of_events(run: Run, tmp_path: Path) -> None:
    """Sent twice, they count once; what is rejected is in a file with its line."""
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"type":"pay","data":{"value":1.5,"till":"file"}}\n'
        '{"type":"pay","data":{"till":"file"}}\n'
        "not json\n"
        '{"type":"pay","data":{"value":2.5,"till":"file"}}\n'
    )
    for stored, duplicates in ((2, 0), (0, 2)):
        done = run("send", str(path), "--json")
        told = done.json
        assert (done.code, told["rows"], told["rejected"]) == (1, 4, 2)
        assert (told["stored"], told["duplicates"]) == (stored, duplicates)
        assert str(told["rejected_file"]) == f"{path}.rejected"
    assert run("query", "revenue", "--where", "till:file").out == "4\n"
    lines = Path(f"{path}.rejected").read_text().splitlines()
    assert [json.loads(line)["rejected_line"] for line in lines] == [2, 3]
    assert "data.value: required" in lines[0]


def test_import_reads_columns_by_the_servers_definition(run: Run, tmp_path: Path) -> None:
    """A code of digits stays a text, money is exact; twice counts once."""
    path = tmp_path / "sales.csv"
    path.write_text(
        "when;amount;code;till\n"
        "2026-05-01 10:00;12.10;007;import\n"
        "2026-05-02 10:00;0.05;42;import\n"
    )
    words = ("import", str(path), "--type", "pay", "--time", "when", "--tz", "Europe/Oslo")
    wrong = run(*words, "--delimiter", ";")
    assert (wrong.code, "2 rejected" in wrong.out) == (1, True)
    path.write_text(path.read_text().replace("amount", "value"))
    done = run(*words, "--delimiter", ";")
    assert done.code == 0
    assert f"{path}: 2 rows: 2 stored, 0 stored before, 0 rejected" in done.out
    assert "0 stored, 2 stored before" in run(*words, "--delimiter", ";").out
    asked = ("query", "revenue", "--where", "till:import", "--json")
    assert run(*asked).json["rows"] == [{"value": Decimal("12.150000000")}]
    by_code = run("query", "payments", "--where", 'code:"007"').out
    assert by_code == "1\n"
    words = ("--interval", "day", "--tz", "UTC", "--from", "2026-05-01", "--to", "2026-05-03")
    rows = run("query", "payments", *words, "--json").json["rows"]
    assert [row["value"] for row in rows] == [1, 1]


def test_import_with_a_key_that_may_only_write_guesses_the_columns(
    run: Run, tmp_path: Path
) -> None:
    """Asking for the definition is not needed."""
    key = run("keys", "create", "--scope", "write").out.strip()
    path = tmp_path / "few.csv"
    path.write_text("value,till\n1.5,few\n")
    assert run("import", str(path), "--type", "pay", "--key", key).code == 0
    assert run("query", "revenue", "--where", "till:few").out == "1.5\n"


def test_import_takes_several_files_one_after_the_other(run: Run, tmp_path: Path) -> None:
    """One summary for each."""
    paths = [tmp_path / f"{name}.csv" for name in ("x", "y")]
    for path in paths:
        path.write_text("value,till\n1,several\n")
    done = run("import", *map(str, paths), "--type", "pay", "--json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [(one["file"], one["stored"]) for one in told] == [(str(path), 1) for path in paths]
