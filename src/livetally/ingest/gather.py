"""Small requests of a team that arrive together become one batch.

In the flow: stands between ``accept`` and the writer for requests of a few events; bodies of one
event are decoded here, when they have come together.
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
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, Self

from livetally.errors import LivetallyError
from livetally.event import Decoded, Incoming, Rejection, decode_bodies, decode_json
from livetally.ingest.batch import Batch
from livetally.ingest.commits import Outcome, Receipt
from livetally.ingest.dedupe import Differing

__all__ = ["GATHERED_EVENTS_MAX", "Asker", "Gatherer", "Share", "Tell"]

GATHERED_EVENTS_MAX = 100
"""A request with more events is a batch of its own."""

_GATHER_S = 0.002
# Where so many came together the last time, a little longer makes fewer, larger commits, and each
# request is answered sooner.
_MANY = 64
_GATHER_MANY_S = 0.003
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


class Asker(Protocol):
    """Who sent one event and waits without a task. One of its methods is called, once, as ``Tell``.

    None of them must block.
    """

    def told(self, what: Share | Exception) -> None:
        """Hear what became of the request, as ``Tell``."""
        ...

    def told_alike(self, askers: Sequence[Asker], share: Share) -> None:
        """Hear, for all of ``askers``, that what became of each is the same: its event is new."""
        ...

    def declined(self) -> None:
        """Hear that nothing was done, because the body can't be read."""
        ...


_NOTHING = Decoded([], [], [])


class _Asked(NamedTuple):
    decoded: Decoded
    size_bytes: int
    tell: Tell

    def asked(self, _decoded: Decoded) -> _Asked:
        return self


class _Plain(NamedTuple):
    """As ``_Asked``, of a body that is not decoded yet."""

    body: bytes
    asker: Asker

    def asked(self, decoded: Decoded) -> _Asked:
        return _Asked(decoded, len(self.body), self.asker.told)


class Gatherer:
    """Gathers requests by team. Used on the event loop's thread only."""

    def __init__(self, prepare: Prepare, submit: Submit, is_busy: Callable[[], bool]) -> None:
        """Make batches with ``prepare`` and hand them to ``submit``."""
        self._prepare = prepare
        self._submit = submit
        self._is_busy = is_busy
        self._loop = asyncio.get_running_loop()
        self._gathered: dict[int, list[_Asked | _Plain]] = {}
        # How many requests the newest batch was made of.
        self._newest = 0

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
        self._add(team, _Asked(decoded, size_bytes, tell))

    def hand_in_one(self, team: int, body: bytes, asker: Asker) -> None:
        """As ``hand_in``, for a body that is one event: it is decoded together with others."""
        self._add(team, _Plain(body, asker))

    def _add(self, team: int, asked: _Asked | _Plain) -> None:
        others = self._gathered.get(team)
        if others is None:
            self._gathered[team] = [asked]
            if self._is_busy():
                gather_s = _GATHER_MANY_S if self._newest >= _MANY else _GATHER_S
                self._loop.call_later(gather_s, self._flush, team)
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
        self._newest = len(gathered)
        try:
            asked, declined = _read(gathered)
        except Exception as error:  # noqa: BLE001 - whatever it was, everybody who waits must know
            self._fail(_Together([one.asked(_NOTHING) for one in gathered]), error)
            return
        for asker in declined:
            self._guarded(asker.declined)
        if not (asked.alike or asked.each):
            return
        try:
            self._hand_over(team, asked)
        except Exception as error:  # noqa: BLE001 - whatever it was, everybody who waits must know
            self._fail(asked, error)

    def _hand_over(self, team: int, asked: _Together) -> None:
        batch, rejected = self._prepare(team, asked.joined)
        if not len(batch):
            self._resolve(asked, batch, rejected, None)
            return
        future = self._submit(batch, asked.size_bytes)

        def tell(done: asyncio.Future[Outcome]) -> None:
            outcome = done.result()
            if isinstance(outcome, Receipt):
                self._resolve(asked, batch, rejected, outcome)
            else:
                self._fail(asked, outcome)

        future.add_done_callback(tell)

    def _resolve(
        self,
        asked: _Together,
        batch: Batch,
        rejected: list[Rejection],
        receipt: Receipt | None,
    ) -> None:
        """Tell every request what became of its events."""
        if receipt and asked.alike and not (rejected or receipt.repeated or receipt.differing):
            share = Share(batch, receipt._replace(stored=1), [], {})
            self._guarded(partial(asked.alike[0].told_alike, asked.alike, share))
            return
        shares = _Shares(asked.each, batch, rejected, receipt)
        for number, one in enumerate(asked.each):
            self._guarded(partial(one.tell, shares.of(number)))

    def _fail(self, asked: _Together, error: Exception) -> None:
        for one in asked.each:
            # An error of its own for each: a traceback is added to it where it is raised.
            told = type(error)(*error.args) if isinstance(error, LivetallyError) else error
            self._guarded(partial(one.tell, told))

    def _guarded(self, tell: Callable[[], None]) -> None:
        try:
            tell()
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


class _Together:
    """Requests whose events share a batch."""

    def __init__(self, asked: Sequence[_Asked]) -> None:
        """Join the events of all requests, numbered through."""
        events = [event for one in asked for event in one.decoded.events]
        self.joined = Decoded(events, list(range(len(events))), [])
        self.size_bytes = sum(one.size_bytes for one in asked)
        self.alike: Sequence[Asker] = ()
        """Who sent them, if each request is one event, and none is heard of in another way."""
        self._plain: Sequence[_Plain] = ()
        self._each = asked

    @classmethod
    def of_plain(cls, plain: Sequence[_Plain], events: list[Incoming]) -> Self:
        """Return requests of one event each, without what only some fates need."""
        together = cls(())
        together.joined = Decoded(events, list(range(len(events))), [])
        together.size_bytes = sum(len(one.body) for one in plain)
        together.alike = [one.asker for one in plain]
        together._plain = plain
        return together

    @property
    def each(self) -> Sequence[_Asked]:
        """The requests one by one."""
        if not self._each:
            both = zip(self._plain, self.joined.events, strict=True)
            self._each = [one.asked(Decoded([event], [0], [])) for one, event in both]
        return self._each


def _read(gathered: Sequence[_Asked | _Plain]) -> tuple[_Together, list[Asker]]:
    """Decode what is not decoded yet; return the requests, and whose body can't be read."""
    plain = [one for one in gathered if isinstance(one, _Plain)]
    if len(plain) == len(gathered):
        events = decode_bodies([one.body for one in plain])
        if events is not None:
            return _Together.of_plain(plain, events), []
    asked: list[_Asked] = []
    declined: list[Asker] = []
    for one in gathered:
        if isinstance(one, _Asked):
            asked.append(one)
            continue
        try:
            asked.append(one.asked(decode_json(one.body)))
        except Exception:  # noqa: BLE001 - the ordinary way comes upon it too, and says so
            declined.append(one.asker)
    return _Together(asked), declined


class _Shares:
    """The outcome of a shared batch, by request."""

    def __init__(
        self,
        gathered: Sequence[_Asked],
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
