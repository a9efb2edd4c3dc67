"""A client of live streams that keeps pictures, and notes whatever goes back.

In the flow: ``live_checker`` runs many of them against servers that break.
Guarantee: it does what any client of server-sent events does, and nothing that a browser would not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

__all__ = ["Client", "Picture", "picture"]

Picture = dict[Any, Any]


@dataclass
class Client:
    """Follows questions as any client of server-sent events does, and comes back when cut off."""

    questions: list[str]
    pictures: list[Picture] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    last_id: str = ""
    opened: int = 0
    resets: int = 0
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with empty pictures."""
        self.pictures = [{} for _ in self.questions]
        self.positions = [0 for _ in self.questions]
        self.limits = [0 for _ in self.questions]

    @property
    def path(self) -> str:
        """Return the address: the question's own, or that of many."""
        if len(self.questions) == 1:
            return f"/v1/{self.questions[0]}"
        return "/v1/live?" + "&".join(f"q={quote(one, safe='')}" for one in self.questions)

    async def follow(self, port: int, key: str, chance: random.Random) -> None:
        """Read until cancelled, over as many connections as it takes."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._read(port, key)
            await asyncio.sleep(chance.random() / 10)  # sleeps: as clients do before they retry

    async def _read(self, port: int, key: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        try:
            resume = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
            writer.write(
                # 1.0, so that the frames come without chunks around them.
                f"GET {self.path} HTTP/1.0\r\nHost: x\r\nAccept: text/event-stream\r\n"
                f"X-API-Key: {key}\r\n{resume}\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " in head.split(b"\r\n")[0]:
                self.opened += 1
                while True:
                    self._take((await reader.readuntil(b"\n\n")).decode())
        finally:
            writer.close()

    def _take(self, block: str) -> None:
        """Take one whole event; the id counts from then on, as the standard says."""
        fields = dict(line.split(": ", 1) for line in block.strip().split("\n") if ": " in line)
        self.last_id = fields.get("id", self.last_id)
        event = fields.get("event")
        if event == "reset":
            self.resets += 1
        if event in ("snapshot", "update"):
            data = json.loads(fields["data"], parse_float=Decimal)
            self._apply(event, data.get("q", 0), data)

    def _apply(self, event: str, place: int, data: Mapping[str, Any]) -> None:
        if data["position"] < self.positions[place]:
            before = f"{self.positions[place]}, {event} after {self.last_id}, {self.resets} resets"
            self.faults.append(
                f"{self.questions[place]} went back to {data['position']} from {before}"
            )
        self.positions[place] = data["position"]
        rows = picture(data["rows"])
        if event == "snapshot":
            self.pictures[place] = rows
            self.limits[place] = data.get("limit", 0)
        self.faults += _went_back(self.pictures[place], rows)
        if "sales?" in self.questions[place] and "limit" not in self.questions[place]:
            old = self.pictures[place]
            self.faults += [f"{k} fell to {v}" for k, v in rows.items() if old.get(k, 0) > v]
        self.pictures[place].update(rows)
        self.pictures[place] = self._arranged(place, data)

    def _arranged(self, place: int, data: Mapping[str, Any]) -> Picture:
        """Return a list in the order that was told, and a tail in that of the events, cut."""
        rows = self.pictures[place]
        if "keys" in data:
            return {key: rows[key] for key in data["keys"]}
        if "events" not in self.questions[place]:
            return rows
        newest = sorted(rows.items(), key=lambda item: _newness(item[1]), reverse=True)
        return dict(newest[: self.limits[place]])


def picture(rows: list[dict[str, Any]]) -> Picture:
    """Return values, entities or events by what tells the rows apart."""
    return {_key(row): row.get("value", row) for row in rows}


def _key(row: Mapping[str, Any]) -> Any:
    if "key" in row:
        return row["key"]
    if "received" in row:
        return row["source"], row["id"]
    return tuple(sorted((k, v) for k, v in row.items() if k != "value"))


def _newness(event: Mapping[str, Any]) -> tuple[datetime, int, str]:
    return datetime.fromisoformat(event["time"]), event["position"], event["id"]


def _went_back(old: Picture, rows: Picture) -> Iterator[str]:
    """Name entities whose version is older than one that was there before."""
    for key, row in rows.items():
        if key in old and isinstance(row, dict) and "version" in row:
            before = old[key]["version"]
            if row["version"] < before:
                yield f"{key} went back from version {before} to {row['version']}"
