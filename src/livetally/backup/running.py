"""The backups of a running server: one at a time, asked for or on a schedule.

In the flow: asked by ``api.backups`` and by its own clock; runs ``taking`` and ``retention`` on a
thread.
Guarantee: a backup that was begun goes on when whoever asked for it has gone; what became of the
last one is told until the next.
"""

from __future__ import annotations

import asyncio
import threading
from typing import NamedTuple

import structlog

from livetally.backup.manifest import Manifest
from livetally.backup.place import open_place
from livetally.backup.retention import Retention, backups_in, prune
from livetally.backup.taking import Progress, Source, Taken, take
from livetally.clock import US_PER_S
from livetally.errors import BadInput, ForbiddenByState, LivetallyError
from livetally.telemetry import BACKUP_AGE_SECONDS, BACKUP_SECONDS, BACKUPS
from livetally.tracing import span

__all__ = ["Backups", "Job", "Plan"]

_log = structlog.get_logger("livetally.backup")

_LOOK_S = 5.0
_RETRY_S = 600
_HOUR_US = 3600 * US_PER_S


class Plan(NamedTuple):
    """Where backups go and when: ``every_h`` 0 means never; requests may name no other place.

    With ``to`` empty there is no schedule, and a request may name any.
    """

    to: str = ""
    every_h: int = 0
    retention: Retention = Retention(7, 30)


class Job:
    """One backup under way, or what became of it. Any thread may look."""

    def __init__(self, to: str) -> None:
        """Begin with nothing done."""
        self.to = to
        self.progress = Progress(0, 0, 0, 0)
        self.taken: Taken | None = None
        self.failure: LivetallyError | None = None
        self.ended = threading.Event()

    def tell(self, progress: Progress) -> None:
        """Note how far it is."""
        self.progress = progress


class Backups:
    """Takes backups. Safe for any thread."""

    def __init__(self, source: Source, plan: Plan, turn: threading.Lock) -> None:
        """Take none yet; ``turn`` is held while one is taken, and while anything is erased."""
        self._source = source
        self.plan = plan
        self._turn = turn
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._tried_us = 0

    @property
    def last(self) -> Job | None:
        """The backup under way, or the last one since the start."""
        return self._job

    def start(self, to: str, *, full: bool = False) -> Job:
        """Begin a backup on a thread of its own; returns at once.

        Raises:
            BadInput: it may not go there.
            ForbiddenByState: one is under way.
            StoreFailed: the place can't be used.
        """
        place = open_place(self.place_of(to))
        job = Job(to or self.plan.to)
        with self._lock:
            if self._job is not None and not self._job.ended.is_set():
                raise ForbiddenByState("A backup is under way: wait for its end.")
            self._job = job

        def run() -> None:
            try:
                with self._turn, BACKUP_SECONDS.time(), span("backup"):
                    job.taken = take(self._source, place, job.tell, full=full)
                BACKUPS.labels("done").inc()
            except Exception as error:  # noqa: BLE001 - told to whoever asked, and in the log
                BACKUPS.labels("failed").inc()
                job.failure = error if isinstance(error, LivetallyError) else _defect(error)
                _log.error("backup failed", to=job.to, error=job.failure.message)
            finally:
                job.ended.set()

        threading.Thread(target=run, name="backup", daemon=True).start()
        return job

    def place_of(self, to: str) -> str:
        """Return where a backup may go that was asked to go ``to``.

        Raises:
            BadInput: it names no place, or one that the settings don't allow.
        """
        own = self.plan.to.rstrip("/")
        if not to and not own:
            raise BadInput("to", "name a directory, or set LIVETALLY_BACKUP_TO")
        named = to.rstrip("/")
        inside = named == own or named.startswith(f"{own}/")
        if to and own and (not inside or ".." in named.split("/")):
            raise BadInput("to", "the settings let backups go below LIVETALLY_BACKUP_TO only")
        return to or self.plan.to

    def list(self, to: str) -> list[Manifest]:
        """Return the whole backups of a place, oldest first. Blocks.

        Raises:
            BadInput: it names no place that may be used.
        """
        return backups_in(open_place(self.place_of(to)))

    async def run(self) -> None:
        """Take backups on schedule until cancelled."""
        while self.plan.to and self.plan.every_h:
            try:
                await asyncio.to_thread(self._look)
            except LivetallyError as error:
                _log.warning("backups on schedule: trying again later", error=error.message)
            await asyncio.sleep(_LOOK_S)

    def _look(self) -> None:
        """Take a backup if the newest is older than the schedule allows."""
        now_us = self._source.now_us()
        backups = backups_in(open_place(self.plan.to))
        newest_us = backups[-1].made_us if backups else 0
        BACKUP_AGE_SECONDS.set((now_us - newest_us) / US_PER_S if backups else -1)
        due = now_us - newest_us >= self.plan.every_h * _HOUR_US
        if not due or now_us - self._tried_us < _RETRY_S * US_PER_S:
            return
        self._tried_us = now_us
        job = self.start("")
        job.ended.wait()
        if job.taken is None:
            return
        gone = prune(open_place(self.plan.to), self.plan.retention, self._source.now_us())
        made = job.taken.manifest
        _log.info("backup taken", name=made.name, position=made.position, gone=gone)


def _defect(error: Exception) -> LivetallyError:
    return LivetallyError(f"The backup failed: {type(error).__name__}: {error}"[:500])
