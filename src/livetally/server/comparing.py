"""Compares what was moved with what arrived: every day of every type of every team.

In the flow: called by ``moving`` when the store has everything; asks both stores.
Guarantee: an event of the old store that is missing in the new one, is there twice, or says
something else, is told by team, type and day. New events that come meanwhile change nothing.

First the sums of whole days, of the rows that had arrived in the old store's time: equal sums are
equal days. A day whose sums differ may still be right, because clients have sent events of it to
the cluster meanwhile, new ones or the same ones again. Of such a day every identity is looked up.
What was moved has kept its time of arrival, so the row that is there is either the moved one, and
must be the same in everything, or it came from a client first. Then it is the same event if it says
the same (``resent``), and else a conflict, in which the first one counts as always.

What the cluster's retention has taken away meanwhile is not looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from livetally.server.keeping import read_horizons
from livetally.store.catalog import Catalog
from livetally.store.events import Engine
from livetally.store.events.history import Kind, held_kinds
from livetally.store.events.sums import Bucket, Row, Share, Sum, rows_anywhere, rows_of, sums_by_day

__all__ = ["Compared", "Difference", "compare"]

_DAY_US = 86_400_000_000
_EVER = -(2**62)
_ROWS_AT_ONCE = 20_000


class Difference(NamedTuple):
    """A day of UTC (since 1970) that is not the same, and in how many of its events."""

    team: int
    type: str
    day: int
    events: int
    missing: int
    differing: int
    twice: int


class Compared(NamedTuple):
    """What was found: events that were looked for, days, those that are not the same.

    ``resent`` events had come from clients before they were moved, ``conflicts`` too, with other
    content; ``retired`` were too old for the cluster's retention.
    """

    events: int
    days: int
    differences: list[Difference]
    resent: int
    conflicts: list[Difference]
    retired: int

    @property
    def are_equal(self) -> bool:
        """Whether every event of the old store is in the new one, once."""
        return not self.differences


class _Stores(NamedTuple):
    source: Engine
    target: Engine


def compare(
    source: Engine, target: Engine, catalog: Catalog, tell: Callable[[int, int], None]
) -> Compared:
    """Compare everything that ``source`` holds. Blocks.

    Args:
        source: the store that was moved from; nothing changes it.
        target: the store that was moved to.
        catalog: the new store's.
        tell: called with how many events were compared, and of how many.

    Raises:
        StoreFailed: one of them can't be read.
    """
    kinds = held_kinds(source)
    total, done = sum(kind.events for kind in kinds), 0
    stores = _Stores(source, target)
    found = _Found()
    for kind in kinds:
        found.take(stores, kind, catalog)
        done += kind.events
        tell(done, max(total, 1))
    return Compared(
        found.events,
        found.days,
        found.differences,
        found.resent,
        found.conflicts,
        total - found.events,
    )


class _Found:
    """What is known so far."""

    def __init__(self) -> None:
        self.events = 0
        self.days = 0
        self.differences: list[Difference] = []
        self.resent = 0
        self.conflicts: list[Difference] = []

    def take(self, stores: _Stores, kind: Kind, catalog: Catalog) -> None:
        """Compare a type of a team."""
        share = _share(kind, catalog)
        here = sums_by_day(stores.source, share)
        there = sums_by_day(stores.target, share)
        self.events += sum(one.events for one in here.values())
        self.days += len(here)
        unequal = [day for day, one in sorted(here.items()) if there.get(day) != one]
        everything = share._replace(received_us=Share._field_defaults["received_us"])
        for day in unequal:
            self._look_into(stores, everything._replace(day=day), day, here[day])
        if self.differences and _share(kind, catalog) != share:
            self._let_go(_share(kind, catalog))

    def _let_go(self, share: Share) -> None:
        """Forget the days that retention has taken away while they were compared."""
        before = share.since_us // _DAY_US
        of = (share.team, share.type)
        self.differences = [
            one for one in self.differences if (one.team, one.type) != of or one.day >= before
        ]

    def _look_into(self, stores: _Stores, share: Share, day: int, here: Sum) -> None:
        """Look every identity of a day up."""
        there = sums_by_day(stores.target, share).get(day, Sum(0, 0))
        buckets = -(-max(here.events, there.events) // _ROWS_AT_ONCE)
        anywhere = partial(rows_anywhere, stores.target, share)
        counts: Counter[str] = Counter()
        for number in range(buckets):
            of = Bucket(number, buckets)
            rows, others = rows_of(stores.source, share, of), rows_of(stores.target, share, of)
            counts.update(_verdicts(rows, others, anywhere))
        self.resent += counts["resent"]
        wrong = (counts["missing"], counts["differing"], counts["twice"])
        if any(wrong):
            self.differences.append(Difference(*share[:2], day, here.events, *wrong))
        if counts["conflict"]:
            conflict = Difference(*share[:2], day, here.events, 0, counts["conflict"], 0)
            self.conflicts.append(conflict)


def _share(kind: Kind, catalog: Catalog) -> Share:
    """Return what both stores are to have of a type, as retention is now."""
    gone, thinned = read_horizons(catalog)
    of = (kind.team, kind.type)
    since_us = max(gone.get(of, _EVER), _EVER)
    whole_us = max(thinned[of].before_us, _EVER) if of in thinned else _EVER
    return Share(kind.team, kind.type, since_us, whole_us, kind.received_us)


def _verdicts(
    here: list[Row], there: list[Row], anywhere: Callable[[list[str]], list[Row]]
) -> Counter[str]:
    """Count what became of each row: same, resent, conflict, missing, differing, twice."""
    known = _by_identity(there)
    lost = [row for row in here if (row.source, row.id) not in known]
    if lost:
        # An event without a time of its own, or with other content, may be on another day.
        known |= _by_identity(anywhere([row.id for row in lost]))
    return Counter(_verdict(row, known.get((row.source, row.id), [])) for row in here)


def _by_identity(rows: list[Row]) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.source, row.id), []).append(row)
    return found


def _verdict(row: Row, found: list[Row]) -> str:
    if not found:
        return "missing"
    if len(found) > 1:
        return "twice"
    other = found[0]
    if other.whole == row.whole:
        return "same"
    if other.received_us == row.received_us:
        return "differing"
    return "resent" if other.said == row.said else "conflict"
