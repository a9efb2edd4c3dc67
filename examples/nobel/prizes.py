"""The first years of the Nobel prizes: in the shape of the Nobel Foundation's API, and as events.

In the flow: gives ``livetally demo`` a history without a network; run as ``python prizes.py 8089``
it is a stand-in for the API: ``/2.1/nobelPrizes`` and ``/2.1/laureates``, by offset and limit.
Guarantee: an excerpt, typed in by hand: every prize of 1901 to 1905; the same records give the same
events, each with an id of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

__all__ = ["Prizes", "example", "handler", "laureates", "page", "prizes"]

_SOURCE: Final = "nobel-excerpt"
_LIMIT: Final = 25
_MEDICINE: Final = "Physiology or Medicine"

# Number: name, gender ("" for an organisation), country of birth or foundation, by today's name.
_LAUREATES: Final[dict[str, tuple[str, str, str]]] = {
    "1": ("Wilhelm Conrad Röntgen", "male", "Germany"),
    "160": ("Jacobus H. van 't Hoff", "male", "the Netherlands"),
    "293": ("Emil von Behring", "male", "Poland"),
    "569": ("Sully Prudhomme", "male", "France"),
    "462": ("Henry Dunant", "male", "Switzerland"),
    "463": ("Frédéric Passy", "male", "France"),
    "2": ("Hendrik A. Lorentz", "male", "the Netherlands"),
    "3": ("Pieter Zeeman", "male", "the Netherlands"),
    "161": ("Emil Fischer", "male", "Germany"),
    "294": ("Ronald Ross", "male", "India"),
    "571": ("Theodor Mommsen", "male", "Germany"),
    "464": ("Élie Ducommun", "male", "Switzerland"),
    "465": ("Albert Gobat", "male", "Switzerland"),
    "4": ("Henri Becquerel", "male", "France"),
    "5": ("Pierre Curie", "male", "France"),
    "6": ("Marie Curie", "female", "Poland"),
    "162": ("Svante Arrhenius", "male", "Sweden"),
    "295": ("Niels Ryberg Finsen", "male", "Faroe Islands (Denmark)"),
    "572": ("Bjørnstjerne Bjørnson", "male", "Norway"),
    "466": ("Randal Cremer", "male", "United Kingdom"),
    "8": ("Lord Rayleigh", "male", "United Kingdom"),
    "163": ("Sir William Ramsay", "male", "Scotland"),
    "296": ("Ivan Pavlov", "male", "Russia"),
    "573": ("Frédéric Mistral", "male", "France"),
    "574": ("José Echegaray", "male", "Spain"),
    "467": ("Institute of International Law", "", "Belgium"),
    "9": ("Philipp Lenard", "male", "Slovakia"),
    "164": ("Adolf von Baeyer", "male", "Germany"),
    "297": ("Robert Koch", "male", "Germany"),
    "575": ("Henryk Sienkiewicz", "male", "Poland"),
    "468": ("Bertha von Suttner", "female", "Czech Republic"),
}
# Year, kronor, and who in chemistry, literature, peace, physics and medicine.
_AWARDED: Final[tuple[tuple[int, int, dict[str, tuple[str, ...]]], ...]] = (
    (
        1901,
        150_782,
        {
            "Chemistry": ("160",),
            "Literature": ("569",),
            "Peace": ("462", "463"),
            "Physics": ("1",),
            _MEDICINE: ("293",),
        },
    ),
    (
        1902,
        141_847,
        {
            "Chemistry": ("161",),
            "Literature": ("571",),
            "Peace": ("464", "465"),
            "Physics": ("2", "3"),
            _MEDICINE: ("294",),
        },
    ),
    (
        1903,
        141_358,
        {
            "Chemistry": ("162",),
            "Literature": ("572",),
            "Peace": ("466",),
            "Physics": ("4", "5", "6"),
            _MEDICINE: ("295",),
        },
    ),
    (
        1904,
        140_859,
        {
            "Chemistry": ("163",),
            "Literature": ("573", "574"),
            "Peace": ("467",),
            "Physics": ("8",),
            _MEDICINE: ("296",),
        },
    ),
    (
        1905,
        138_089,
        {
            "Chemistry": ("164",),
            "Literature": ("575",),
            "Peace": ("468",),
            "Physics": ("9",),
            _MEDICINE: ("297",),
        },
    ),
)


def _in_english(text: str) -> dict[str, str]:
    return {"en": text}


def prizes() -> list[dict[str, Any]]:
    """Return the prizes as ``/2.1/nobelPrizes`` gives them, with what is needed of each."""
    return [
        {
            "awardYear": str(year),
            "category": _in_english(category),
            "categoryFullName": _in_english(f"The Nobel Prize in {category}"),
            "prizeAmount": amount,
            "laureates": [
                {"id": one, "knownName": _in_english(_LAUREATES[one][0]), "sortOrder": str(place)}
                for place, one in enumerate(who, 1)
            ],
        }
        for year, amount, categories in _AWARDED
        for category, who in categories.items()
    ]


def laureates() -> list[dict[str, Any]]:
    """Return the laureates as ``/2.1/laureates`` gives them, with what is needed of each."""
    received: dict[str, list[dict[str, Any]]] = {}
    for prize in prizes():
        for one in prize["laureates"]:
            received.setdefault(one["id"], []).append(
                {name: prize[name] for name in ("awardYear", "category", "prizeAmount")}
            )
    return [_laureate(one, received[one]) for one in sorted(_LAUREATES, key=int)]


def _laureate(number: str, received: list[dict[str, Any]]) -> dict[str, Any]:
    name, gender, country = _LAUREATES[number]
    place = {"place": {"countryNow": _in_english(country)}}
    if not gender:
        named = {"orgName": _in_english(name), "founded": place}
    else:
        named = {"knownName": _in_english(name), "gender": gender, "birth": place}
    return {"id": number, **named, "nobelPrizes": received}


def page(address: str) -> dict[str, Any] | None:
    """Return what the API answers to a path and its query; None for another path."""
    parts = urlsplit(address)
    tables = {"/2.1/nobelPrizes": prizes, "/2.1/laureates": laureates}
    if parts.path not in tables:
        return None
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    offset, limit = int(asked.get("offset", 0)), int(asked.get("limit", _LIMIT))
    records = tables[parts.path]()
    meta = {"offset": offset, "limit": limit, "count": len(records)}
    name = parts.path.rpartition("/")[2]
    return {name: records[offset : offset + limit], "meta": meta}


class handler(BaseHTTPRequestHandler):  # noqa: N801 - the standard library calls it like a function
    """Answers as the API does."""

    def do_GET(self) -> None:
        """Answer one request."""
        answer = page(self.path)
        body = json.dumps(answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""


def _events() -> Iterator[dict[str, Any]]:
    """Yield prizes and laureates as the definition's sources make events of them, by time."""
    for prize in prizes():
        year, category = int(prize["awardYear"]), prize["category"]["en"]
        yield _event(
            "prize_awarded",
            f"{category.lower().replace(' ', '-')}-{year}",
            year,
            category=category,
            amount=prize["prizeAmount"],
            laureates=len(prize["laureates"]),
        )
    for one in laureates():
        first = one["nobelPrizes"][0]
        name = one.get("knownName") or one["orgName"]
        yield _event(
            "laureate_named",
            one["id"],
            int(first["awardYear"]),
            name=name["en"],
            gender=one.get("gender", "organisation"),
            country=(one.get("birth") or one["founded"])["place"]["countryNow"]["en"],
            category=first["category"]["en"],
            prizes=len(one["nobelPrizes"]),
        )


