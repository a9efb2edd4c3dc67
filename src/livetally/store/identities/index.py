"""The exact set of all identities ever stored, on disk, to recognise a duplicate at any age.

In the flow: asked and told by the writer for every commit; mended from the events table at start.
Guarantee: it never knows an identity that is not durably stored, and says up to which position it
is complete; what was stored after that position is read back from the events table before the first
commit. So a crash at any instruction leaves nothing out, and damaged files are made anew.

Sorted runs of hashes on disk, which a thread of its own joins by size; what is in no run yet is in
memory, and in a log that outlives the process. A filter in memory says of most new identities that
they were never seen. All of it is done for a whole commit at once, in a few passes over columns,
most of them without the interpreter's lock: with an entry for each id in a key-value store, the
lock was held for two microseconds an id.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import structlog

from livetally.errors import StoreFailed
from livetally.store.identities.failing import CLOSED, told_as_store_failed, unwritten
from livetally.store.identities.files import (
    Listed,
    Log,
    Run,
    join_runs,
    logs_of,
    newest_number,
    number_of,
    unlink_unlisted,
    write_list,
)
from livetally.store.identities.filters import Filter
from livetally.store.identities.hashing import Hashed, Hasher, Words, new_seed
from livetally.store.identities.opening import VERSION, begin_files, open_files
from livetally.store.identities.recent import Recent, gathered
from livetally.store.identities.runs import Columns, Found, Sums
from livetally.store.identities.tidying import entries_of, filter_of, first_to_join

__all__ = ["IdentityIndex"]

_log = structlog.get_logger("livetally.store")

# So many become a run: until then they take 28 bytes each in memory, and as many in a log.
_RECENT_MAX = 1 << 18
# So do those of so many commits, because a start reads their log commit by commit.
_LOGGED_MAX = 1 << 14
_WAITING_MAX = 4


class _Waiting(NamedTuple):
    """What is to become a run, and what the list is to say of it: see ``Listed``."""

    recent: Recent
    log: int
    log_sum: int
    complete_to: int


class IdentityIndex:
    """Maps hashes of identity keys to ``Stored``. One thread at a time (the writer's)."""

    def __init__(self, directory: Path) -> None:
        """Open or create the index in ``directory``.

        Raises:
            StoreFailed: the files can't be opened.
        """
        self._folder = directory
        # Guards all that follows; notified when there is something to write, and when it is.
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._closing = False
        self._failure: Exception | None = None
        self._complete_to = 0
        self._recent = Recent()
        self._runs: tuple[Run, ...] = ()
        # Held while a run is made of others, and while something in runs is forgotten. Who waits
        # for it to forget something is waited for: joining begins again later.
        self._joining = threading.Lock()
        self._forgetting = 0
        # With so many runs joining has failed; it is tried again when there are more.
        self._given_up = 0
        # Held while the list of runs and the files that it names change.
        self._listing = threading.Lock()
        try:
            self._open()
        except OSError as error:
            raise StoreFailed(f"The index of event ids can't be opened: {error}.") from None
        self._threads = [
            threading.Thread(target=self._work, args=work, name=name, daemon=True)
            for name, work in (
                ("identities", (self._settle, self._is_behind)),
                ("runs", (self._tidy, self._is_untidy)),
            )
        ]
        for thread in self._threads:
            thread.start()

    @property
    def complete_to(self) -> int:
        """The position up to which every stored identity is in the files."""
        return self._complete_to

    @property
    def entries(self) -> int:
        """How many identities are known, about: what was written twice may count twice."""
        with self._changed:
            waiting = sum(one.recent.count for one in self._waiting)
            return entries_of(self._runs) + waiting + self._recent.count

    def hashed(self, parts: Sequence[Sequence[bytes]]) -> Hashed:
        """Return what stands for these keys in here; places are counted through all parts."""
        return self._hasher.hashed(parts)

    def look_up(self, asked: Hashed) -> Found:
        """Return which of those asked for were stored before. Blocks.

        Raises:
            StoreFailed: the files could not be written before.
        """
        with self._changed:
            self._require_sound()
            known = self._filter
            parts = [*(run.columns for run in self._runs), *self._new_parts()]
        return gathered(parts, asked.only(known.may_know(asked.high)))

    def record(
        self, new: Hashed, sums: Sums, positions: int | Words, complete_to: int | None = None
    ) -> None:
        """Add identities that are durably stored; blocks only while many are to be written.

        Args:
            new: the identities.
            sums: of what the events say, by place.
            positions: theirs, by place, or the one of all of them.
            complete_to: up to where nothing is missing then; None: up to the highest position.

        Raises:
            StoreFailed: the files could not be written.
        """
        if complete_to is None:
            complete_to = positions if isinstance(positions, int) else int(positions.max())
        columns = Columns.of(new, sums, positions)
        with self._changed:
            self._wait_while(lambda: len(self._waiting) >= _WAITING_MAX)
            try:
                self._write(columns, complete_to)
                self._recent.add(columns)
                self._filter.add(columns.high)
                if self._recent.count >= _RECENT_MAX or self._recent.times >= _LOGGED_MAX:
                    self._hand_over()
            except OSError as error:
                self._failure = error
                self._require_sound()

    def flush(self) -> None:
        """Return when everything recorded is in runs, on the disk. Blocks.

        Raises:
            StoreFailed: the files could not be written.
        """
        with told_as_store_failed(), self._changed:
            if self._recent.count:
                self._hand_over()
            self._wait_while(self._is_behind)

    def forget_all(self) -> None:
        """Begin anew, with no identity known. Blocks.

        Raises:
            StoreFailed: the files could not be written.
        """
        with told_as_store_failed(), self._alone():
            self.flush()
            with self._listing, self._changed:
                log = self._log
                self._begin_anew(self._seed)
                log.close()

    def forget(self, keys: Iterable[bytes]) -> None:
        """Know these ``keys`` no more; what stands for them stays in files until ``scrub``. Blocks.

        Any thread may call it: a commit of the same keys meanwhile is either known or not.

        Raises:
            StoreFailed: the files could not be written.
        """
        asked = self.hashed([list(keys)])
        with told_as_store_failed(), self._alone():
            self.flush()
            for run in self._runs:
                run.forget(asked)

    def scrub(self) -> None:
        """Write all files anew, without what was forgotten. Blocks: seconds for a million keys.

        Any thread may call it while commits go on.

        Raises:
            StoreFailed: the files could not be written.
        """
        with told_as_store_failed(), self._alone():
            self.flush()
            if not self._join(self._runs, lambda: not self._closing):
                raise unwritten(CLOSED)

    def close(self) -> None:
        """Release the files. What is in no run yet is in a log."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        with contextlib.suppress(OSError):
            self._log.close()

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        opened = open_files(self._folder)
        listed_log = 0 if opened is None else opened.listed.log
        self._numbers = count(max(newest_number(self._folder), listed_log) + 1)
        if opened is None:
            self._begin_anew(new_seed())
            return
        self._seed, self._listed = opened.seed, opened.listed
        self._hasher = Hasher(self._seed)
        self._runs, self._filter = opened.runs, opened.filter
        self._complete_to, self._log_sum = opened.complete_to, opened.log_sum
        self._recent.add(opened.recent)
        self._filter.add(opened.recent.high)
        self._log = Log(self._folder, next(self._numbers))

    def _begin_anew(self, seed: bytes) -> None:
        """Drop everything."""
        number = next(self._numbers)
        self._listed = begin_files(self._folder, seed, number)
        self._log = Log(self._folder, number)
        self._log_sum = self._complete_to = 0
        self._seed, self._hasher = seed, Hasher(seed)
        self._runs = ()
        self._waiting.clear()
        self._recent = Recent()
        self._filter = Filter(_RECENT_MAX)

    def _write(self, columns: Columns, complete_to: int) -> None:
        """Append to the log what is recorded."""
        # What is lost with the machine's memory is read from the events again, if it is beyond
        # what is complete. What is not beyond it would be missed.
        synced = complete_to <= self._complete_to and len(columns.high) > 0
        self._log_sum = self._log.append(columns, complete_to, self._log_sum, synced=synced)
        self._complete_to = complete_to

    def _hand_over(self) -> None:
        """Have what is recent become a run."""
        log = Log(self._folder, next(self._numbers))
        self._log.close()
        self._log = log
        number = number_of(log.path)
        self._waiting.append(_Waiting(self._recent, number, self._log_sum, self._complete_to))
        self._recent = Recent()
        self._changed.notify_all()

    def _wait_while(self, condition: Callable[[], bool]) -> None:
        """Wait, with what guards it held, while a condition holds.

        Raises:
            StoreFailed: the files could not be written, or are closed meanwhile.
        """
        self._changed.wait_for(lambda: self._failure or self._closing or not condition())
        self._require_sound()
        if condition():
            raise unwritten(CLOSED)

    def _work(self, do: Callable[[], None], is_due: Callable[[], bool]) -> None:
        """Do something whenever it is due, until the index is closed or has failed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._failure or is_due())
                if self._closing or self._failure:
                    return
            try:
                do()
            except Exception as error:  # noqa: BLE001 - whatever it was: the writer is to stop
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
                return

    def _is_behind(self) -> bool:
        return bool(self._waiting)

    def _settle(self) -> None:
        """Make a run of what has waited longest."""
        with self._changed:
            settled = self._waiting[0]
        parts, made = list(settled.recent), None
        if parts and not (made := join_runs(parts, self._new_run(), lambda: not self._closing)):
            return
        with self._listing:
            if settled in self._waiting:
                self._list(self._runs if made is None else (*self._runs, made), settled)

    def _is_untidy(self) -> bool:
        runs = self._runs
        if len(runs) > self._given_up and not self._forgetting and first_to_join(runs) is not None:
            return True
        return self.entries > self._filter.room

    def _tidy(self) -> None:
        """Join runs, and make a larger filter when there are too many for the one that is."""
        with self._joining:
            if self.entries > self._filter.room:
                self._grow()
            first = first_to_join(self._runs)
            if first is None:
                return
            try:
                self._join(self._runs[first:], lambda: not (self._closing or self._forgetting))
            except OSError as error:
                # Commits can go on with many runs for long; on a full disk joining can't.
                self._given_up = len(self._runs)
                _log.warning("files of the index of event ids are not joined", error=str(error))

    def _grow(self) -> None:
        runs = self._runs
        grown = filter_of(runs, self.entries)
        with self._changed:
            later = [run.columns for run in self._runs if run not in runs]
            for part in (*later, *self._new_parts()):
                grown.add(part.high)
            self._filter = grown

    def _join(self, old: tuple[Run, ...], goes_on: Callable[[], bool]) -> bool:
        """Make one run of ``old``, which stand one after the other; tell whether it is made."""
        if not old:
            return True
        run = join_runs(old, self._new_run(), goes_on)
        if run is None:
            return False
        with self._listing:
            at = self._runs.index(old[0])
            try:
                self._list((*self._runs[:at], run, *self._runs[at + len(old) :]), None)
            except OSError:
                unlink_unlisted(self._folder, run)
                raise
            for one in old:
                one.path.unlink(missing_ok=True)
        self._given_up = 0
        return True

    def _list(self, runs: tuple[Run, ...], settled: _Waiting | None) -> None:
        """Have these be the runs, with what has waited among them; its logs go."""
        of = settled or self._listed
        names = [run.path.name for run in runs]
        listed = Listed(VERSION, self._listed.seed_sum, names, of.log, of.log_sum, of.complete_to)
        write_list(self._folder, listed)
        self._listed = listed
        for path in logs_of(self._folder):
            if number_of(path) < listed.log:
                path.unlink(missing_ok=True)
        with self._changed:
            self._runs = runs
            if settled is not None:
                self._waiting.remove(settled)
            self._changed.notify_all()

    def _new_run(self) -> Path:
        return self._folder / f"run-{next(self._numbers)}"

    def _new_parts(self) -> list[Columns]:
        """Return what is in memory only and in logs, older ones first."""
        waiting = [part for one in self._waiting for part in one.recent]
        return [*waiting, *self._recent]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Have no runs joined meanwhile; one that is being made is given up."""
        with self._changed:
            self._forgetting += 1
            self._changed.notify_all()
        try:
            with self._joining:
                yield
        finally:
            with self._changed:
                self._forgetting -= 1
                self._changed.notify_all()

    def _require_sound(self) -> None:
        if self._failure is not None:
            raise unwritten(self._failure)
