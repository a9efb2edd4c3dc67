"""A worker: fetches the sources that servers offer, and sends back their events.

In the flow: receives offers over ``broker``, has ``pull`` do them, hands events and the end of each
run back to the server that offered it.
Guarantee: the worker keeps nothing and decides nothing: events are sent until the server says that
they are durable, a run ends when its server is gone or wants it no more, and a secret that a source
names is looked up here and never sent to the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NoReturn

import anyio
import structlog
from anyio.abc import TaskGroup

from livetally.definitions import Source
from livetally.errors import LivetallyError, UnreadableBody
from livetally.sources.broker import Broker
from livetally.sources.pull import Counts, Outcome, Puller
from livetally.sources.wire import (
    PROTOCOL,
    Beat,
    Busy,
    Ended,
    Events,
    FromWorker,
    Going,
    Here,
    Left,
    Offer,
    Stop,
    Stored,
    Subjects,
    Taken,
    packed,
    read_from_server,
    read_source,
)

__all__ = ["Worker"]

_log = structlog.get_logger("livetally.sources")

_HERE_S = 2.0
_REQUEST_S = 5.0
_AGAIN_S = 0.2
_ENVELOPE_BYTES = 4 * 1024
_QUEUE = "workers"


class _Doing:
    """A run that is being done: where to tell of it, and how to end it."""

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.scope = anyio.CancelScope()
        self.number = 0


class Worker:
    """Does what is offered. For one event loop."""

    def __init__(
        self,
        broker: Broker,
        subjects: Subjects,
        puller: Puller,
        name: str,
        version: str,
        runs_max: int,
    ) -> None:
        """Fetch with ``puller``, at most ``runs_max`` sources at a time, as ``name``."""
        self._broker = broker
        self._subjects = subjects
        self._puller = puller
        self._name = name
        self._version = version
        self._runs_max = runs_max
        self._doing: dict[str, _Doing] = {}
        self._leaving = False

    async def run(self, ready: Callable[[str], None] | None = None) -> NoReturn:
        """Work until cancelled; then tell the servers that somebody else has to go on.

        Args:
            ready: called with the worker's name once it can be offered runs.

        Raises:
            BrokerFailed: the broker can't be reached; later it is waited for.
        """
        await self._broker.open()
        try:
            async with anyio.create_task_group() as tasks:
                await self._broker.answer(self._subjects.stop, self._stop)
                take = partial(self._take, tasks)
                await self._broker.answer(self._subjects.run, take, queue=_QUEUE)
                if ready is not None:
                    ready(self._name)
                try:
                    while True:
                        await self._say_here()
                        await anyio.sleep(_HERE_S)
                finally:
                    self._leaving = True
        finally:
            with anyio.CancelScope(shield=True):
                await self._puller.close()
                await self._broker.close()
        raise AssertionError("only cancelling ends it")

    async def _say_here(self) -> None:
        here = Here(self._name, self._version, len(self._doing))
        try:
            await self._broker.publish(self._subjects.workers, packed(here))
        except LivetallyError as error:
            _log.warning("the servers don't hear of this worker", error=error.message)

    async def _take(self, tasks: TaskGroup, body: bytes) -> bytes:
        """Take an offer, or say why not."""
        try:
            offer = read_from_server(body)
            if not isinstance(offer, Offer) or offer.protocol != PROTOCOL:
                return self._busy("it is of another version than the server")
            if offer.run in self._doing:
                return packed(Taken(self._name))
            if self._leaving:  # what it hands on must not come back to it
                return self._busy("it is being stopped")
            if len(self._doing) >= self._runs_max:
                return self._busy(f"it does {self._runs_max} runs already (worker_runs_max)")
            source = read_source(offer.source)
        except LivetallyError as error:
            return self._busy(error.message.rstrip("."))
        doing = self._doing[offer.run] = _Doing(offer)
        tasks.start_soon(self._do, doing, source, name=f"source {source.name}")
        return packed(Taken(self._name))

    def _busy(self, reason: str) -> bytes:
        _log.info("offer not taken", reason=reason)
        return packed(Busy(self._name, reason))

    async def _stop(self, body: bytes) -> None:
        try:
            stop = read_from_server(body)
        except UnreadableBody as error:
            _log.warning("a server can't be understood", error=error.message)
            return
        if isinstance(stop, Stop) and (doing := self._doing.get(stop.run)):
            doing.scope.cancel()

    async def _do(self, doing: _Doing, source: Source) -> None:
        """Do a run, and tell how it ended."""
        _log.info("run begins", source=source.name, run=doing.offer.run)
        last: FromWorker = Left(self._name)
        try:
            with doing.scope:
                last = Ended(self._name, await self._fetched(doing, source))
            if doing.scope.cancelled_caught:
                _log.info("run stopped", source=source.name, run=doing.offer.run)
        finally:
            with anyio.CancelScope(shield=True):
                if not doing.scope.cancel_called:
                    await self._tell_end(doing, last)
            del self._doing[doing.offer.run]

    async def _fetched(self, doing: _Doing, source: Source) -> Outcome:
        """Fetch while the server goes on to wait for it."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_beating, doing)
            send = partial(self._send, doing)
            try:
                outcome = await self._puller.run(source, doing.offer.known, send)
            except Exception as error:  # noqa: BLE001 - a source must not end the worker
                _log.exception("a source failed unexpectedly", source=source.name)
                outcome = Outcome(Counts(), None, f"a defect: {type(error).__name__}: {error}")
            tasks.cancel_scope.cancel()
        _log.info("run ended", source=source.name, run=doing.offer.run, error=outcome.error)
        return outcome

    async def _keep_beating(self, doing: _Doing) -> None:
        """Say that the run goes on; end it when the server wants that, or is silent too long."""
        offer, beat = doing.offer, packed(Beat(self._name))
        heard_s = anyio.current_time()
        while True:
            try:
                body = await self._broker.request(f"{offer.to}.beat", beat, offer.beat_s)
                said = read_from_server(body)
            except LivetallyError:
                if anyio.current_time() - heard_s > offer.silence_s:
                    _log.warning("the server is gone", run=offer.run)
                    doing.scope.cancel()
            else:
                heard_s = anyio.current_time()
                if not isinstance(said, Going):
                    doing.scope.cancel()
            await anyio.sleep(offer.beat_s)

    async def _send(self, doing: _Doing, lines: bytes) -> Counts:
        """Send lines of events, in as many messages as they need; return when they are durable."""
        counts = Counts()
        bytes_max = self._broker.payload_bytes_max - _ENVELOPE_BYTES
        for part in _parts(lines, bytes_max):
            if len(part) > bytes_max:
                reason = f"an event of {len(part):,} bytes is longer than the broker takes"
                counts.add(Counts(rejected=1, reasons=[reason]))
                continue
            doing.number += 1
            said = await self._told(doing, Events(self._name, doing.number, part))
            if not isinstance(said, Stored):
                doing.scope.cancel()  # the server does not want them any more
                await anyio.sleep_forever()
                continue
            counts.add(said.counts)
        return counts

    async def _told(self, doing: _Doing, message: FromWorker) -> object:
        """Tell the server, again and again until it has answered; ``_keep_beating`` ends that."""
        body = packed(message)
        while True:
            try:
                said = await self._broker.request(f"{doing.offer.to}.told", body, _REQUEST_S)
                return read_from_server(said)
            except LivetallyError as error:
                _log.debug("not told", reason=error.message)
                await anyio.sleep(_AGAIN_S)

    async def _tell_end(self, doing: _Doing, message: FromWorker) -> None:
        """Tell the end; a server that does not answer will notice by the silence."""
        with anyio.move_on_after(doing.offer.silence_s) as waiting:
            await self._told(doing, message)
        if waiting.cancelled_caught:
            _log.warning("the end of a run was not told", run=doing.offer.run)


def _parts(lines: bytes, bytes_max: int) -> Iterator[bytes]:
    """Yield whole lines, together at most ``bytes_max`` long unless it is one line alone."""
    begin = 0
    while begin < len(lines):
        end = begin + bytes_max
        if end < len(lines):
            cut = lines.rfind(b"\n", begin, end) + 1
            end = cut or (lines.find(b"\n", begin) + 1) or len(lines)
        yield lines[begin:end]
        begin = min(end, len(lines))
