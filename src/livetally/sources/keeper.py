"""Which sources run now, by whom, and what became of it.

In the flow: receives the declared sources from ``server`` and their states from ``store.catalog``,
has ``runs`` fetch what is due, writes down how each run ended.
Guarantee: of several processes on one catalog one at a time fetches a source; one that is gone is
replaced when its hold has run out. What is started or stopped stays so over a restart.

``tick`` looks once and does not wait for what it has begun; ``run`` looks again and again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

import anyio
import msgspec
import structlog
from anyio.abc import TaskGroup
from anyio.to_thread import run_sync
from prometheus_client import Counter

from livetally.clock import US_PER_S, Clock
from livetally.definitions import Schedule, Source, schedule_of
from livetally.errors import BadInput, LivetallyError
from livetally.sources.failures import SourceFailed
from livetally.sources.pull import Counts, Known, Outcome
from livetally.sources.schedule import next_us
from livetally.sources.wire import Here
from livetally.store.catalog import Catalog, SourceEnd, SourceState
from livetally.telemetry import SOURCE_LAST_OK_TIMESTAMP_SECONDS, SOURCE_RECORDS, SOURCE_RUNS
from livetally.tenancy import TeamId
from livetally.tracing import span

__all__ = ["Declared", "Follow", "Keeper", "Runs", "ScheduleText"]

_log = structlog.get_logger("livetally.sources")

_LOOK_S = 0.5
_HOLD_US = 30 * US_PER_S
_RENEW_US = 10 * US_PER_S
_ALONE_S_MAX = 24 * 3_600  # a source is asked again, whatever it says


class Declared(NamedTuple):
    """A source, and the team whose events it brings."""

    team: TeamId
    source: Source

    @property
    def key(self) -> tuple[TeamId, str]:
        """What tells it from every other one."""
        return self.team, self.source.name


class ScheduleText(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A schedule as a person writes it, in a definition or later."""

    every: str = ""
    cron: str = ""
    tz: str = ""
    jitter: str = ""

    def read(self) -> Schedule:
        """Return what it means.

        Raises:
            BadInput: names the part and the reason.
        """
        return schedule_of(self.every, self.cron, self.tz, self.jitter)


class Runs(Protocol):
    """Where a source is fetched: in this process, or by a worker elsewhere."""

    async def open(self) -> None:
        """Begin what runs need, so that it is there before the first one; a run does it as well.

        Raises:
            LivetallyError: it can't be begun now.
        """
        ...

    async def run(self, declared: Declared, known: Known) -> Outcome:
        """Fetch a source once."""
        ...

    async def close(self) -> None:
        """End what was opened."""
        ...

    @property
    def workers(self) -> Sequence[Here]:
        """The workers that were heard of lately; none where this process fetches."""
        return ()


Follow: TypeAlias = Callable[[Declared, Counts], Awaitable[None]]
"""Takes the messages of a source until cancelled, and counts them."""


class _Active:
    """A run of this process: how to end it, and when to say again that it goes on."""

    def __init__(self, one: Declared, renew_us: int) -> None:
        self.one = one
        self.scope = anyio.CancelScope()
        self.renew_us = renew_us
        self.counts = Counts()  # of messages, since they were last written down

    def is_of(self, one: Declared) -> bool:
        """Whether the source is still declared as it was when this began."""
        mine, now = self.one.source, one.source
        return mine is now or (mine.raw == now.raw and _rows(mine) == _rows(now))


