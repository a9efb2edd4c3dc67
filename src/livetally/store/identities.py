"""The exact set of all identities ever stored, on disk, to recognise a duplicate at any age.

In the flow: asked and told by the writer for every commit; mended from the events table at start.
Guarantee: it never knows an identity that is not durably stored, and says up to which position it
is complete; what was stored after that position is read back from the events table before the first
commit. So a crash at any instruction leaves nothing out.

An LSM tree with Bloom filters, whose runs are joined by size: a look-up costs microseconds at any
size, memory is the filters and a cache. Keys are sorted before they are looked up and written,
which halves the cost of random ones. Writing is done by a thread of its own, while the engine
inserts the next commit; what is not yet written is looked up in memory. Rejected: the events table
itself (60 to 300 ms for 500 ids at 20 M rows) and a set in memory (100 bytes an id).
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections import deque
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import structlog
from rocksdict import (
    BlockBasedOptions,
    BottommostLevelCompaction,
    Cache,
    CompactOptions,
    DBCompactionStyle,
    Options,
    Rdict,
    WriteBatch,
)

from livetally.errors import StoreFailed

__all__ = ["IdentityIndex", "Stored"]

_log = structlog.get_logger("livetally.store")

# Shorter than any identity key, so that it can't be one.
_COMPLETE_TO = b"\xff\xff"
_SUM_BYTES = 4
_POSITION_BYTES = 5  # at 200 commits a second it lasts for 174 years
# For each run, one look-up in a thousand reads a block in vain; with ten bits, one in a hundred.
_BLOOM_BITS = 14
_MIB = 1024 * 1024
_CACHE_BYTES = 64 * _MIB
_BLOCK_BYTES = 16 * 1024
# Small, because the driver holds Python's lock while it writes, and that takes longer the more
# there is in the buffer; joining the files costs no more.
_WRITE_BUFFER_BYTES = 16 * _MIB
# Small commits are gathered, because writing costs less a key when there are many. What is gathered
# is looked up in memory; after a crash it is read back from the events.
_GATHERED_KEYS = 32_768
_GATHERED_S = 0.05
_UNWRITTEN_KEYS_MAX = 400_000
_ENTRIES = re.compile(r"# entries=(\d+);.*# entries for filter=(\d+);")


class Stored(NamedTuple):
    """What is known of a stored event: the sum of what it says, and its commit's position."""

    content: int
    position: int


