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
    """Aggregates kept for each (team, type, slot, keys): column names and aggregate SQL."""

    keys: tuple[str, ...]
    aggregates: tuple[str, ...]

    @property
    def name(self) -> str:
        """A name that changes whenever the content does."""
        text = "|".join((*self.keys, "", *self.aggregates))
        return f"p_{blake2b(text.encode(), digest_size=8).hexdigest()}"


def smallest(
    kept: Iterable[Projection], columns: Iterable[str], aggregates: Iterable[str]
) -> str | None:
    """Return which projection to read for a question: the one with the fewest keys that can answer.

    Args:
        kept: what there is to choose from.
        columns: what the question groups and filters by.
        aggregates: what it asks for.

    Returns:
        Its name, None when none can answer.
    """
    needed = set(columns) - {"team", "type", "slot"}
    asked = set(aggregates)
    fit = [one for one in kept if needed <= set(one.keys) and asked <= set(one.aggregates)]
    return min(fit, key=lambda one: (len(one.keys), one.name)).name if fit else None