def _event(kind: str, subject: str, year: int, **data: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "id": f"{kind}-{subject}",
        "source": _SOURCE,
        "time": f"{year}-12-10T00:00:00Z",
        "subject": subject,
        "data": {"year": year, **data},
    }


class Prizes:
    """What ``livetally demo`` shows: the excerpt. The rest comes when a source is started."""

    title = "Nobel prizes of the first years"
    events_total = len(prizes()) + len(_LAUREATES)
    stored = f"/v1/metrics/nobel_records?where=source:{_SOURCE}"

    def history(self, skip: int) -> Iterator[tuple[int, bytes]]:
        """Yield one body to send, without the first ``skip`` events."""
        events = sorted(_events(), key=lambda event: str(event["time"]))[skip:]
        yield len(events), "".join(json.dumps(event) + "\n" for event in events).encode()

    def live(self, random: Random) -> Iterator[tuple[float, Callable[[int], bytes]]]:
        """Yield nothing: prizes are awarded in October."""
        del random
        yield from ()


def example() -> Prizes:
    """Return what ``livetally demo`` needs of this example."""
    return Prizes()


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8089
    print(f"The stand-in for the API listens on http://127.0.0.1:{port}", flush=True)  # noqa: T201
    ThreadingHTTPServer(("127.0.0.1", port), handler).serve_forever()
