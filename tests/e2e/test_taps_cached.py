"""The old client's request, asked again: answered from memory, in milliseconds, and for free.

In the flow: a real server with a part of the taps, asked over one connection with a team's own key.
Guarantee: what is timed are hits of the cache, and nothing else.
"""

from __future__ import annotations

from itertools import islice
from statistics import median
from time import perf_counter

from livetally.cli.demo_examples import find_examples
from livetally.testing import Server
from tests.e2e.walls import talk

TIMES = 200
CACHED_MS_MAX = 10.0


def test_a_cached_answer_takes_milliseconds() -> None:
    """Two hundred repetitions are the same answer, cost no query, and take single-digit ms."""
    (shown,) = find_examples(["taps"])
    ask = {"startDate": "2025-01-01", "endDate": "2025-12-31", "interval": "week"}
    with Server(definitions=[shown.definitions]) as server:
        with talk(server, server.key) as operator:
            for _, body in islice(shown.example.history(0), 20):
                headers = {"Content-Type": "application/x-ndjson"}
                assert operator.post("/v1/events", content=body, headers=headers).is_success
            made = operator.post("/v1/keys", json={"name": "old client", "scopes": ["read"]})
        with talk(server, None, **{"x-api-key": made.json()["key"]}) as client:
            first = client.post("/v1/api/tap/analytics", json=ask)
            assert "r=99;" in first.headers["ratelimit"]
            assert first.json()["data"]
            took_ms = []
            for _ in range(TIMES):
                began_s = perf_counter()
                again = client.post("/v1/api/tap/analytics", json=ask)
                took_ms.append((perf_counter() - began_s) * 1_000)
                assert "ratelimit" not in again.headers
                assert again.content == first.content
            assert client.get("/v1/quota").json()["remaining"] == 99
    print(f"median {median(took_ms):.2f} ms, fastest {min(took_ms):.2f} ms")  # noqa: T201
    # The fastest: what the machine does beside this must not decide.
    assert min(took_ms) < CACHED_MS_MAX
