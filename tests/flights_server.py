"""The API of a server with the flights' definitions, asked and loaded as any client would.

In the flow: used by the end-to-end tests of the flights, around a real process.
Guarantee: what is compared is what the wire carried, value by value and type by type.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, Final

import httpx2

from examples.flights.departures import bodies
from livetally.testing import Server
from tests.flights_oracle import Row
from tests.tidy.source_tree import ROOT

__all__ = ["DEFINITIONS", "FlightsApi", "difference", "flights_api", "loaded"]

DEFINITIONS: Final = ROOT / "examples" / "flights" / "livetally.toml"


class FlightsApi:
    """What these tests ask of a server."""

    def __init__(self, client: httpx2.Client) -> None:
        """Ask through ``client``, which knows the address and sends the key."""
        self._client = client

    def ask(
        self,
        metric: str,
        *,
        interval: str | None = None,
        tz: str = "UTC",
        by: Sequence[str] = (),
        where: Sequence[str] = (),
        **more: str,
    ) -> list[Row]:
        """Return the rows of an answer; ``more`` are the other parameters."""
        parameters: list[tuple[str, Any]] = [("tz", tz), *more.items()]
        parameters += [("where", text) for text in where]
        if interval:
            parameters.append(("interval", interval))
        if by:
            parameters.append(("by", ",".join(by)))
        reply = self._client.get(f"/v1/metrics/{metric}", params=parameters)
        assert reply.status_code == httpx2.codes.OK, reply.text
        answer = reply.json()
        assert "truncated" not in answer
        rows: list[Row] = answer["rows"]
        return rows

    def send(self, ndjson: bytes) -> dict[str, Any]:
        """Send events and return the reply; not one may be rejected or in conflict."""
        headers = {"Content-Type": "application/x-ndjson"}
        reply = self._client.post("/v1/events", content=ndjson, headers=headers)
        assert reply.status_code == httpx2.codes.OK, reply.text
        answer: dict[str, Any] = reply.json()
        assert not answer["rejected"], answer
        assert not answer.get("conflicts"), answer
        return answer


@contextmanager
def flights_api(server: Server) -> Iterator[FlightsApi]:
    """Open the way to a running server."""
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
        yield FlightsApi(client)


def loaded(api: FlightsApi) -> Counter[str]:
    """Send the whole file; return how many events were stored and how many duplicates."""
    totals = Counter(stored=0, duplicates=0)
    for _, ndjson in bodies():
        answer = api.send(ndjson)
        totals.update({name: answer[name] for name in totals})
    return totals


def difference(got: Sequence[Row], wanted: Iterable[Row]) -> str:
    """Return the first row that is not as wanted, or nothing; 1 and 1.0 are not the same."""
    for number, (one, other) in enumerate(zip_longest(got, wanted, fillvalue={"value": "no row"})):
        if one != other or repr(one["value"]) != repr(other["value"]):
            return f"row {number} is {one} instead of {other}"
    return ""