class Keeper:
    """The sources of a server. For one event loop."""

    def __init__(
        self,
        catalog: Catalog,
        declared: Callable[[], Sequence[Declared]],
        runs: Runs,
        clock: Clock,
        holder: str,
        follow: Follow | None = None,
    ) -> None:
        """Keep ``catalog`` true; ``holder`` names this process among others.

        Sources of messages are left to ``follow``, in this process.
        """
        self._catalog = catalog
        self._declared = declared
        self._runs = runs
        self._clock = clock
        self._holder = holder
        self._follow = follow
        self._active: dict[tuple[TeamId, str], _Active] = {}

    def declared(self, team: TeamId) -> list[Source]:
        """Return a team's sources."""
        return [one.source for one in self._declared() if one.team == team]

    def states(self, team: TeamId) -> dict[str, SourceState]:
        """Return a team's states as the catalog has them. Blocks."""
        return {one.name: one for one in self._catalog.source_states() if one.team == team}

    def set(
        self,
        declared: Declared,
        action: str,
        by: str,
        *,
        running: bool | None = None,
        wanted: bool | None = None,
        schedule: ScheduleText | None = None,
    ) -> SourceState:
        """Do what a person asks for; an empty ``schedule`` means the definition's. Blocks.

        Raises:
            BadInput: the schedule can't be read, or messages are to come by one.
            StoreFailed: it could not be stored.
        """
        team, source = declared
        if source.messages is not None and (wanted or schedule is not None):
            raise BadInput("action", "messages come by themselves: start or stop the source")
        now_us = self._clock.now_us()
        state = self._known_state(declared)
        text, due_us = None, None
        if schedule is not None:
            text = "" if schedule == ScheduleText() else msgspec.json.encode(schedule).decode()
            rule = schedule.read() if text else source.schedule
            due_us = next_us(rule, _mark(declared), now_us)
        elif running and not state.running:
            due_us = now_us  # what is started is fetched at once, and then by its schedule
        return self._catalog.set_source(
            team,
            source.name,
            running=running,
            wanted=wanted,
            schedule=text,
            next_us=due_us,
            action=f"source.{action}",
            by=by,
        )

    async def run(self) -> None:
        """Look after the sources until cancelled; then let go of what runs."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._open_runs, name="open runs")
                while True:
                    try:
                        await self.tick(tasks)
                    except LivetallyError as error:
                        _log.warning("sources not looked after", error=error.message)
                    await anyio.sleep(_LOOK_S)
        finally:
            with anyio.CancelScope(shield=True):
                await self._runs.close()

    async def tick(self, tasks: TaskGroup) -> None:
        """Begin in ``tasks`` what is due, end what was stopped, hold what goes on.

        Raises:
            StoreFailed: the catalog does not answer.
        """
        declared = {one.key: one for one in self._declared()}
        for key, active in list(self._active.items()):
            if key not in declared:
                active.scope.cancel()
        if not declared:
            return
        states = {(one.team, one.name): one for one in await run_sync(self._catalog.source_states)}
        for key, one in declared.items():
            state = states.get(key)
            if state is None:
                state = await run_sync(self._known_state, one)
            now_us = self._clock.now_us()
            if key in self._active:
                await self._go_on(one, state, now_us)
            elif _is_due(state, now_us) and await self._take(one, now_us):
                self._active[key] = _Active(one, now_us + _RENEW_US)
                tasks.start_soon(self._fetch, one, state, name=f"source {one.source.name}")

    @property
    def workers(self) -> Sequence[Here]:
        """The workers that were heard of lately."""
        return self._runs.workers

    @property
    def active(self) -> int:
        """How many sources are being fetched by this process."""
        return len(self._active)

    async def _open_runs(self) -> None:
        """Begin early what runs need; one that needs it tries again."""
        try:
            await self._runs.open()
        except LivetallyError as error:
            _log.warning("sources can't be fetched yet", error=error.message)

    def _known_state(self, one: Declared) -> SourceState:
        """Return a source's state; one that is new begins as its definition says."""
        now_us = self._clock.now_us()
        first_us = now_us if one.source.start else _next_us(one, None, now_us)
        return self._catalog.add_source(
            one.team, one.source.name, running=one.source.start, next_us=first_us
        )

    async def _take(self, one: Declared, now_us: int) -> bool:
        until_us = now_us + _HOLD_US
        return await run_sync(
            self._catalog.take_source, one.team, one.source.name, self._holder, until_us
        )

    async def _go_on(self, one: Declared, state: SourceState, now_us: int) -> None:
        """Hold what runs; end it when it was stopped, or another process has taken it over."""
        active = self._active[one.key]
        of_messages = one.source.messages is not None
        if not (state.running or state.wanted) or (of_messages and not active.is_of(one)):
            active.scope.cancel()
        if now_us < active.renew_us:
            return
        active.renew_us = now_us + _RENEW_US
        so_far = None
        if of_messages:
            so_far = _end_of(active.counts.taken(), "")
            _count(one, so_far, now_us)
        hold = partial(self._catalog.hold_source, so_far=so_far)
        held = await run_sync(hold, one.team, one.source.name, self._holder, now_us + _HOLD_US)
        if not held:
            _log.warning("source taken over by another process", source=one.source.name)
            active.scope.cancel()

    async def _fetch(self, one: Declared, state: SourceState) -> None:
        """Fetch a source, and write down what became of it."""
        active = self._active[one.key]
        known = msgspec.json.decode(state.known, type=Known) if state.known else Known()
        outcome: Outcome | None = None
        try:
            with active.scope:
                outcome = await self._run(one, known, active)
            if active.scope.cancelled_caught:
                early = "" if one.source.messages else "stopped before its end; what came is kept"
                outcome = Outcome(active.counts, None, early)
        except LivetallyError as error:
            outcome = Outcome(active.counts, None, error.message)
        except Exception as error:  # noqa: BLE001 - a source must not end the server
            _log.exception("a source failed unexpectedly", source=one.source.name)
            outcome = Outcome(Counts(), None, f"a defect: {type(error).__name__}: {error}")
        finally:
            with anyio.CancelScope(shield=True):
                await self._finish(one, state, outcome)
            del self._active[one.key]

    async def _run(self, one: Declared, known: Known, active: _Active) -> Outcome:
        """Fetch a source once; messages are taken until cancelled."""
        if one.source.messages is None:
            with span("source run"):
                return await self._runs.run(one, known)
        if self._follow is None:
            raise SourceFailed("Nobody takes messages here.")
        await self._follow(one, active.counts)
        return Outcome(active.counts, None, "the broker sends no more")

    async def _finish(self, one: Declared, state: SourceState, outcome: Outcome | None) -> None:
        """Write down how a run ended; one that was cut off with the server is due at once."""
        now_us = self._clock.now_us()
        if outcome is None:
            cut_off = "" if one.source.messages else "the server stopped meanwhile"
            end = _end_of(self._active[one.key].counts, cut_off)
            await self._end(one, msgspec.structs.replace(end, next_us=now_us))
            return
        counts = outcome.counts
        if outcome.error:
            _log.warning("source failed", source=one.source.name, error=outcome.error)
        elif counts.rejected:
            _log.warning("records rejected", source=one.source.name, reasons=counts.reasons)
        known = None
        if outcome.known is not None:
            known = msgspec.json.encode(outcome.known).decode()
        end = _end_of(counts, outcome.error)
        alone_us = int(min(outcome.retry_after_s, _ALONE_S_MAX) * US_PER_S)
        next_us = _next_us(one, state.schedule, now_us + alone_us)
        _count(one, end, now_us, SOURCE_RUNS)
        await self._end(one, msgspec.structs.replace(end, known=known, next_us=next_us))

    async def _end(self, one: Declared, end: SourceEnd) -> None:
        try:
            await run_sync(self._catalog.end_source, one.team, one.source.name, self._holder, end)
        except LivetallyError as error:
            _log.warning("the end of a run is not written down", error=error.message)


