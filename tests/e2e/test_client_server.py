"""The Python client against a real server, also while that is killed and comes back."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import livetally
from livetally.client import AsyncClient, Client, EventsRejected, Retry
from livetally.errors import UnknownName
from livetally.testing import Server
from tests.waiting import until

SHOP = """
application = "shop"
[event.pay]
data.value = { type = "decimal", required = true }
[metric.revenue]
event = "pay"
aggregate = "sum"
value = "value"
by = ["subject"]
[metric.payments]
event = "pay"
aggregate = "count"
[entity.payer]
key = "subject"
events = ["pay"]
fields.paid = { metric = "revenue" }
"""
SOON = Retry(first_s=0.02, most_s=0.2)
UNCOUNTED = {"LIVETALLY_QUERIES_PER_HOUR": "100000"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of its own for each test: they kill it."""
    definition = tmp_path / "shop.toml"
    definition.write_text(SHOP)
    with Server(definitions=[definition], env=UNCOUNTED) as running:
        yield running


def test_events_count_exactly_and_questions_have_exact_answers(server: Server) -> None:
    """Money, groups, receipts and positions, through the public names."""
    with livetally.Client(server.url, server.key, source="test") as client:
        for n in range(100):
            client.send("pay", subject=f"u{n % 2}", data={"value": Decimal("0.10")})
        client.flush()
        assert client.query("revenue").value == Decimal("10.00")
        at = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
        receipt = client.send_now(
            [{"type": "pay", "subject": "late", "time": at, "data": {"value": 1}}, {"type": "pay"}]
        )
        assert (receipt.stored, [one.index for one in receipt.rejected]) == (1, [1])
        answer = client.query(
            "revenue",
            interval="day",
            tz="Europe/Oslo",
            by="subject",
            where={"subject": "late"},
            min_position=receipt.position,
        )
        assert answer.rows == [
            {"time": "2026-03-29T00:00:00+01:00", "subject": "late", "value": Decimal(1)}
        ]
        assert answer.position >= receipt.position
        with pytest.raises(UnknownName) as caught:
            client.query("revenues")
        assert caught.value.nearest == "revenue"


def test_what_the_server_rejects_is_heard(server: Server) -> None:
    """The field and the reason are the server's."""
    client = Client(server.url, server.key)
    client.send("pay", data={"value": "much"})
    client.send("pay", data={"value": 1})
    with pytest.raises(EventsRejected) as caught:
        client.close()
    assert caught.value.rejected[0].field == "data.value"
    with Client(server.url, server.key) as again:
        assert again.query("payments").value == 1


def test_a_process_that_just_ends_has_sent_everything(server: Server) -> None:
    """Without flush and without close."""
    program = (
        "import livetally, sys; client = livetally.Client(*sys.argv[1:], max_delay_s=60);"
        "[client.send('pay', data={'value': 1}) for _ in range(500)]"
    )
    subprocess.run([sys.executable, "-c", program, server.url, server.key], check=True, timeout=60)
    with Client(server.url, server.key) as client:
        assert client.query("payments").value == 500


def test_a_server_that_is_killed_again_and_again_loses_and_doubles_nothing(
    server: Server,
) -> None:
    """Four threads send while the server is killed three times; every event counts once."""
    count = 400
    with Client(
        server.url, server.key, retry=SOON, max_batch=20, max_delay_s=0.01, timeout_s=10
    ) as client:

        def program() -> None:
            for _ in range(count):
                client.send("pay", data={"value": Decimal("0.01")})

        threads = [threading.Thread(target=program) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            server.kill()
            server.restart()
        for thread in threads:
            thread.join()
        client.flush(60)
        assert client.query("payments").value == 4 * count
        assert client.query("revenue").value == Decimal("16.00")


def test_watching_goes_on_over_a_restart(server: Server) -> None:
    """The picture after the restart is what a fresh query says."""
    with (
        Client(server.url, server.key, retry=SOON) as client,
        Client(server.url, server.key, retry=SOON) as other,
    ):
        updates = client.watch("revenue", interval="year", by="subject")
        other.send_now([{"type": "pay", "subject": "a", "data": {"value": 1}}])
        update = next(updates)
        while not update.answer.rows:
            update = next(updates)
        server.restart()
        other.send_now([{"type": "pay", "subject": "b", "data": {"value": 2}}])
        while len(update.answer.rows) < 2:
            update = next(updates)
        fresh = other.query("revenue", interval="year", by="subject")
        assert update.answer.rows == fresh.rows
        updates.close()


def test_watching_entities_and_events_goes_on_over_a_restart(server: Server) -> None:
    """A list, one entity and the newest events follow what is sent, also while nobody listened."""
    with (
        Client(server.url, server.key, retry=SOON) as client,
        Client(server.url, server.key, retry=SOON) as other,
    ):
        lists = client.watch_entities("payer", where={"paid": [1, 2]}, sort="-paid", limit=1)
        single = client.watch_entities("payer", key="b")
        events = client.watch_events(type="pay", limit=2)
        assert next(lists).page == next(single).page == next(events).page == []
        other.send_now([{"type": "pay", "subject": "a", "data": {"value": 1}}])
        server.restart()
        other.send_now([{"type": "pay", "subject": "b", "data": {"value": 2}}])
        page = next(lists).page
        while [row["key"] for row in page] != ["b"]:
            page = next(lists).page
        while not (page := next(single).page):
            pass
        assert page[0]["fields"] == {"paid": 2}
        while len(page := next(events).page) < 2:
            pass
        assert [row["subject"] for row in page] == ["b", "a"]
        for watched in (lists, single, events):
            watched.close()


async def test_the_async_client_watches_entities_and_events(server: Server) -> None:
    """The same, on an event loop."""
    async with (
        AsyncClient(server.url, server.key) as client,
        aclosing(client.watch_entities("payer", key="a")) as single,
        aclosing(client.watch_events(subject="a")) as events,
    ):
        assert (await anext(single)).page == (await anext(events)).page == []
        await client.send_now([{"type": "pay", "subject": "a", "data": {"value": 1}}])
        assert (await anext(single)).page[0]["fields"] == {"paid": 1}
        assert (await anext(events)).page[0]["data"] == {"value": 1}


async def test_the_async_client_sends_asks_and_watches(server: Server) -> None:
    """The same, on an event loop."""
    async with AsyncClient(server.url, server.key) as client:
        async with aclosing(client.watch("payments")) as updates:
            first = await anext(updates)
            for _ in range(10):
                await client.send("pay", data={"value": 1})
            await client.flush()
            update = first
            while update.answer.value != 10:
                update = await anext(updates)
        assert (await client.query("payments")).value == 10


def test_the_first_update_comes_within_a_second(server: Server) -> None:
    """A change is pushed, not polled for."""
    seen: list[int] = []

    def follow() -> None:
        with Client(server.url, server.key) as client:
            for update in client.watch("payments"):
                seen.append(update.answer.value)
                if update.answer.value:
                    return

    watcher = threading.Thread(target=follow)
    watcher.start()
    until(lambda: seen, "the first answer")
    with Client(server.url, server.key) as client:
        client.send_now([{"type": "pay", "data": {"value": 1}}])
    until(lambda: seen[-1] == 1, "the update", within_s=5)
    watcher.join(10)
