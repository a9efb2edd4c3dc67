"""Hits of each key, kept across restarts and counted across processes.

In the flow: receives a key's id and its window from api, hands back the verdict of
``tenancy.MovingWindow``.
Guarantee: exactly the verdicts that the window would give on the full list of hits, one hit at a
time for each key, whichever process it came to.

How: the hits of a key are numbered without gaps and their times never go back, so the number of
hits in the window is a difference of two numbers. A verdict takes two look-ups by primary key,
however large the limit; a hit that has left the window is deleted once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from livetally.store.catalog.part import CatalogPart
from livetally.store.catalog.tables import quota_hits, quota_windows

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from livetally.tenancy import Admission, MovingWindow

__all__ = ["Quotas"]

_LAST = select(quota_windows.c.last_seq, quota_windows.c.last_us).where(
    quota_windows.c.key_id == bindparam("key_id")
)
_IN_WINDOW = (
    select(quota_hits.c.seq, quota_hits.c.at_us)
    .where(quota_hits.c.key_id == bindparam("key_id"))
    .where(quota_hits.c.at_us > bindparam("cutoff_us"))
    .order_by(quota_hits.c.at_us, quota_hits.c.seq)
    .limit(1)
)
_LEFT = (
    delete(quota_hits)
    .where(quota_hits.c.key_id == bindparam("key_id"))
    .where(quota_hits.c.at_us <= bindparam("cutoff_us"))
)
_MOVE = (
    update(quota_windows)
    .where(quota_windows.c.key_id == bindparam("of_key"))
    .values(last_seq=bindparam("seq"), last_us=bindparam("at_us"))
)


class _Window(NamedTuple):
    """A key's hits: how many were ever counted, when the last, and who is first in the window."""

    last_seq: int
    last_us: int
    first_seq: int
    first_us: int

    @property
    def counted(self) -> int:
        return self.last_seq - self.first_seq + 1


class Quotas(CatalogPart):
    """The part of the catalog that counts what a key has used."""

    def charge_quota(self, key_id: str, window: MovingWindow) -> Admission:
        """Count one hit of a key now, if its window admits it, and return the verdict.

        A refused hit is not counted, and writes nothing.

        Raises:
            StoreFailed: it could not be counted.
        """
        try:
            return self._judge(key_id, window, count=True)
        except _FirstHitElsewhere:
            return self._judge(key_id, window, count=True)

    def quota_left(self, key_id: str, window: MovingWindow) -> Admission:
        """Return the verdict that one more hit of a key would get now, without counting it.

        Raises:
            StoreFailed: it can't be read.
        """
        return self._judge(key_id, window, count=False)

    def _judge(self, key_id: str, window: MovingWindow, *, count: bool) -> Admission:
        clock_us = self._clock.now_us()
        with self._database.writing() as connection:
            # The row's lock makes other processes wait for the end of this transaction.
            last = connection.execute(_LAST.with_for_update(), {"key_id": key_id}).first()
            if last is None or last.last_us >= clock_us + window.window_us:
                # Hits that far ahead come from a clock that was wrong, and would shut the key
                # out until the clock is there.
                if not count:
                    return window.admit((), clock_us)
                _start_over(connection, key_id, clock_us, known=last is not None)
                last_seq, now_us = 0, clock_us
            else:
                # Another process's clock may be a little ahead: hits are numbered in order of time.
                last_seq, now_us = last.last_seq, max(clock_us, last.last_us)
            hits = _Hits(connection, key_id, last_seq, window, now_us)
            verdict = hits.verdict()
            if count and verdict.allowed:
                hits.add()
        return verdict


class _FirstHitElsewhere(Exception):
    """Another process has just counted the key's first hit ever."""


class _Hits(NamedTuple):
    """The hits of one key within one transaction; ``last_seq`` is the number of the latest."""

    connection: Connection
    key_id: str
    last_seq: int
    window: MovingWindow
    now_us: int

    def verdict(self) -> Admission:
        first = self._in_window()
        counted = 0 if first is None else self.last_seq - first.seq + 1
        if counted < self.window.limit:
            oldest_us = self.now_us if first is None else first.at_us
            return self.window.admitted(counted, oldest_us, self.now_us)
        # More than the limit can be in the window when the limit has been lowered meanwhile.
        blocking = self._in_window(skip=counted - self.window.limit)
        assert blocking is not None, "the numbers of a key's hits have a gap"
        return self.window.refused(blocking.at_us, self.now_us)

    def add(self) -> None:
        seq = self.last_seq + 1
        self.connection.execute(_LEFT, self._asked())
        hit = {"key_id": self.key_id, "at_us": self.now_us, "seq": seq}
        self.connection.execute(insert(quota_hits), hit)
        moved = {"of_key": self.key_id, "seq": seq, "at_us": self.now_us}
        self.connection.execute(_MOVE, moved)

    def _in_window(self, skip: int = 0) -> Row[*tuple[Any, ...]] | None:
        wanted = _IN_WINDOW.offset(skip) if skip else _IN_WINDOW
        return self.connection.execute(wanted, self._asked()).first()

    def _asked(self) -> dict[str, object]:
        return {"key_id": self.key_id, "cutoff_us": self.window.cutoff_us(self.now_us)}


def _start_over(connection: Connection, key_id: str, now_us: int, *, known: bool) -> None:
    if known:
        connection.execute(delete(quota_hits).where(quota_hits.c.key_id == key_id))
        connection.execute(_MOVE, {"of_key": key_id, "seq": 0, "at_us": now_us})
        return
    row = {"key_id": key_id, "last_seq": 0, "last_us": now_us}
    try:
        connection.execute(insert(quota_windows), row)
    except IntegrityError as error:
        raise _FirstHitElsewhere from error
