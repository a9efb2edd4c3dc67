"""Keys of identities, sums of content and made-up ids.

In the flow: calls ``event.identity``.
Guarantee: keys are compared as bytes, as the index compares them.
"""

from __future__ import annotations

import uuid

import pytest

from livetally.event import content_sums, identity_keys, new_id, new_ids
from livetally.event.identity import KEY_BYTES_MAX


def key(team: int, source: str, event_id: str) -> bytes:
    """Return one key."""
    return identity_keys(team, [source], [event_id.encode()])[0]


def test_different_identities_have_different_keys() -> None:
    """Moving a letter from the source to the id, or a digit to the team, is another identity."""
    identities = [
        (team, source, event_id)
        for team in (1, 2, 256, 2**31)
        for source in ("", "a", "ab", "b", "\0", "é", "s" * 256)
        for event_id in ("a", "b", "ab", "\0a", "é", "x" * 40, "x" * 256, "x" * 255 + "y")
    ]
    assert len({key(*identity) for identity in identities}) == len(identities)


def test_a_batch_gives_the_keys_of_its_events() -> None:
    """One source or several, short ids or long: a key does not depend on its neighbours."""
    sources = ["a", "b", "a", "long"]
    ids = [b"1", b"2", b"3", b"x" * 200]
    expected = [key(7, s, i.decode()) for s, i in zip(sources, ids, strict=True)]
    assert identity_keys(7, sources, ids) == expected
    assert identity_keys(7, [], []) == []


def test_keys_are_bounded_and_keep_the_order_of_short_ids() -> None:
    """However long an id is, its key is not; ids made in order stay neighbours."""
    assert len(key(1, "s" * 256, "i" * 256)) <= KEY_BYTES_MAX
    ids = [f"order-{number:06d}" for number in range(100)]
    keys = [key(1, "shop", event_id) for event_id in ids]
    assert keys == sorted(keys)


def test_made_ids_are_version_7_distinct_and_in_order() -> None:
    """They sort as they were made, within a millisecond and across."""
    now_us = 1_790_000_000_123_456
    ids = [*new_ids(now_us, 1000), new_id(now_us + 1000)]
    assert ids == sorted(set(ids))
    for made in ids:
        parsed = uuid.UUID(made)
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert str(parsed) == made
    assert uuid.UUID(ids[0]).int >> 80 == now_us // 1000
    assert len({new_id(now_us) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "other",
    [
        ("b", 5, "s", b"{}"),
        ("a", 6, "s", b"{}"),
        ("a", None, "s", b"{}"),
        ("a", 5, "t", b"{}"),
        ("a", 5, "s", b'{"a":1}'),
    ],
)
def test_a_sum_covers_everything_an_event_says(other: tuple[str, int | None, str, bytes]) -> None:
    """Another type, time, subject or data is another sum; the same event is always the same sum."""
    events = [("a", 5, "s", b"{}"), other, ("a", 5, "s", b"{}")]
    kinds, times, subjects, data = zip(*events, strict=True)
    first, second, third = content_sums(kinds, times, subjects, data)
    assert first == third != second
    assert 0 <= first < 2**32
