"""What the events table keeps beside its rows, and which of it answers a question.

In the flow: made by ``query.projections``, kept by ``schema``, chosen by ``aggregate`` and
``entities``.
Guarantee: pure; a projection that can't answer a question is never chosen for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

__all__ = ["Projection", "smallest"]


class Projection(NamedTuple):
    """Aggregates kept for each (team, type, slot, keys): column names and aggregate SQL.

    Without ``by_slot`` they are kept for each (team, type, keys) over all time: an entity's state.
    """

    keys: tuple[str, ...]
    aggregates: tuple[str, ...]
    by_slot: bool = True

    @property
    def group(self) -> tuple[str, ...]:
        """The columns that it groups by, in the order that it is sorted in."""
        return ("team", "type", *(("slot",) if self.by_slot else ()), *self.keys)

    @property
    def name(self) -> str:
        """A name that changes whenever the content does."""
        text = "|".join((*self.keys, "" if self.by_slot else "over all time", *self.aggregates))
        return f"p_{blake2b(text.encode(), digest_size=8).hexdigest()}"


def smallest(
    kept: Iterable[Projection],
    columns: Iterable[str],
    aggregates: Iterable[str],
    *,
    by_slot: bool = True,
) -> str | None:
    """Return which projection to read for a question: the one with the fewest keys that can answer.

    Args:
        kept: what there is to choose from.
        columns: what the question groups and filters by.
        aggregates: what it asks for.
        by_slot: whether it asks about time.

    Returns:
        Its name, None when none can answer.
    """
    needed = set(columns) - {"team", "type", "slot"}
    asked = set(aggregates)
    alike = (one for one in kept if one.by_slot == by_slot)
    fit = [one for one in alike if needed <= set(one.keys) and asked <= set(one.aggregates)]
    return min(fit, key=lambda one: (len(one.keys), one.name)).name if fit else None
