"""Small requests of a team that arrive together become one batch.

In the flow: stands between ``accept`` and the writer for requests of a few events.
Guarantee: each request is told of its own events only, as if it had come alone; none waits for
company while the writer is idle.

A batch has a price of its own, whatever is in it: some twenty passes over its columns, each cheap
for a thousand events and dear for one. With hundreds of clients that send one event at a time, that
price was most of the server's work. While a commit is under way nothing can be stored anyway, so
what arrives within a short time then shares one.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from livetally.errors import LivetallyError
from livetally.event import Decoded, Rejection
from livetally.ingest.batch import Batch
from livetally.ingest.commits import Outcome, Receipt
from livetally.ingest.dedupe import Differing

__all__ = ["GATHERED_EVENTS_MAX", "Gatherer", "Share", "Tell"]

GATHERED_EVENTS_MAX = 100
"""A request with more events is a batch of its own."""

_GATHER_S = 0.002
_FULL_EVENTS = 500

Prepare = Callable[[int, Decoded], tuple[Batch, list[Rejection]]]
Submit = Callable[[Batch, int], asyncio.Future[Outcome]]


class Share(NamedTuple):
    """What became of one request's events; places are those of the shared batch.

    ``receipt`` is None when all of them were rejected. ``indexes`` tells the request's own index of
    each place that the receipt names.
    """

    batch: Batch
    receipt: Receipt | None
    rejected: list[Rejection]
    indexes: dict[int, int]


Tell = Callable[[Share | Exception], None]
"""Is told what became of a request: its share, or why nothing is known to be stored. Called once,
on the event loop's thread, never before the call that it was given to has returned, unless the
writer is behind. It must not block."""


class _Asked(NamedTuple):
    decoded: Decoded
    size_bytes: int
    tell: Tell


class Gatherer:
    """Gathers requests by team. Used on the event loop's thread only."""

    def __init__(self, prepare: Prepare, submit: Submit, is_busy: Callable[[], bool]) -> None:
        """Make batches with ``prepare`` and hand them to ``submit``."""
        self._prepare = prepare
        self._submit = submit
        self._is_busy = is_busy
        self._loop = asyncio.get_running_loop()
        self._gathered: dict[int, list[_Asked]] = {}

    async def take(self, team: int, decoded: Decoded, size_bytes: int) -> Share:
        """Store a request's events together with those of others; return what became of them.

        Raises:
            Overloaded: the writer is behind; nothing was stored.
            NotDurable: nothing is known to be stored.
        """
        future: asyncio.Future[Share] = self._loop.create_future()
        self.hand_in(team, decoded, size_bytes, partial(_resolve_one, future))
        return await future

    def hand_in(self, team: int, decoded: Decoded, size_bytes: int, tell: Tell) -> None:
        """As ``take``, without a task that waits: ``tell`` gets the share, or the error."""
        asked = _Asked(decoded, size_bytes, tell)
        others = self._gathered.get(team)
        if others is None:
            self._gathered[team] = [asked]
            if self._is_busy():
                self._loop.call_later(_GATHER_S, self._flush, team)
            else:
                self._loop.call_soon(self._flush, team)
        else:
            others.append(asked)
            if len(others) >= _FULL_EVENTS:
                self._flush(team)

    def _flush(self, team: int) -> None:
        gathered = self._gathered.pop(team, None)
        if gathered is None:
            return  # it was full before its time
        try:
            self._hand_over(team, gathered)
        except Exception as error:  # noqa: BLE001 - whatever it was, everybody who waits must know
            self._fail(gathered, error)

    def _hand_over(self, team: int, gathered: list[_Asked]) -> None:
        batch, rejected = self._prepare(team, _joined(gathered))
        if not len(batch):
            self._resolve(gathered, batch, rejected, None)
            return
        future = self._submit(batch, sum(asked.size_bytes for asked in gathered))

        def tell(done: asyncio.Future[Outcome]) -> None:
            outcome = done.result()
            if isinstance(outcome, Receipt):
                self._resolve(gathered, batch, rejected, outcome)
            else:
                self._fail(gathered, outcome)

        future.add_done_callback(tell)

    def _resolve(
        self,
        gathered: list[_Asked],
        batch: Batch,
        rejected: list[Rejection],
        receipt: Receipt | None,
    ) -> None:
        """Tell every request what became of its events."""
        shares = _Shares(gathered, batch, rejected, receipt)
        for number, asked in enumerate(gathered):
            self._tell(asked, shares.of(number))

    def _fail(self, gathered: list[_Asked], error: Exception) -> None:
        for asked in gathered:
            # An error of its own for each: a traceback is added to it where it is raised.
            told = type(error)(*error.args) if isinstance(error, LivetallyError) else error
            self._tell(asked, told)

    def _tell(self, asked: _Asked, what: Share | Exception) -> None:
        try:
            asked.tell(what)
        except Exception as error:  # noqa: BLE001 - one's failure is not the others'
            context = {"message": "could not tell of a request's events", "exception": error}
            self._loop.call_exception_handler(context)


