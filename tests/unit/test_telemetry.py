"""What the server measures of itself.

In the flow: observes into a registry of its own.
Guarantee: many amounts at once count like each of them.
"""

from __future__ import annotations

import random

from prometheus_client import CollectorRegistry, generate_latest

from livetally.telemetry import Durations


def test_amounts_observed_at_once_count_like_each() -> None:
    """In every bucket, bounds included, and in the sum."""
    chance = random.Random(3)
    amounts = [0.0, 0.001, 0.01, 0.5, 9.0, *[chance.uniform(0, 0.02) for _ in range(200)]]
    shown: list[str] = []
    for together in (True, False):
        registry = CollectorRegistry()
        kinds = Durations(
            "took", "How long.", ["kind"], buckets=(0.001, 0.01, 0.5), registry=registry
        )
        timer = kinds.labels("a")
        assert isinstance(timer, Durations)
        if together:
            timer.observe_all(amounts[:90])
            timer.observe_all(amounts[90:])
            timer.observe_all([])
        else:
            for amount in amounts:
                timer.observe(amount)
        lines = generate_latest(registry).decode().splitlines()
        shown.append("\n".join(line for line in lines if "_bucket" in line or "_count" in line))
        total = registry.get_sample_value("took_sum", {"kind": "a"})
        assert total is not None
        assert abs(total - sum(amounts)) < 1e-9
    assert shown[0] == shown[1]
    assert 'le="+Inf"} 205.0' in shown[0]