def _end_of(counts: Counts, error: str) -> SourceEnd:
    return SourceEnd(
        error=error or _rejected(counts),
        stored=counts.stored,
        duplicates=counts.duplicates,
        rejected=counts.rejected,
    )


def _rows(source: Source) -> dict[str, Mapping[str, Any]]:
    return {name: one.rows for name, one in source.mapping.lookups.items()}


def _count(one: Declared, end: SourceEnd, now_us: int, runs: Counter | None = None) -> None:
    """Count records, and the run unless it goes on, for the server's own measurements."""
    labels = (str(one.team), one.source.name)
    if runs is not None:
        runs.labels(*labels, "failed" if end.error else "good").inc()
    records = (("stored", end.stored), ("duplicate", end.duplicates), ("rejected", end.rejected))
    for outcome, count in records:
        SOURCE_RECORDS.labels(*labels, outcome).inc(count)
    if not end.error:
        SOURCE_LAST_OK_TIMESTAMP_SECONDS.labels(*labels).set(now_us / US_PER_S)


def _next_us(one: Declared, own: str | None, now_us: int) -> int:
    """Return when a source is due next; ``own`` is a person's schedule, as JSON."""
    schedule = one.source.schedule
    if own:
        schedule = msgspec.json.decode(own, type=ScheduleText).read()
    return next_us(schedule, _mark(one), now_us)


def _is_due(state: SourceState, now_us: int) -> bool:
    return state.wanted or (state.running and state.next_us <= now_us)


def _mark(one: Declared) -> str:
    return f"{one.team}/{one.source.name}"


def _rejected(counts: Counts) -> str:
    if not counts.rejected:
        return ""
    return f"{counts.rejected} records gave no event; the first: {(counts.reasons or [''])[0]}"
