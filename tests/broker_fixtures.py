"""Message brokers as fixtures.

In the flow: named as a plug-in by test modules, which ask for ``nats_server``.
Guarantee: a broker is gone after the tests of the module.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import Broker, nats_broker

__all__ = ["nats_server"]


@pytest.fixture(scope="module")
def nats_server() -> Iterator[Broker]:
    """Run a NATS server for the tests of a module."""
    with tempfile.TemporaryDirectory(prefix="livetally-nats-") as folder:
        broker = nats_broker(Path(folder))
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()
