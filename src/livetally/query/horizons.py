"""Before which instants events are gone because they grew too old, for each type of a team.

In the flow: filled from the catalog by ``server.keeping``, read for every answer.
Guarantee: a horizon is known before the first row behind it changes, so an answer that lacks
something says so.

There are two: before the one rows are gone; before the other, which is later, rows are there, but
of what was sent only what fields declare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ["Horizons", "Needs", "Thinned"]

Kind = tuple[int, str]

Needs = frozenset[str] | None
"""The columns of declared fields that an answer is made of; None: it needs what was sent."""

_EVER = -(2**63)


class Thinned(NamedTuple):
    """Before ``before_us`` only declared fields are left of a type's events.

    ``since`` says of each column from which instant on it is whole: a field that was declared after
    the first thinning has nothing from before.
    """

    before_us: int
    since: dict[str, int]

    def gone_before(self, needs: Needs) -> int:
        """Return before which instant something of what is needed is missing."""
        if needs is None:
            return self.before_us
        return max((self.since.get(column, self.before_us) for column in needs), default=_EVER)

    def moved(self, before_us: int, columns: Iterable[str]) -> Thinned:
        """Return the horizon after a further thinning, at which ``columns`` were whole."""
        return Thinned(before_us, {name: self.since.get(name, self.before_us) for name in columns})

    @classmethod
    def first(cls, before_us: int, columns: Iterable[str]) -> Thinned:
        """Return the horizon of the first thinning."""
        return cls(before_us, dict.fromkeys(columns, _EVER))


class Horizons:
    """The horizons of all teams. Safe for any thread: a new mapping takes the place of the old."""

    def __init__(self) -> None:
        """Know of none."""
        self._known: Mapping[Kind, int] = {}
        self._thinned: Mapping[Kind, Thinned] = {}

    @property
    def known(self) -> Mapping[Kind, int]:
        """Before when rows are gone: microseconds since 1970 UTC by (team, type)."""
        return self._known

    @property
    def thinned(self) -> Mapping[Kind, Thinned]:
        """Before when rows hold declared fields only, by (team, type)."""
        return self._thinned

    def replace(self, known: Mapping[Kind, int], thinned: Mapping[Kind, Thinned]) -> None:
        """Know these from now on, and no others."""
        self._known = dict(known)
        self._thinned = dict(thinned)

    def gone_before(
        self,
        team: int,
        types: Iterable[str] | None,
        start_us: int | None,
        needs: Needs = None,
    ) -> int | None:
        """Return the instant before which something may be missing in an answer; None: nothing is.

        Args:
            team: whose events.
            types: which types are asked about; None: all of them.
            start_us: where the question's range begins; None: with the first event.
            needs: what the answer is made of.
        """
        wanted = None if types is None else set(types)

        def asked(of: Kind) -> bool:
            return of[0] == team and (wanted is None or of[1] in wanted)

        found = [at_us for of, at_us in self._known.items() if asked(of)]
        found += [one.gone_before(needs) for of, one in self._thinned.items() if asked(of)]
        last = max(found, default=_EVER)
        return None if last == _EVER or (start_us is not None and start_us >= last) else last

    def whole_from(self, team: int, types: Iterable[str]) -> int | None:
        """Return the instant from which on everything that was sent of these types is there."""
        found = [one.before_us for kind in types if (one := self._thinned.get((team, kind)))]
        return max(found, default=None)
