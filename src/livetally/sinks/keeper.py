"""One sink's life: a thread that brings a table up to date whenever a commit concerns it.

In the flow: told of commits by the writer through ``sinks``, asks ``reading``, writes to
``store.tables``.
Guarantee: rows and position change in one transaction, so that a crash of either side repeats or
skips nothing; a database that is down delays this sink alone, and is tried again for ever.

The life of the thread, in order: wait for a commit that concerns it; make sure of the table, at
first and after each failure; read what has changed since the position that stands beside the rows;
write; rest as long as that took, so that a busy store is not asked without end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import structlog

from livetally.clock import US_PER_S, Clock
from livetally.definitions import EntityFieldKind, Metric, SinkKind
from livetally.errors import LivetallyError
from livetally.ingest import Notice
from livetally.query import Declared, Runner
from livetally.sinks.reading import Subject, changed_rows, types_of
from livetally.store.tables import KeptTable, Owner, Turn
from livetally.telemetry import SINK_FAILURES

__all__ = ["Keeper", "Standing", "Store", "edition_of"]

_log = structlog.get_logger("livetally.sinks")

_REST_S_MIN = 0.05
_REST_S_MAX = 5.0
_BACK_OFF_S_MIN = 0.5
_BACK_OFF_S_MAX = 30.0

Place = Callable[[], tuple[str, str | Path]]
"""Returns what to call the place of a table, and its URL or path. Raises SettingInvalid."""


class Store(NamedTuple):
    """Where rows come from: questions, time, the last durable commit, and the store's own name."""

    runner: Runner
    clock: Clock
    position: Callable[[], int]
    name: str


class Standing(NamedTuple):
    """How a sink is: ``state`` is ``starting following filling failed``.

    ``position`` is what its table is true at, None before the first round; ``rebuilding`` says that
    it was asked to be filled anew and is not yet; ``error`` says why the last round failed.
    """

    state: str
    place: str
    database: str
    position: int | None
    lag_positions: int
    lag_s: float
    failures: int
    error: str
    rebuilding: bool


def edition_of(subject: Subject) -> str:
    """Name what decides a table's rows; another name is a reason to fill it anew."""
    sink, declared = subject.sink, subject.declared
    parts: list[object] = [sink, subject.team, subject.shape]
    parts += [declared.events.get(kind) for kind in types_of(sink, declared)]
    match sink.kind:
        case SinkKind.METRIC:
            parts += _metrics(sink.of[0], declared)
        case SinkKind.ENTITY:
            entity = declared.entity(sink.of[0])
            fields = entity.fields.values()
            names = [one.of for one in fields if one.kind is EntityFieldKind.METRIC and one.of]
            parts += [entity, *(part for name in names for part in _metrics(name, declared))]
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _metrics(name: str, declared: Declared) -> list[object]:
    metric = declared.metric(name)
    if isinstance(metric, Metric):
        return [metric]
    halves = (metric.numerator, metric.denominator)
    return [metric, *(part for half in halves for part in _metrics(half, declared))]