def _resolve_one(future: asyncio.Future[Share], what: Share | Exception) -> None:
    if future.done():
        return  # whoever asked has gone
    if isinstance(what, Exception):
        future.set_exception(what)
    else:
        future.set_result(what)


def _joined(gathered: list[_Asked]) -> Decoded:
    """Join the events of all requests, numbered through."""
    events = [event for asked in gathered for event in asked.decoded.events]
    return Decoded(events, list(range(len(events))), [])


class _Shares:
    """The outcome of a shared batch, by request."""

    def __init__(
        self,
        gathered: list[_Asked],
        batch: Batch,
        rejected: list[Rejection],
        receipt: Receipt | None,
    ) -> None:
        self._gathered = gathered
        self._batch = batch
        self._receipt = receipt
        self._all_new: dict[int, Share] = {}
        self._starts: list[int] = []
        start = 0
        for asked in gathered:
            self._starts.append(start)
            start += len(asked.decoded.events)
        self._rejected: dict[int, list[Rejection]] = {}
        for one in rejected:
            owner, index = self._owner(one.index)
            self._rejected.setdefault(owner, []).append(one._replace(index=index))
        self._repeated: dict[int, list[int]] = {}
        self._differing: dict[int, list[Differing]] = {}
        self._indexes: dict[int, dict[int, int]] = {}
        for place in receipt.repeated if receipt else ():
            owner, _ = self._owner(batch.indexes[place])
            self._repeated.setdefault(owner, []).append(place)
        for known in receipt.differing if receipt else ():
            owner, index = self._owner(batch.indexes[known.place])
            self._differing.setdefault(owner, []).append(known)
            self._indexes.setdefault(owner, {})[known.place] = index
        self._mixed = self._rejected.keys() | self._repeated.keys() | self._differing.keys()

    def of(self, number: int) -> Share:
        """Return the share of the request with this number."""
        decoded = self._gathered[number].decoded
        if number not in self._mixed and decoded.events and not decoded.rejected:
            return self._of_new(len(decoded.events))
        rejected = self._rejected.get(number, [])
        taken = len(decoded.events) - len(rejected)
        receipt = None
        if self._receipt is not None and taken:
            repeated = tuple(self._repeated.get(number, ()))
            differing = tuple(self._differing.get(number, ()))
            stored = taken - len(repeated) - len(differing)
            receipt = Receipt(self._receipt.position, stored, repeated, differing)
        if decoded.rejected:
            rejected = sorted([*decoded.rejected, *rejected])
        return Share(self._batch, receipt, rejected, self._indexes.get(number, {}))

    def _of_new(self, events: int) -> Share:
        """Return the share of a request whose events are all new: one for all that are alike."""
        share = self._all_new.get(events)
        if share is None:
            receipt = self._receipt and Receipt(self._receipt.position, events, (), ())
            share = self._all_new[events] = Share(self._batch, receipt, [], {})
        return share

    def _owner(self, index: int) -> tuple[int, int]:
        """Return whose event has this number in the batch, and its index in that request."""
        number = bisect_right(self._starts, index) - 1
        # A request without events begins where the next one does.
        return number, self._gathered[number].decoded.indexes[index - self._starts[number]]
