"""How many events of a batch are compared with the stored ones, and how many at a time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from livetally.event import EventLimits, Incoming, check_limits
from livetally.ingest import Schema
from livetally.ingest.batch import Batch, prepare
from livetally.ingest.compare import COMPARED_MAX, conflicting
from livetally.ingest.dedupe import Differing
from livetally.store.events import StoredIdentity

TEAM = 3
DIFFERS = 7


def batch_of(count: int) -> Batch:
    """Return a batch of events that say 1."""
    events = [Incoming(type="a", id=str(i), data=msgspec.Raw(b'{"n":1}')) for i in range(count)]
    within = check_limits(events, list(range(count)), EventLimits(), 0)
    batch, rejected = prepare(TEAM, within, Schema(()), 0)
    assert not rejected
    return batch


def test_events_are_compared_in_portions_up_to_a_bound() -> None:
    """Each portion is read on its own; of those beyond the bound nothing is read."""
    extra = 5
    batch = batch_of(COMPARED_MAX + extra)
    read: list[int] = []

    def read_back(team: int, wanted: Sequence[tuple[bytes, int]]) -> list[StoredIdentity]:
        """Return events that say the same in other words; one says something else."""
        assert team == TEAM
        read.append(len(wanted))
        said = {str(DIFFERS).encode(): '{"n":2}'}
        return [
            StoredIdentity(
                TEAM, "a", "", event_id.decode(), "", 0, 0, said.get(event_id, '{ "n": 1.0 }'), at
            )
            for event_id, at in wanted
        ]

    differing = [Differing(place, 1) for place in range(len(batch))]
    beyond = list(range(COMPARED_MAX, COMPARED_MAX + extra))
    assert conflicting(batch, differing, read_back) == [DIFFERS, *beyond]
    assert sum(read) == COMPARED_MAX
    assert max(read) == 1000
