"""Before which instants events are gone because they grew too old, for each type of a team.

In the flow: filled from the catalog by ``server.keeping``, read for every answer.
Guarantee: a horizon is known before the first row behind it goes, so an answer that lacks something
says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["Horizons"]

Kind = tuple[int, str]


class Horizons:
    """The horizons of all teams. Safe for any thread: a new mapping takes the place of the old."""

    def __init__(self) -> None:
        """Know of none."""
        self._known: Mapping[Kind, int] = {}

    @property
    def known(self) -> Mapping[Kind, int]:
        """Every horizon: microseconds since 1970 UTC by (team, type)."""
        return self._known

    def replace(self, known: Mapping[Kind, int]) -> None:
        """Know these from now on, and no others."""
        self._known = dict(known)

    def gone_before(
        self, team: int, types: Iterable[str] | None, start_us: int | None
    ) -> int | None:
        """Return the instant before which something may be missing in an answer; None: nothing is.

        Args:
            team: whose events.
            types: which types are asked about; None: all of them.
            start_us: where the question's range begins; None: with the first event.
        """
        wanted = None if types is None else set(types)
        found = [
            at_us
            for (owner, kind), at_us in self._known.items()
            if owner == team and (wanted is None or kind in wanted)
        ]
        last = max(found, default=None)
        return None if last is None or (start_us is not None and start_us >= last) else last