class Keeper:
    """Keeps one table. Its thread runs from ``start`` to ``stop``."""

    def __init__(self, subject: Subject, edition: str, store: Store, place: Place) -> None:
        """Start nothing yet; ``place`` is asked again after each failure."""
        self.subject = subject
        self.edition = edition
        self._store = store
        self._place = place
        self._types = {(subject.team, kind) for kind in types_of(subject.sink, subject.declared)}
        self._wake = threading.Condition()
        self._stopping = False
        # Fill the table anew: because somebody asked for it, or because it was made or changed.
        self._asked = False
        self._unfilled = False
        # When the oldest commit was that the table lacks, and the oldest after those that the round
        # under way will bring; None when there is none.
        self._behind_since_us: int | None = store.clock.now_us()
        self._after_since_us: int | None = None
        self._aim = 0
        self._newest = 0
        # Up to which commit nothing is lacking.
        self._seen = 0
        self._position: int | None = None
        self._state = "starting"
        self._error = ""
        self._failures = 0
        self._shown = ("", "")
        self._table: KeptTable | None = None
        labels = (str(subject.team), subject.sink.name)
        self._failed = SINK_FAILURES.labels(*labels)
        name = f"sink {subject.sink.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def notice(self, notice: Notice) -> None:
        """Take note of a commit; from the writer's thread, never blocks for long."""
        with self._wake:
            if self._types.isdisjoint(notice.touched):
                if self._behind_since_us is None:
                    self._seen = notice.position
                return
            self._newest = notice.position
            if self._behind_since_us is None:
                self._behind_since_us = notice.committed_us
            if notice.position > self._aim and self._after_since_us is None:
                self._after_since_us = notice.committed_us
            self._wake.notify()

    def fill_anew(self) -> None:
        """Fill the table anew, also when another server keeps it; returns at once."""
        with self._wake:
            self._asked = True
            self._failures = 0
            if self._behind_since_us is None:
                self._behind_since_us = self._store.clock.now_us()
            self._wake.notify()

    def standing(self) -> Standing:
        """Tell how it is."""
        with self._wake:
            since_us = self._behind_since_us
            position = self._store.position()
            behind_s = 0.0
            if since_us is not None:
                behind_s = max(0.0, (self._store.clock.now_us() - since_us) / US_PER_S)
            return Standing(
                state=self._state,
                place=self._shown[0],
                database=self._shown[1],
                position=self._position,
                lag_positions=0 if since_us is None else max(0, position - self._seen),
                lag_s=behind_s,
                failures=self._failures,
                error=self._error,
                rebuilding=self._asked,
            )

    def stop(self) -> None:
        """Tell the thread to end; a transaction that is under way ends first."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end; ``stop`` comes first."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while self._wait():
            began_s = self._store.clock.monotonic_s()
            try:
                self._round()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                self._note_failure(error)
            self._rest(self._store.clock.monotonic_s() - began_s)
        self._close()

    def _wait(self) -> bool:
        """Wait until there is something to do; False when told to end."""
        with self._wake:
            while not self._stopping and self._behind_since_us is None:
                self._wake.wait()
            return not self._stopping

    def _rest(self, took_s: float) -> None:
        """Pause; a commit does not shorten that, being told to stop or to fill anew does."""
        with self._wake:
            pause_s = min(max(took_s, _REST_S_MIN), _REST_S_MAX)
            if self._failures:
                pause_s = min(_BACK_OFF_S_MIN * 2.0 ** (self._failures - 1), _BACK_OFF_S_MAX)
            before = (self._asked, self._failures)
            self._wake.wait_for(
                lambda: self._stopping or (self._asked, self._failures) != before, pause_s
            )

    def _round(self) -> None:
        """Bring the table up to the last durable commit."""
        with self._wake:
            asked = self._asked
        table = self._table or self._open(take=asked)
        with self._wake:
            upto = self._aim = max(self._store.position(), self._newest)
            self._after_since_us = None
            anew = asked or self._unfilled
        with table.turn(take=asked) as turn:
            if self._stopping:
                return  # another keeper may have begun while this one waited for its turn
            if anew or turn.position is None or turn.position > upto:
                self._fill(turn, upto)
            else:
                self._follow(turn, turn.position, upto)
            turn.settle(upto, self._store.clock.now_us())
        with self._wake:
            self._position = self._seen = upto
            self._behind_since_us = self._after_since_us
            self._state, self._error, self._failures = "following", "", 0
            self._unfilled = False
            self._asked = self._asked and not asked
            if self._asked and self._behind_since_us is None:
                # Asked for while this round was under way: no commit need come for the next.
                self._behind_since_us = self._store.clock.now_us()

    def _open(self, *, take: bool) -> KeptTable:
        """Reach the database and make sure of the table."""
        subject = self.subject
        shown, place = self._place()
        owner = Owner(self._store.name, f"{subject.team}/{subject.sink.name}", self.edition)
        table = KeptTable(place, subject.shape, owner, subject.sink.notify)
        try:
            unlike = table.prepare(take=take)
        except BaseException:
            table.close()
            raise
        with self._wake:
            self._shown = (shown, table.kind)
            self._unfilled = self._unfilled or unlike
        self._table = table
        return table

    def _fill(self, turn: Turn, upto: int) -> None:
        with self._wake:
            self._state = "filling"
        turn.clear()
        for rows in changed_rows(self._store.runner, self.subject, 0, upto):
            turn.fill(rows)

    def _follow(self, turn: Turn, since: int, upto: int) -> None:
        write = turn.append if self.subject.sink.kind is SinkKind.EVENT else turn.merge
        for rows in changed_rows(self._store.runner, self.subject, since, upto):
            write(rows, upto)

    def _note_failure(self, error: Exception) -> None:
        reason = error.told if isinstance(error, LivetallyError) else repr(error)[:500]
        self._failed.inc()
        with self._wake:
            self._failures += 1
            first = self._error != reason
            self._state, self._error = "failed", reason
        if first:
            _log.warning("sink failed", sink=self.subject.sink.name, error=reason)
        self._close()

    def _close(self) -> None:
        """Let the connections go; the next round makes sure of the table again."""
        if self._table is not None:
            self._table.close()
            self._table = None
