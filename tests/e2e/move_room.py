"""A server with history, and a cluster to move it to.

In the flow: used by ``test_move``.
Guarantee: what was sent follows from a seed, and every kind of event is among it; a command runs in
a process of its own, as a user's would.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2

from livetally.testing import Server
from tests.cluster_room import KEY, ClusterRoom

__all__ = ["DEFINITION", "command", "events", "make_team", "moved", "page", "send"]

DEFINITION = """application = "shop"
[event.sale]
data.value = { type = "decimal", scale = 2, required = true }
data.shop = "string"
[metric.sales]
event = "sale"
aggregate = "count"
by = ["shop"]
[metric.revenue]
event = "sale"
aggregate = "sum"
value = "value"
by = ["shop"]
"""
_NAMES = ("ada", "Ærlig 🙂", "", "o'neill\\\t", "名前")
_AT_ONCE = 4_000


def events(seed: int, count: int) -> list[dict[str, Any]]:
    """Return events: declared and undeclared types, with and without time, with attributes."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        kind = chance.choice(("sale", "sale", "sale", "visit", "nörd"))
        value = f"{chance.randrange(10**6)}.{chance.randrange(100):02d}"
        one: dict[str, Any] = {
            "id": f"{seed}-{number}",
            "source": chance.choice(("", "till-1", "kasse/ø")),
            "type": kind,
            "subject": chance.choice(_NAMES),
            "data": {"value": value, "shop": chance.choice(_NAMES), "more": [number, "é\u2028"]},
        }
        if chance.random() < 0.8:
            day, second = chance.randrange(1, 29), chance.randrange(86_400)
            clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
            year = chance.choice((1961, 2025, 2026))
            one["time"] = f"{year}-{chance.randrange(1, 7):02d}-{day:02d}T{clock}.{number:06d}Z"
        if one["source"] and chance.random() < 0.5:
            one["specversion"] = "1.0"
            one["traceparent"] = f"00-{number:032x}"
        made.append({name: value for name, value in one.items() if value != ""})
    return made


def send(server: Server, sent: Sequence[dict[str, Any]], team: str = "default") -> int:
    """Send events; return how many were stored."""
    stored = 0
    headers = {"X-API-Key": server.key, "X-Livetally-Team": team}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as client:
        for start in range(0, len(sent), _AT_ONCE):
            body = "\n".join(json.dumps(one) for one in sent[start : start + _AT_ONCE])
            content = {"Content-Type": "application/x-ndjson"}
            answer = client.post("/v1/events", content=body.encode(), headers=content)
            assert answer.status_code == 200, answer.text
            stored += answer.json()["stored"]
    return stored


def make_team(server: Server, name: str) -> None:
    """Make a team."""
    headers = {"X-API-Key": server.key}
    answer = httpx2.post(f"{server.url}/v1/teams", json={"name": name}, headers=headers)
    assert answer.status_code == 201, answer.text


def page(server: Server, path: str, team: str = "default") -> Any:
    """Ask a server."""
    headers = {"X-API-Key": server.key, "X-Livetally-Team": team}
    answer = httpx2.get(f"{server.url}{path}", headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def command(room: ClusterRoom, *words: str) -> subprocess.Popen[str]:
    """Start a command with the settings of the cluster."""
    return subprocess.Popen(
        [sys.executable, "-m", "livetally", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **room.env, "LIVETALLY_ROOT_KEY": KEY},
    )


def moved(room: ClusterRoom, data: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """Move a directory; return the summary."""
    with command(room, "move", "--from", str(data), "--json", *words) as process:
        told, said = process.communicate(timeout=180)
    assert process.returncode == code, said
    summary: dict[str, Any] = json.loads(told)
    return summary