class _Unwritten:
    """What is to be written in one step: values by key, and up to where it is complete then."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.complete_to = 0

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return bool(self.values or self.complete_to)


class IdentityIndex:
    """Maps identity keys to ``Stored``. One thread at a time (the writer's)."""

    def __init__(self, directory: Path) -> None:
        """Open or create the index in ``directory``.

        Raises:
            StoreFailed: the files can't be opened.
        """
        self._path = str(directory)
        self._db = self._opened()
        # Guards what follows; notified when there is something to write, when it is written, and
        # when someone waits for that.
        self._changed = threading.Condition()
        # What is not on disk yet: what comes in, and what is being written.
        self._gathered = _Unwritten()
        self._writing = _Unwritten()
        self._hurried = 0
        self._closing = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="identities", daemon=True)
        self._thread.start()
        self._mending = threading.Thread(target=self._mend, name="filters", daemon=True)
        if self.lacks_filters:
            self._mending.start()

    @property
    def complete_to(self) -> int:
        """The position up to which every stored identity is in the files."""
        value = self._db.get(_COMPLETE_TO)
        return int.from_bytes(value, "big") if value else 0

    @property
    def entries(self) -> int:
        """How many identities the files hold, about: what was written twice counts twice."""
        return self._in_files()[0]

    @property
    def lacks_filters(self) -> bool:
        """Whether some files have none: a look-up reads a block of each of them."""
        entries, filtered = self._in_files()
        return filtered < entries

    def _in_files(self) -> tuple[int, int]:
        """Return how many entries the files have, and how many of these are in a filter."""
        told = self._db.property_value("rocksdb.aggregated-table-properties") or ""
        found = _ENTRIES.search(told)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def look_up(self, keys: Collection[bytes]) -> dict[bytes, Stored]:
        """Return what is known of those ``keys`` that were stored before. Blocks.

        Fastest for the keys of a dictionary in their order.

        Raises:
            StoreFailed: the files can't be read, or could not be written before.
        """
        self._require_sound()
        wanted = sorted(keys)
        # First what is not written yet: looked at later, a commit could be missed in both places.
        with self._changed:
            unwritten = (self._writing.values, self._gathered.values)
        try:
            values: list[bytes | None] = self._db[wanted]  # type: ignore[index,assignment] # its list is invariant
        except Exception as error:  # noqa: BLE001 - the driver's own class is not exported
            raise StoreFailed(f"The index of event ids can't be read: {error}.") from None
        known: dict[bytes, Stored] = {}
        if any(values):
            for key, value in zip(wanted, values, strict=True):
                if value:
                    known[key] = _stored(value)
        distinct = keys.keys() if isinstance(keys, dict) else set(wanted)
        for recent in unwritten:
            for key in recent.keys() & distinct:
                known[key] = _stored(recent[key])
        return known

    def record(
        self, contents: dict[bytes, int], position: int, complete_to: int | None = None
    ) -> None:
        """Add keys that are durably stored at ``position``; blocks only while many are unwritten.

        Args:
            contents: the sum of what the event says, by its key; kept, and not to be changed.
            position: theirs.
            complete_to: up to where nothing is missing then; None: up to ``position``.

        Raises:
            StoreFailed: the files could not be written.
        """
        values = _values(list(contents.values()), position)
        with self._changed:
            gathered = self._gathered
            while len(gathered.values) >= _UNWRITTEN_KEYS_MAX and self._failure is None:
                self._changed.wait()
                gathered = self._gathered
            self._require_sound()
            was_empty = not gathered
            gathered.values.update(zip(contents, values, strict=True))
            gathered.complete_to = position if complete_to is None else complete_to
            if was_empty or len(gathered.values) >= _GATHERED_KEYS:
                self._changed.notify_all()

    def flush(self) -> None:
        """Return when everything recorded is in the files. Blocks.

        Raises:
            StoreFailed: the files could not be written.
        """
        with self._changed:
            self._hurried += 1
            self._changed.notify_all()
            while self._is_behind and self._failure is None:
                self._changed.wait()
            self._hurried -= 1
            self._require_sound()

    @property
    def _is_behind(self) -> bool:
        return bool(self._gathered or self._writing)

    def forget_all(self) -> None:
        """Begin anew, with no identity known. Blocks."""
        self.flush()
        self._let_go()
        Rdict.destroy(self._path, _options())
        self._db = self._opened()

    def forget(self, keys: Iterable[bytes]) -> None:
        """Know these ``keys`` no more; their bytes stay in files until ``scrub``. Blocks.

        Any thread may call it: a commit of the same keys meanwhile is either known or not.

        Raises:
            StoreFailed: the files could not be written.
        """
        self.flush()
        batch = WriteBatch(raw_mode=True)
        for key in keys:
            batch.delete(key)
        try:
            self._db.write(batch)
        except Exception as error:  # noqa: BLE001 - the driver's own class is not exported
            raise StoreFailed(f"The index of event ids can't be written: {error}.") from None

    def scrub(self) -> None:
        """Write all files anew, without what was forgotten. Blocks: seconds for a million keys.

        Any thread may call it while commits go on. What ``reopen`` drops is left.

        Raises:
            StoreFailed: the files could not be written.
        """
        try:
            self._write_anew()
        except Exception as error:  # noqa: BLE001 - the driver's own class is not exported
            raise StoreFailed(f"The index of event ids can't be written: {error}.") from None

    def _write_anew(self) -> None:
        options = CompactOptions()
        options.set_bottommost_level_compaction(BottommostLevelCompaction.force())
        self._db.flush()
        self._db.compact_range(None, None, compact_opt=options)

    def _mend(self) -> None:
        """Give filters to files of builds that lost them at every start: once, beside the commits.

        If it does not come to its end, the next start begins again.
        """
        _log.info("the index of event ids is written anew, because it lacks filters")
        with contextlib.suppress(Exception):
            self._write_anew()

    def _let_go(self) -> None:
        """Close the files. Filters that are given meanwhile are given after another start."""
        if not self._mending.is_alive():
            self._db.close()
            return
        # What is not in the files is in the log, so it does not matter that closing says it failed.
        with contextlib.suppress(Exception):
            self._db.cancel_all_background(wait=True)
        self._mending.join()
        with contextlib.suppress(Exception):
            self._db.close()

    def reopen(self) -> None:
        """Drop the notes of files that are gone, which name keys. Blocks for milliseconds.

        Only between two commits: nobody may look up meanwhile.
        """
        self.flush()
        self._let_go()
        self._db = self._opened()

    def close(self) -> None:
        """Write everything out and release the files."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        # On a full disk closing fails too. What is not written is read back at the next start, and
        # an error here would only hide the one that has ended the server.
        with contextlib.suppress(Exception):
            self._let_go()

    def _opened(self) -> Rdict:
        try:
            # Named, because otherwise the driver takes what the files say of their options, where
            # the filter's are not.
            return Rdict(self._path, _options(), column_families={"default": _options()})
        except Exception as error:  # noqa: BLE001 - the driver's own class is not exported
            raise StoreFailed(f"The index of event ids can't be opened: {error}.") from None

    def _run(self) -> None:
        while (work := self._take()) is not None:
            try:
                self._write(work)
            except Exception as error:  # noqa: BLE001 - whatever it was: the writer is to stop
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
                return
            with self._changed:
                self._writing = _Unwritten()
                self._changed.notify_all()

    def _take(self) -> _Unwritten | None:
        """Wait until it is time to write; None means that all is written and it is closed."""
        with self._changed:
            while not self._gathered and not self._closing:
                self._changed.wait()
            self._changed.wait_for(self._is_time, _GATHERED_S)
            if not self._gathered:
                return None
            self._writing, self._gathered = self._gathered, _Unwritten()
            return self._writing

    def _is_time(self) -> bool:
        enough = len(self._gathered.values) >= _GATHERED_KEYS
        return enough or self._closing or bool(self._hurried)

    def _write(self, work: _Unwritten) -> None:
        """Write identities, all or none of them."""
        batch = WriteBatch(raw_mode=True)
        keys = sorted(work.values)
        deque(map(batch.put, keys, map(work.values.__getitem__, keys)), maxlen=0)  # a loop in C
        batch.put(_COMPLETE_TO, work.complete_to.to_bytes(_POSITION_BYTES, "big"))
        self._db.write(batch)

    def _require_sound(self) -> None:
        if self._failure is not None:
            raise StoreFailed(f"The index of event ids can't be written: {self._failure}.")


def _values(sums: list[int], position: int) -> list[bytes]:
    """Return what stands in the files for events with these sums."""
    rows = np.empty((len(sums), _SUM_BYTES + _POSITION_BYTES), np.uint8)
    rows[:, :_SUM_BYTES] = np.array(sums, ">u4").view(np.uint8).reshape(-1, _SUM_BYTES)
    rows[:, _SUM_BYTES:] = np.frombuffer(position.to_bytes(_POSITION_BYTES, "big"), np.uint8)
    values: list[bytes] = rows.view(f"V{rows.shape[1]}").ravel().tolist()
    return values


def _stored(value: bytes) -> Stored:
    content = int.from_bytes(value[:_SUM_BYTES], "big")
    return Stored(content, int.from_bytes(value[_SUM_BYTES:], "big"))


def _options() -> Options:
    tables = BlockBasedOptions()
    tables.set_bloom_filter(_BLOOM_BITS, block_based=False)
    tables.set_block_cache(Cache(_CACHE_BYTES))
    tables.set_block_size(_BLOCK_BYTES)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(tables)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    # Runs of like size are joined, so a key is written anew a few times only; each run more costs a
    # look-up in its filter. By levels, compactions of many millions of random keys cost more.
    options.set_compaction_style(DBCompactionStyle.universal())
    # A filter in front of the newest keys too: most look-ups are for ids that were never seen.
    options.set_memtable_whole_key_filtering(True)
    options.set_memtable_prefix_bloom_ratio(0.1)
    return options
