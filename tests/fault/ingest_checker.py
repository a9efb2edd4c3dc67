"""Proves that a store holds what was acknowledged, once, and that every statistic is a recount.

In the flow: given a running server and the ledger of its senders, by the tests.
Guarantee: it reads every raw row by ``GET /v1/events``, trusts nothing else, and names each kind of
difference with its number; ``test_ingest_kills`` shows that it finds lost and doubled events.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from tests.fault.ingest_senders import Asked, Ledger

__all__ = ["check_statistics", "check_store", "raw_rows"]

_PAGE = 1000
_INTERVALS = ("", "hour", "day")
_GROUPINGS: tuple[list[str], ...] = ([], ["shop"], ["till"], ["shop", "till"], ["source"])


def raw_rows(server: Asked) -> list[dict[str, Any]]:
    """Return every stored event."""
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        told = _get(server, "/v1/events", limit=_PAGE, **cursor)
        rows += told["events"]
        if told["next"] is None:
            return rows
        cursor = {"cursor": told["next"]}


def check_store(server: Asked, ledger: Ledger) -> list[dict[str, Any]]:
    """Check that what was acknowledged is there, and nothing twice; senders may go on meanwhile.

    Returns:
        The raw rows.

    Raises:
        AssertionError: says how many are lost, doubled, invented or changed.
    """
    acknowledged, position = set(ledger.acknowledged), ledger.rows_until
    rows = raw_rows(server)
    times = Counter((row["source"], row["id"]) for row in rows)
    stored = {name for _, name in times}
    changed = [
        row["id"]
        for row in rows
        if row["id"] in ledger.sent and not _says(row, ledger.sent[row["id"]])
    ]
    found = {
        "lost": sorted(acknowledged - stored),
        "doubled": sorted(name for (_, name), count in times.items() if count > 1),
        "invented": sorted(stored - ledger.sent.keys()),
        "changed": changed,
    }
    told = [f"{len(names)} {what} ({names[0]})" for what, names in found.items() if names]
    assert not told, f"seed {ledger.seed}: {', '.join(told)}"
    newest = max((row["position"] for row in rows), default=0)
    assert newest >= position, f"position {position} was told, the newest row is of {newest}"
    return rows


def check_statistics(server: Asked, rows: Iterable[dict[str, Any]], seed: int) -> None:
    """Check every statistic against a recount of the raw rows; nobody may send meanwhile.

    Raises:
        AssertionError: names the statistics that differ.
    """
    by_year: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_year[int(row["time"][:4])].append(row)
    wrong = [
        f"{metric} by {by} per {interval} in {year}"
        for year, own in by_year.items()
        for by in _GROUPINGS
        for interval in _INTERVALS
        for metric in _differing(server, own, year, interval, by)
    ]
    assert not wrong, f"seed {seed}: differ from a recount: {'; '.join(wrong)}"


def _differing(
    server: Asked, rows: list[dict[str, Any]], year: int, interval: str, by: list[str]
) -> list[str]:
    """Return the metrics whose answer is not the recount of the year's rows."""
    expected = _recount(rows, interval, by)
    asked = {"from": f"{year}-01-01", "to": f"{year + 1}-01-01", "by": by}
    asked |= {"interval": interval, "fill": "none"} if interval else {}
    wrong = []
    for place, metric in enumerate(("sales", "revenue")):
        told = _get(server, f"/v1/metrics/{metric}", **asked)["rows"]
        answered = {_place(row, interval, by): Decimal(row["value"]) for row in told}
        if answered != {key: values[place] for key, values in expected.items()}:
            wrong.append(metric)
    return wrong


def _recount(
    rows: Iterable[dict[str, Any]], interval: str, by: list[str]
) -> dict[tuple[Any, ...], tuple[Decimal, Decimal]]:
    """Return (count, sum) for each bucket and group that has events."""
    counts: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    sums: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        key = _place({**row, **row["data"]}, interval, by)
        counts[key] += 1
        sums[key] += Decimal(row["data"]["value"])
    return {key: (Decimal(counts[key]), sums[key]) for key in counts}


def _place(row: dict[str, Any], interval: str, by: list[str]) -> tuple[Any, ...]:
    letters = {"hour": len("2025-01-01T00"), "day": len("2025-01-01"), "": 0}[interval]
    return (row["time"][:letters] if letters else "", *(row[name] for name in by))


def _says(row: dict[str, Any], sent: dict[str, Any]) -> bool:
    if row["data"] != sent["data"] or row["source"] != sent["source"]:
        return False
    return "time" not in sent or _plain(row["time"]) == _plain(sent["time"])


def _plain(time: str) -> str:
    """Return a UTC time without its zone and without the zeros at its end."""
    text = time.removesuffix("Z").removesuffix("+00:00")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _get(server: Asked, path: str, **parameters: Any) -> Any:
    answer = server.request("GET", f"{path}?{urlencode(parameters, doseq=True)}")
    assert answer.status == 200, answer
    return answer.body
