"""A question about a metric, live.

In the flow: made by ``api``, asked by ``rounds``, asks ``query``.
Guarantee: the rows are those of a fresh query at the same position, buckets without events
included; only the buckets that commits touched are asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from livetally.calendar import Interval, current_bucket, edges
from livetally.definitions import Metric
from livetally.errors import QueryTooLarge
from livetally.live.question import Commit, Question, Reply, RowKey, Rows, Touched, Turn
from livetally.query import (
    ROWS_MAX,
    AnswerRow,
    Declared,
    MetricQuery,
    Runner,
    Window,
    empty_value,
)
from livetally.query.adding import Adder, Amounts, adder_of
from livetally.query.together import joined, parted, parted_amounts, relative_of, shared
from livetally.query.values import added, plain
from livetally.store.events import SLOT_US

__all__ = ["MetricQuestion", "Wire"]

_BY_VALUE = frozenset({"value", "-value"})

EncodeRows = Callable[[MetricQuery, Iterable[AnswerRow]], bytes]
EncodeHead = Callable[[MetricQuery, int | None, int | None], bytes]


class Wire(NamedTuple):
    """How a metric's rows, and the members before them, are written."""

    rows: EncodeRows
    head: EncodeHead


class MetricQuestion(Question):
    """A ``MetricQuery`` of one team, under one edition of its definitions."""

    def __init__(
        self,
        query: MetricQuery,
        declared: Declared,
        team: int,
        epoch: str,
        runner: Runner,
        wire: Wire,
    ) -> None:
        """Resolve the metric.

        Raises:
            UnknownName: there is no such metric.
        """
        self.key = f"{team} {epoch} {query.key}"
        self.team = team
        self.query = query
        self.types = frozenset(_types(query.metric, declared))
        # Here a change in one row can bring, move or remove another.
        self.sent_whole = (
            query.limit is not None
            or query.order in _BY_VALUE
            or query.top is not None
            or query.compare
        )
        self.relative = None if self.sent_whole else relative_of(query, declared)
        if self.relative is not None:
            self.family = f"{team} {epoch} {self.relative.family}"
        # What is read in a commit is the same for all of a family.
        asked = query if self.relative is None else shared(query, self.relative)
        self._adder = None if self.sent_whole else adder_of(asked, declared, team)
        self._declared = declared
        self._runner = runner
        self._wire = wire
        self._empty = empty_value(declared.metric(query.metric))
        # The range that the answer covers: what a snapshot says, and where the next bucket begins.
        self._start_us: int | None = None
        self._end_us: int | None = None

    async def ask(self, known: Rows, since: int, touched: Touched | None) -> Reply:
        """Ask for the touched buckets; for all when that is not enough to stay a fresh answer."""
        if touched is None or self.sent_whole:
            return await self._ask_whole()
        window = Window(touched.first_slot, touched.last_slot, min(since, touched.after))
        answer = await self._runner.answer(self.query, self._declared, self.team, window)
        position = min(answer.position, touched.upto)
        return await self.changed(known, _keyed(answer.rows), position, touched)

    def counted(self, known: Rows, commits: Sequence[Commit], touched: Touched) -> Reply | None:
        """Add the commits to the rows that lack them: a row's version says which it has."""
        if self._adder is None or self._begins_earlier(touched):
            return None
        changed: dict[RowKey, AnswerRow] = {}
        for commit in commits:
            amounts = self._amounts(self._adder, commit)
            if amounts is None or not self._add(changed, known, amounts, commit.position):
                return None
        return Reply(changed, touched.upto, whole=False)

    def _amounts(self, adder: Adder, commit: Commit) -> Amounts | None:
        """Return what a commit adds to the answer; relatives read it once."""
        if self.relative is None or self.family is None:
            return adder.amounts(commit.rows)
        if self.family not in commit.shared:
            amounts = adder.amounts(commit.rows)
            parts = None if amounts is None else parted_amounts(amounts, self.query, self.relative)
            commit.shared[self.family] = parts
        parts = commit.shared[self.family]
        return None if parts is None else parts.get(self.relative.values, {})

    def _add(
        self, changed: dict[RowKey, AnswerRow], known: Rows, amounts: Amounts, position: int
    ) -> bool:
        """Add a commit; tell whether that is all there is to it."""
        for (bucket_us, group), amount in amounts.items():
            key = _key(bucket_us, group)
            row = changed.get(key) or known.get(key)
            if row is None:
                if self.query.fill_zero:
                    return False
                row = AnswerRow(bucket_us, group, 0, 0)
            if row.version < position:
                value = plain(added(row.value, amount, 1))
                changed[key] = row._replace(value=value, version=position)
        return True

    async def ask_together(self, turns: Sequence[Turn]) -> Sequence[Reply | Exception]:
        """Ask for the buckets that any of them was touched in, grouped by what tells them apart.

        Raises:
            LivetallyError: together they are too large, or only approximate.
        """
        questions = [turn.question for turn in turns if isinstance(turn.question, MetricQuestion)]
        relatives = [one.relative for one in questions if one.relative is not None]
        touched = [turn.touched for turn in turns if turn.touched is not None]
        assert len(turns) == len(relatives) == len(touched), "they are of one family, and touched"
        window = Window(
            min(slots.first_slot for slots in touched),
            max(slots.last_slot for slots in touched),
            min(*(turn.since for turn in turns), *(slots.after for slots in touched)),
        )
        query = joined(self.query, relatives)
        answer = await self._runner.answer(query, self._declared, self.team, window)
        if answer.error:
            raise QueryTooLarge
        parts = parted(answer.rows, self.query, relatives)
        upto = [min(answer.position, slots.upto) for slots in touched]
        return [
            await question.changed(turn.known, _keyed(rows), position, slots)
            for question, turn, rows, position, slots in zip(
                questions, turns, parts, upto, touched, strict=True
            )
        ]

    async def changed(self, known: Rows, rows: Rows, position: int, touched: Touched) -> Reply:
        """Return the reply that changed ``rows`` make; all of them where more must be known."""
        # A new group has all buckets; a bucket outside the range brings the empty ones between.
        fresh = self.query.fill_zero and not rows.keys() <= known.keys()
        if fresh or self._begins_earlier(touched):
            return await self._ask_whole()
        return Reply(rows, position, whole=False)

    def _begins_earlier(self, touched: Touched) -> bool:
        """Tell whether a filled answer may begin earlier than the known one.

        An open range begins with the first event of its types, whether or not that counts.
        """
        query = self.query
        if not query.fill_zero or query.interval is None or query.start_us is not None:
            return False
        return self._start_us is None or touched.first_slot * SLOT_US < self._start_us

    async def _ask_whole(self) -> Reply:
        answer = await self._runner.answer(self.query, self._declared, self.team)
        rows, position = _keyed(answer.rows), answer.position
        return Reply(rows, position, True, answer.start_us, answer.end_us)

    def taken(self, reply: Reply) -> None:
        """Take the range with the rows: buckets in it that are not among them would never begin."""
        if reply.whole:
            self._start_us, self._end_us = reply.start_us, reply.end_us
        else:
            self._widen(reply.rows)

    def _widen(self, rows: Rows) -> None:
        """Let the range include buckets that were asked for alone."""
        if self.query.interval is None or self.query.fill_zero or not rows:
            return
        starts = [row.bucket_us for row in rows.values()]
        last = current_bucket(self.query.interval, self.query.zone, max(starts))[1]
        if self.query.start_us is None:
            self._start_us = min(starts) if self._start_us is None else min(self._start_us, *starts)
        if self.query.end_us is None:
            self._end_us = last if self._end_us is None else max(self._end_us, last)

    def encode(self, rows: Iterable[Any]) -> bytes:
        """Write rows as an answer to the same query does."""
        return self._wire.rows(self.query, rows)

    def head(self) -> bytes:
        """Write metric, interval, zone and range."""
        return self._wire.head(self.query, self._start_us, self._end_us)

    def arranged(self, rows: Rows) -> Iterable[Any]:
        """Return the rows by bucket; as the query answered them when it orders by value."""
        if self.sent_whole:
            return rows.values()
        backwards = self.query.order == "-time"
        return sorted(rows.values(), key=lambda row: row.bucket_us or 0, reverse=backwards)

    def concerns(self, touched: Touched) -> bool:
        """Tell whether the slots reach into the asked range."""
        if self.query.compare:
            return True  # the period before lies outside of the range
        start_us, end_us = self.query.start_us, self.query.end_us
        after = start_us is None or (touched.last_slot + 1) * SLOT_US > start_us
        return after and (end_us is None or touched.first_slot * SLOT_US < end_us)

    def differs(self, old: AnswerRow, new: AnswerRow) -> bool:
        """Compare values: a newer version of the same value is no news."""
        return (old.value, old.previous) != (new.value, new.previous)

    def lacking(self, rows: Rows, position: int) -> list[RowKey] | None:
        """Return the rows that are newer, and the empty buckets that may not have been there.

        Empty buckets have no version. But rows never leave an answer that is not cut, so whoever
        had seen ``position`` had every bucket between the first and the last that did not change
        since, of every group that has such a bucket. A total is one bucket.
        """
        if self.sent_whole or not self.query.fill_zero:
            return super().lacking(rows, position)
        old = [
            (row.bucket_us or 0, row.keys) for row in rows.values() if 0 < row.version <= position
        ]
        if not old:
            return None
        first, last = min(bucket for bucket, _ in old), max(bucket for bucket, _ in old)
        groups = {group for _, group in old}
        return [
            key
            for key, row in rows.items()
            if row.version > position
            or not (row.version or (first <= (row.bucket_us or 0) <= last and row.keys in groups))
        ]

    def begun(self, rows: Rows, now_us: int) -> Rows:
        """Return the empty buckets, one for each group, that began up to ``now_us``."""
        query = self.query
        open_end = query.fill_zero and query.end_us is None
        if not open_end or query.interval is None or self.sent_whole:
            return {}
        if self._end_us is None or now_us < self._end_us:
            return {}
        return self._fill(rows, query.interval, self._end_us, now_us)

    def _fill(self, rows: Rows, interval: Interval, from_us: int, now_us: int) -> Rows:
        starts = edges(interval, self.query.zone, from_us, now_us + 1, ROWS_MAX)
        groups = list(dict.fromkeys(row.keys for row in rows.values()))
        if len(rows) + len(groups) * len(starts) > ROWS_MAX:
            raise QueryTooLarge(
                f"By now there are more than {ROWS_MAX} rows: ask for a longer interval,"
                " a shorter range, or fill=none."
            )
        self._end_us = starts[-1]
        fresh = {
            _key(start, group): AnswerRow(start, group, self._empty, 0)
            for start in starts[:-1]
            for group in groups
        }
        return {key: row for key, row in fresh.items() if key not in rows}


def _keyed(rows: Iterable[AnswerRow]) -> dict[RowKey, AnswerRow]:
    return {_key(row.bucket_us, row.keys, other=row.other): row for row in rows}


def _key(bucket_us: int | None, group: tuple[Any, ...], *, other: bool = False) -> RowKey:
    return bucket_us, group, other


def _types(name: str, declared: Declared) -> set[str]:
    """Return the event types of a metric; of both halves of a ratio."""
    metric = declared.metric(name)
    if isinstance(metric, Metric):
        return {term.event for term in metric.terms}
    return _types(metric.numerator, declared) | _types(metric.denominator, declared)
