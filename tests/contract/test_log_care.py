"""What the log lets go: nothing that is not in the store, however long the store is away."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from livetally.cluster import LogPlan, Words, care, open_log
from tests.waiting import until_async

if TYPE_CHECKING:
    from tests.brokers import Broker

pytest_plugins = ("tests.broker_fixtures",)


class Stored:
    """Stands where ``Words`` stand: a test says up to where the store has everything."""

    def __init__(self) -> None:
        """Start with nothing stored."""
        self.until = 0
        self.looks = 0

    @property
    def position(self) -> int:
        """Return it, and count who looks."""
        self.looks += 1
        return self.until

    async def looked(self) -> None:
        """Return when it was looked at some more times, and acted on."""
        enough = self.looks + 4
        await until_async(partial(self._has, enough), "some looks")

    async def _has(self, looks: int) -> bool:
        return self.looks >= looks


async def test_only_what_is_in_the_store_goes_from_the_log(
    nats_server: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nothing is to be kept any longer, what the store does not have stays to be read."""
    monkeypatch.setattr(care, "_LOOK_S", 0.01)
    loop = asyncio.get_running_loop()
    log = await open_log(LogPlan(f"nats://127.0.0.1:{nats_server.port}", "care", 1, 1, 1, "tests"))
    stored = Stored()
    dropping = loop.create_task(care.drop_loaded(log, cast("Words", stored), 0))
    try:
        for number in range(6):
            await log.publish(0, b"message", f"m{number}", loop.time() + 10)
        for position in (0, 3, 5):
            stored.until = position
            await stored.looked()
            assert await log.before_first() == position
        assert await log.last_of() == 6
    finally:
        dropping.cancel()
        await asyncio.gather(dropping, return_exceptions=True)
        await log.close()


async def test_what_is_stored_is_kept_for_a_while(
    nats_server: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the hours that were asked for, so that another store can be filled from the log."""
    monkeypatch.setattr(care, "_LOOK_S", 0.01)
    loop = asyncio.get_running_loop()
    log = await open_log(LogPlan(f"nats://127.0.0.1:{nats_server.port}", "kept", 1, 1, 1, "tests"))
    stored = Stored()
    stored.until = await log.publish(0, b"message", "m", loop.time() + 10)
    dropping = loop.create_task(care.drop_loaded(log, cast("Words", stored), 1))
    try:
        await stored.looked()
        assert await log.before_first() == 0
    finally:
        dropping.cancel()
        await asyncio.gather(dropping, return_exceptions=True)
        await log.close()
