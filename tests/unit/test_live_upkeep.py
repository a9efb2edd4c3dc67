"""What happens to streams while nothing changes: signs of life, patience and its end."""

from __future__ import annotations

import pytest

from livetally.errors import StoreFailed
from livetally.live import Patience
from tests.unit.live_room import Tally, identity, limits, notice, open_client, room, settle


async def test_an_idle_stream_gives_a_sign_of_life_that_moves_its_id() -> None:
    """After the heartbeat's time a comment and an id are written; before it, nothing."""
    async with room() as (hub, clock):
        _, client = await open_client(hub, Tally())
        hub.notice(notice(5, kind="visit"))
        await settle()
        written = len(client.written)
        clock.advance(s=13)
        await hub._upkeep.look_once()
        assert len(client.written) == written
        clock.advance(s=3)
        await hub._upkeep.look_once()
        assert client.written[-1] == b":\nid: e1.5\n\n"
        await hub._upkeep.look_once()
        assert len(client.written) == written + 1


async def test_a_sign_of_life_never_says_more_than_was_told() -> None:
    """While a change is on its way to many clients, a heartbeat of those behind stays before it."""
    async with room() as (hub, _):
        tally = Tally()
        _, first = await open_client(hub, tally)
        behind, last = await open_client(hub, tally)
        tally.put("a", 1, 4)
        ids: list[str] = []
        write = first.write

        def write_and_beat(data: bytes) -> None:
            write(data)
            behind.beat(0.0)
            ids.append(last.last_id())

        first.write = write_and_beat  # type: ignore[method-assign]
        hub.notice(notice(4))
        await settle()
        assert ids == ["e1.0"]
        assert (last.picture(), last.last_id()) == ({"a": 1}, "e1.4")


async def test_a_client_that_takes_nothing_is_let_go() -> None:
    """A client whose kept bytes do not shrink is cut off; one that is only slow is not."""
    async with room() as (hub, clock):
        _, stuck = await open_client(hub, Tally())
        _, slow = await open_client(hub, Tally())
        for client in (stuck, slow):
            client.paused, client.unsent = True, 50_000
        for _ in range(5):
            await hub._upkeep.look_once()
            clock.advance(s=10)
            slow.unsent -= 1_000
        assert (stuck.aborted, slow.aborted) == (True, False)


async def test_a_client_that_reads_again_is_forgiven() -> None:
    """The time of a client that takes nothing starts anew after it took something."""
    async with room() as (hub, clock):
        stream, client = await open_client(hub, Tally())
        client.paused, client.unsent = True, 50_000
        await hub._upkeep.look_once()
        clock.advance(s=25)
        client.paused = False
        stream.resumed()
        client.paused = True
        await hub._upkeep.look_once()
        clock.advance(s=10)
        await hub._upkeep.look_once()
        assert not client.aborted


async def test_a_stay_ends_between_three_quarters_and_the_whole_of_its_time() -> None:
    """Streams that opened together end at different times, and then come back and resume."""
    async with room(limits(patience=Patience(heartbeat_s=1e9, stay_s_max=100))) as (hub, clock):
        clients = [(await open_client(hub, Tally()))[1] for _ in range(50)]
        clock.advance(s=74)
        await hub._upkeep.look_once()
        assert not any(client.closed for client in clients)
        clock.advance(s=13)
        await hub._upkeep.look_once()
        assert 0 < sum(client.closed for client in clients) < 50
        clock.advance(s=13)
        await hub._upkeep.look_once()
        assert all(client.closed for client in clients)


async def test_a_stream_ends_when_its_key_expires() -> None:
    """Nothing is told any more from the second in which the key or the session has ended."""
    async with room() as (hub, clock):
        _, client = await open_client(hub, Tally(), who=identity(expires_us=5_000_000))
        clock.advance(s=4)
        await hub._upkeep.look_once()
        assert not client.closed
        clock.advance(s=1)
        await hub._upkeep.look_once()
        assert client.closed


async def test_streams_end_at_once_when_their_key_is_revoked() -> None:
    """A change of keys is looked at when it happens; only streams of keys that ended are ended."""
    keys: dict[str, object] = {}
    async with room(keys=keys) as (hub, _):
        tally = Tally()
        _, first = await open_client(hub, tally, who=identity("good"))
        _, second = await open_client(hub, tally, who=identity("bad"))
        keys["bad"] = None
        await hub._upkeep.recheck_once()
        assert (first.closed, second.closed) == (False, True)
        tally.put("a", 1, 1)
        hub.notice(notice(1))
        await settle()
        assert (first.picture(), second.picture()) == ({"a": 1}, {})


async def test_a_key_that_may_no_longer_read_ends_its_streams() -> None:
    """Taking the scope away is as good as taking the key away."""
    who = identity("k1")
    keys: dict[str, object] = {}
    async with room(keys=keys) as (hub, _):
        _, client = await open_client(hub, Tally(), who=who)
        keys["k1"] = type(who)(
            **{f: getattr(who, f) for f in who.__struct_fields__ if f != "scopes"},
            scopes=frozenset(),
        )
        await hub._upkeep.recheck_once()
        assert client.closed


async def test_keys_are_checked_once_for_all_streams_of_an_identity() -> None:
    """A thousand streams of one key cost one look at the catalog."""
    asked: list[str] = []

    class Keys(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            asked.append(key)
            return default

    async with room(keys=Keys()) as (hub, _):
        for _ in range(10):
            await open_client(hub, Tally())
        await hub._upkeep.recheck_once()
        assert asked == ["k1"]


async def test_a_catalog_that_fails_ends_no_stream_by_itself() -> None:
    """While the catalog can't be asked, the streams stay and the look is repeated."""
    async with room(keys={"k1": StoreFailed()}) as (hub, _):
        _, client = await open_client(hub, Tally())
        with pytest.raises(StoreFailed):
            await hub._upkeep.recheck_once()
        assert not client.closed
