"""How often an address may guess and how fast a key may send, on a clock set by hand.

In the flow: calls ``api.bounds`` without a server.
Guarantee: the bounds are exact at their edges, forgive in time, and take bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from livetally.api.bounds import FailedKeys, IngestRate, address_group
from livetally.errors import QuotaExceeded, Unauthenticated
from livetally.testing import ManualClock


def test_the_wrong_key_after_the_last_allowed_is_refused() -> None:
    """Three in a moving minute pass; then the wait ends when the first of them is a minute old."""
    clock = ManualClock()
    failed = FailedKeys(clock, 3)
    for _ in range(3):
        failed.require("192.0.2.1")
        failed.note("192.0.2.1")
        clock.advance(s=10)
    with pytest.raises(QuotaExceeded) as refused:
        failed.require("192.0.2.1")
    assert refused.value.retry_after_s == 30
    failed.require("192.0.2.2")
    clock.advance(s=29)
    with pytest.raises(QuotaExceeded):
        failed.require("192.0.2.1")
    clock.advance(s=1)
    failed.require("192.0.2.1")


def test_no_more_keys_are_looked_at_than_may_be_wrong() -> None:
    """A hundred guesses at the same time: three are looked at, the others are refused unseen."""
    failed = FailedKeys(ManualClock(), 3)
    looked_at = []

    async def guess(number: int) -> str:
        try:
            async with failed.trying("192.0.2.1"):
                looked_at.append(number)
                await anyio.lowlevel.checkpoint()
                _refuse()
        except (Unauthenticated, QuotaExceeded) as error:
            return type(error).__name__
        return "passed"

    said = anyio.run(_all_of, guess, 100)
    assert len(looked_at) == 3
    assert Counter(said) == {"Unauthenticated": 3, "QuotaExceeded": 97}


def test_right_keys_that_come_together_all_pass() -> None:
    """More right keys at once than may be wrong are looked at one after the other."""
    failed = FailedKeys(ManualClock(), 3)

    async def use(number: int) -> int:
        async with failed.trying("192.0.2.1"):
            await anyio.lowlevel.checkpoint()
        return number

    assert sorted(anyio.run(_all_of, use, 100)) == list(range(100))


def _refuse() -> None:
    raise Unauthenticated("wrong")


async def _all_of(work: Callable[[int], Awaitable[Any]], count: int) -> list[Any]:
    answers = []

    async def one(number: int) -> None:
        answers.append(await work(number))

    async with anyio.create_task_group() as group:
        for number in range(count):
            group.start_soon(one, number)
    return answers


def test_addresses_are_forgotten_rather_than_gathered() -> None:
    """A flood from many addresses drives out the oldest."""
    failed = FailedKeys(ManualClock(), 1, addresses_max=2)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        failed.note(address)
    failed.require("192.0.2.1")
    for address in ("192.0.2.2", "192.0.2.3"):
        with pytest.raises(QuotaExceeded):
            failed.require(address)


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("not:an:address", "not:an:address"),
        ("", ""),
    ],
)
def test_one_household_counts_as_one_address(address: str, group: str) -> None:
    """Of an IPv6 address the first half counts: the other half is chosen freely by its owner."""
    assert address_group(address) == group


def test_a_key_that_sends_too_fast_waits_as_long_as_it_was_ahead() -> None:
    """A large body is taken whole; the next one waits until the average is right again."""
    clock = ManualClock()
    rate = IngestRate(clock, 100)
    rate.require("a")
    rate.note("a", 1_100)
    with pytest.raises(QuotaExceeded) as refused:
        rate.require("a")
    assert refused.value.retry_after_s == 10
    rate.require("b")
    clock.advance(s=10)
    rate.require("a")


def test_a_key_within_its_rate_is_never_refused() -> None:
    """Exactly the rate, second after second, passes for ever."""
    clock = ManualClock()
    rate = IngestRate(clock, 100)
    for _ in range(1_000):
        rate.require("a")
        rate.note("a", 100)
        clock.advance(s=1)
