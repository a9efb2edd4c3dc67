"""What the Nobel Prize API tells while it grows and changes: prizes and laureates, in pages.

In the flow: answers in ``tests.nobel``'s server for the example's two sources; the checker has it
change, and works out from it what the example's tables must hold.
Guarantee: a record never says again what it said before a change, so that what it says last is
what was told of last; every version that was ever sent is noted.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fault.example_checker import Rows, plain

__all__ = ["Api"]

Record = dict[str, Any]

_CATEGORIES = ("Chemistry", "Literature", "Peace", "Physics", "Physiology or Medicine")
_FROM_YEAR = 1901
_PRIZES = 130
# Until 2020: no event is taken that lies more than ten years ahead.
_PRIZES_MAX = 600
_CHANGES_OF_A_PRIZE = 3
_LIMIT = 25


class Api:
    """The records of both addresses. Any thread."""

    def __init__(self, seed: int) -> None:
        """Begin with more prizes and laureates than one page of the example's holds."""
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._changes = 0
        self._prizes: list[Record] = []
        self._laureates: list[Record] = []
        self.said: set[tuple[str, ...]] = set()
        """What was sent of each record, as the fields that an event of it has."""
        self.pages = 0
        for _ in range(_PRIZES):
            self._award()

    def answer(self, path: str, number: int) -> tuple[int, dict[str, str], bytes] | None:
        """Answer one request as the API does."""
        del number
        parts = urlsplit(path)
        name = parts.path.rpartition("/")[2]
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        offset, limit = int(asked.get("offset", 0)), int(asked.get("limit", _LIMIT))
        with self._lock:
            records = {"nobelPrizes": self._prizes, "laureates": self._laureates}[name]
            shown = records[offset : offset + limit]
            told = _prize if name == "nobelPrizes" else _laureate
            self.said |= {version for one in shown if (version := told(one))}
            self.pages += 1
            meta = {"offset": offset, "limit": limit, "count": len(records)}
            body = json.dumps({name: shown, "meta": meta}).encode()
        return 200, {"Content-Type": "application/json"}, body

    def change(self) -> None:
        """Tell of a prize and two laureates differently; every third time award a new prize."""
        with self._lock:
            self._changes += 1
            if self._changes % _CHANGES_OF_A_PRIZE == 0 and len(self._prizes) < _PRIZES_MAX:
                self._award()
            prize = self._random.choice(self._prizes)
            # Larger each time: so each version is told of once, and has one event.
            prize["prizeAmount"] += self._changes
            if "laureates" not in prize:
                self._share(prize)
            first, second = self._random.sample(self._laureates, 2)
            first["nobelPrizes"].append({"awardYear": "2030", "category": {"en": "Peace"}})
            place = first.get("birth") or first["founded"]
            place["place"]["countryNow"]["en"] = f"Country {self._changes}"
            called = "knownName" if "knownName" in second else "orgName"
            second[called]["en"] = f"Name {self._changes} of {second['id']}"

    def prizes(self) -> Rows:
        """Return the rows of ``nobel_prizes``: what was awarded, as it is told of now."""
        return self._rows(self._prizes, _prize)

    def laureates(self) -> Rows:
        """Return the rows of ``nobel_laureates``."""
        return self._rows(self._laureates, _laureate)

    def prizes_by_year(self) -> Rows:
        """Return how many prizes there are of a year and category."""
        counts = Counter(f"{int(row[1])} {row[0]}" for row in self.prizes().values())
        return {name: (plain(count),) for name, count in counts.items()}

    def _rows(self, records: list[Record], told: Any) -> Rows:
        with self._lock:
            versions = [version for one in records if (version := told(one))]
        return {
            key: tuple(plain(int(cell) if cell.isdecimal() else cell) for cell in cells)
            for _, key, *cells in versions
        }

    def _award(self) -> None:
        number = len(self._prizes)
        category = _CATEGORIES[number % len(_CATEGORIES)]
        year = _FROM_YEAR + number // len(_CATEGORIES)
        prize: Record = {"awardYear": str(year), "category": {"en": category}}
        prize["prizeAmount"] = 100_000 + self._random.randrange(100_000)
        self._prizes.append(prize)
        # In some years a prize is not awarded, or not yet: then there is no such list.
        if self._random.random() < 0.9:
            self._share(prize)

    def _share(self, prize: Record) -> None:
        prize["laureates"] = [{"id": self._named(prize)} for _ in range(self._random.randint(1, 3))]

    def _named(self, prize: Record) -> str:
        """Name one more laureate; returns the number."""
        number = str(len(self._laureates) + 1)
        place = {"place": {"countryNow": {"en": self._random.choice(("Norway", "Japan", "Chile"))}}}
        received = [{"awardYear": prize["awardYear"], "category": dict(prize["category"])}]
        one: Record = {"id": number, "nobelPrizes": received}
        if self._random.random() < 0.1:
            one |= {"orgName": {"en": f"Organisation {number}"}, "founded": place}
        else:
            gender = self._random.choice(("female", "male"))
            one |= {"knownName": {"en": f"Ærlig {number}"}, "gender": gender, "birth": place}
        self._laureates.append(one)
        return number


def _prize(record: Record) -> tuple[str, ...]:
    """Return kind, subject, category, year, amount and how many share it; nothing: not awarded."""
    if "laureates" not in record:
        return ()
    category, year = record["category"]["en"], record["awardYear"]
    subject = f"{category.lower().replace(' ', '-')}-{year}"
    shared = str(len(record["laureates"]))
    return "prize_awarded", subject, category, year, str(record["prizeAmount"]), shared


def _laureate(record: Record) -> tuple[str, ...]:
    """Return kind, number, name, gender, country, first category and year, how many prizes."""
    received = record["nobelPrizes"]
    named = record.get("knownName") or record["orgName"]
    place = record.get("birth") or record["founded"]
    return (
        "laureate_named",
        record["id"],
        named["en"],
        record.get("gender", "organisation"),
        place["place"]["countryNow"]["en"],
        received[0]["category"]["en"],
        received[0]["awardYear"],
        str(len(received)),
    )
