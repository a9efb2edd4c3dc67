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
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from livetally.server.keeping import read_horizons
from livetally.store.catalog import Catalog
from livetally.store.events import Engine
from livetally.store.events.history import Kind, held_kinds
from livetally.store.events.sums import (
    RECEIVED_US_MAX,
    Bucket,
    Row,
    Share,
    Sum,
    rows_anywhere,
    rows_of,
    sums_by_day,
)

__all__ = ["Compared", "Difference", "compare"]

_DAY_US = 86_400_000_000
_EVER = -(2**62)
_ROWS_AT_ONCE = 20_000
_DAYS_AT_ONCE = 1_000


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
        unequal = {day: one for day, one in sorted(here.items()) if there.get(day) != one}
        if not unequal:
            return
        share = share._replace(received_us=RECEIVED_US_MAX)
        there = sums_by_day(stores.target, share)
        most = {
            day: max(one.events, there[day].events if day in there else 0)
            for day, one in unequal.items()
        }
        verdicts: Counter[tuple[int, str]] = Counter()
        for days in _grouped(most):
            total = sum(most[day] for day in days)
            verdicts.update(_looked_up(stores, share._replace(days=tuple(days)), total))
        self._note(_share(kind, catalog), unequal, verdicts)

    def _note(
        self, share: Share, days: Mapping[int, Sum], verdicts: Counter[tuple[int, str]]
    ) -> None:
        """Note what was found, but for days that retention has taken away meanwhile."""
        for day, here in days.items():
            if day < share.since_us // _DAY_US:
                continue
            self.resent += verdicts[day, "resent"]
            wrong = [verdicts[day, word] for word in ("missing", "differing", "twice")]
            if any(wrong):
                self.differences.append(
                    Difference(share.team, share.type, day, here.events, *wrong)
                )
            if conflicts := verdicts[day, "conflict"]:
                found = Difference(share.team, share.type, day, here.events, 0, conflicts, 0)
                self.conflicts.append(found)


def _grouped(days: Mapping[int, int]) -> Iterator[list[int]]:
    """Put days together that have few events: each look costs some milliseconds."""
    group: list[int] = []
    events = 0
    for day, count in days.items():
        if group and (events + count > _ROWS_AT_ONCE or len(group) == _DAYS_AT_ONCE):
            yield group
            group, events = [], 0
        group.append(day)
        events += count
    if group:
        yield group


def _looked_up(stores: _Stores, share: Share, total: int) -> Counter[tuple[int, str]]:
    """Look every identity of some days up; return how often each day has each verdict."""
    buckets = -(-total // _ROWS_AT_ONCE)
    found: Counter[tuple[int, str]] = Counter()
    for number in range(buckets):
        of = Bucket(number, buckets)
        rows = rows_of(stores.source, share, of)
        known = _by_identity(rows_of(stores.target, share, of))
        lost = [row.key for row in rows if (row.source, row.id) not in known]
        if lost:
            # An event without a time of its own, or with other content, may be on another day.
            known = _by_identity(rows_anywhere(stores.target, share, lost)) | known
        found.update((row.day, _verdict(row, known.get((row.source, row.id), []))) for row in rows)
    return found


def _share(kind: Kind, catalog: Catalog) -> Share:
    """Return what both stores are to have of a type, as retention is now."""
    gone, thinned = read_horizons(catalog)
    of = (kind.team, kind.type)
    since_us = max(gone.get(of, _EVER), _EVER)
    whole_us = max(thinned[of].before_us, _EVER) if of in thinned else _EVER
    return Share(kind.team, kind.type, since_us, whole_us, kind.received_us)


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
