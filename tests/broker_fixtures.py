"""Message brokers as fixtures.

In the flow: named as a plug-in by test modules, which ask for ``nats_server`` or
``mqtt_server``.
Guarantee: a broker is gone after the tests of the module.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.brokers import Broker, mqtt_broker, nats_broker

__all__ = ["mqtt_server", "nats_server"]


@pytest.fixture(scope="module")
def nats_server() -> Iterator[Broker]:
    """Run a NATS server for the tests of a module."""
    with _folder("nats") as folder, _running(nats_broker(folder)) as broker:
        yield broker


@pytest.fixture(scope="module")
def mqtt_server() -> Iterator[Broker]:
    """Run an MQTT broker for the tests of a module."""
    with _folder("mqtt") as folder, _running(mqtt_broker(folder)) as broker:
        yield broker


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"livetally-{name}-") as folder:
        yield Path(folder)


@contextmanager
def _running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
