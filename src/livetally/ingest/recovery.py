"""At start: find the last position, and complete the index of identities from the events table.

In the flow: run once by the writer before its first commit.
Guarantee: afterwards the index knows every stored identity. The events table decides what is stored;
the index is only ever behind it, because it is written after the insert.
"""

from __future__ import annotations

from livetally.event import content_sums, identity_keys
from livetally.store.events import Engine, last_position, read_identities
from livetally.store.identities import IdentityIndex

__all__ = ["recover"]

# A commit has at most some tens of thousands of events, so this bounds the memory of one step.
_POSITIONS_AT_ONCE = 16


def recover(engine: Engine, index: IdentityIndex) -> int:
    """Complete ``index`` and return the last durable position (0 in a new store). Blocks."""
    last = last_position(engine)
    for first in range(index.complete_to + 1, last + 1, _POSITIONS_AT_ONCE):
        until = min(first + _POSITIONS_AT_ONCE - 1, last)
        keys: list[bytes] = []
        sums: list[int] = []
        for row in read_identities(engine, first, until):
            keys += identity_keys(row.team, [row.source], [row.id])
            at = row.occurred_us if row.timed else None
            sums += content_sums([row.type], [at], [row.subject], [row.data.encode()])
        index.record(keys, sums, until)
    return last
