"""What ``KeyCache`` promises: the speed of memory, and nobody let in who has been shut out.

In the flow: stands before two catalogs on one database, as in two processes.
Guarantee: revocation holds at once here, and within the stated time elsewhere.
"""

from __future__ import annotations

import timeit
from typing import TYPE_CHECKING, Any

import pytest

from livetally.errors import StoreFailed
from livetally.store.catalog import KeyCache
from livetally.tenancy import ALL_SCOPES, DEFAULT_TEAM

if TYPE_CHECKING:
    from livetally.store.catalog import Catalog, NewKey
    from livetally.testing.clock import ManualClock

pytest_plugins = ("tests.contract.catalogs",)

HOUR_US = 3_600_000_000


@pytest.fixture
def key(catalog: Catalog) -> NewKey:
    """Return a key of the default team."""
    return catalog.create_key(DEFAULT_TEAM, "ci", ALL_SCOPES)


@pytest.fixture
def cache(catalog: Catalog, key: NewKey, clock: ManualClock) -> KeyCache:
    """Return a cache that has verified that key."""
    made = KeyCache(catalog, clock)
    assert made.verify(key.text.reveal()) is not None
    return made


def test_memory_answers(cache: KeyCache, key: NewKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender who was verified is known without asking the database."""
    monkeypatch.setattr("livetally.store.catalog.database.Database.reading", pytest.fail)
    who = cache.peek(key.text.reveal())
    assert who is not None
    assert who.key_id == key.record.id
    assert cache.verify(key.text.reveal()) == who


def test_unknown_texts_are_not_remembered(cache: KeyCache, catalog: Catalog) -> None:
    """Wrong texts are refused each time and take no memory; a new key works at once."""
    for text in ("", "nonsense", "lt_", "ls_x", "\ud800"):
        assert cache.verify(text) is None
        assert cache.peek(text) is None
    new = catalog.create_key(DEFAULT_TEAM, "new", ALL_SCOPES)
    assert cache.peek(new.text.reveal()) is None
    assert cache.verify(new.text.reveal()) is not None


def test_revoked_here(cache: KeyCache, catalog: Catalog, key: NewKey) -> None:
    """A key revoked in this process is refused by the time the revoking call has returned."""
    catalog.revoke_key(key.record.id, team=None)
    assert cache.peek(key.text.reveal()) is None
    assert cache.verify(key.text.reveal()) is None


def test_revoked_elsewhere(
    cache: KeyCache, catalog: Catalog, other: Catalog, key: NewKey, clock: ManualClock
) -> None:
    """A key revoked by another process is refused at the next poll, and after a second at most."""
    other.revoke_key(key.record.id, team=None)
    assert cache.peek(key.text.reveal()) is not None
    clock.advance(s=1)
    assert cache.peek(key.text.reveal()) is None
    assert cache.verify(key.text.reveal()) is None


def test_poll_ends_what_was_revoked_elsewhere(
    cache: KeyCache, catalog: Catalog, other: Catalog, key: NewKey
) -> None:
    """The poll that finds another process's change forgets everything."""
    other.revoke_key(key.record.id, team=None)
    catalog.poll_changes()
    assert cache.peek(key.text.reveal()) is None


def test_polling_keeps_memory_fresh(
    cache: KeyCache, catalog: Catalog, key: NewKey, clock: ManualClock
) -> None:
    """While polls succeed and find nothing, senders stay known for as long as they like."""
    for _ in range(10):
        clock.advance(s=0.9)
        catalog.poll_changes()
        assert cache.peek(key.text.reveal()) is not None


def test_nobody_is_known_when_the_catalog_is_silent(
    cache: KeyCache, key: NewKey, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the database can't be asked, what is older than a second lets nobody in."""

    def silent(_: object) -> Any:
        raise StoreFailed("no answer")

    monkeypatch.setattr("livetally.store.catalog.database.Database.reading", silent)
    assert cache.verify(key.text.reveal()) is not None
    clock.advance(s=1)
    with pytest.raises(StoreFailed):
        cache.verify(key.text.reveal())
    assert cache.peek(key.text.reveal()) is None


def test_change_while_looking_up(
    cache: KeyCache, catalog: Catalog, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was read just before the revocation is not remembered just after it."""
    cache.forget()
    look_up = catalog.authenticate

    def revoked_meanwhile(text: str) -> Any:
        found = look_up(text)
        catalog.revoke_key(key.record.id, team=None)
        return found

    monkeypatch.setattr(catalog, "authenticate", revoked_meanwhile)
    cache.verify(key.text.reveal())
    assert cache.peek(key.text.reveal()) is None


def test_expiry_is_kept_in_memory(
    cache: KeyCache, catalog: Catalog, clock: ManualClock, key: NewKey
) -> None:
    """A remembered key or session ends to the microsecond, without a look-up."""
    ends_us = clock.now_us() + 500_000
    short = catalog.create_key(DEFAULT_TEAM, "short", ALL_SCOPES, expires_us=ends_us)
    assert cache.verify(short.text.reveal()) is not None
    clock.advance(us=499_999)
    assert cache.peek(short.text.reveal()) is not None
    clock.advance(us=1)
    assert cache.peek(short.text.reveal()) is None
    assert cache.verify(short.text.reveal()) is None


def test_sessions_and_sign_out(cache: KeyCache, catalog: Catalog, key: NewKey) -> None:
    """Sessions and stream tokens are remembered like keys, and forgotten at sign-out."""
    who = cache.verify(key.text.reveal())
    assert who is not None
    session = catalog.create_session(who, 60).reveal()
    stream = catalog.create_stream_token(who, 60).reveal()
    for text in (session, stream):
        found = cache.verify(text)
        assert found is not None
        assert cache.peek(text) == found
    catalog.end_session(session)
    assert cache.peek(session) is None
    assert cache.verify(session) is None
    assert cache.verify(stream) is not None


def test_memory_is_bounded(catalog: Catalog, clock: ManualClock) -> None:
    """Beyond the bound the sender known for longest is forgotten, and can come back."""
    cache = KeyCache(catalog, clock, entries_max=2)
    texts = [
        catalog.create_key(DEFAULT_TEAM, name, ALL_SCOPES).text.reveal() for name in ("a", "b", "c")
    ]
    for text in texts:
        assert cache.verify(text) is not None
    assert [cache.peek(text) is not None for text in texts] == [False, True, True]
    assert cache.verify(texts[0]) is not None


def test_uses_are_flushed(
    cache: KeyCache,
    catalog: Catalog,
    key: NewKey,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last use of each key reaches the catalog, also when the first attempt failed."""
    clock.advance(s=0.5)
    cache.peek(key.text.reveal())
    used_us = clock.now_us()

    def fail(_: object) -> None:
        raise StoreFailed("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(catalog, "note_uses", fail)
        with pytest.raises(StoreFailed):
            cache.flush_uses()
    cache.flush_uses()
    assert catalog.list_keys(None)[0].last_used_us == used_us


def test_closed_cache_knows_nobody(cache: KeyCache, catalog: Catalog, key: NewKey) -> None:
    """A cache that was closed has forgotten everybody and no longer listens."""
    cache.close()
    assert cache.peek(key.text.reveal()) is None
    catalog.create_team("blue")


def test_peek_takes_microseconds(cache: KeyCache, key: NewKey) -> None:
    """Knowing a sender costs less than a tenth of looking one up."""
    text = key.text.reveal()
    peek_s = min(timeit.repeat(lambda: cache.peek(text), number=1_000, repeat=5)) / 1_000
    cache_miss_s = min(timeit.repeat(lambda: _miss(cache, text), number=10, repeat=5)) / 10
    assert peek_s < cache_miss_s / 10
    assert peek_s < 100e-6


def _miss(cache: KeyCache, text: str) -> None:
    cache.forget()
    assert cache.verify(text) is not None
