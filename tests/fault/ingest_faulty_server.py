"""Real servers that kill themselves at a named point, or lie about one thing.

In the flow: started by ``ingest_process`` as ``python -m tests.fault.ingest_faulty_server``; reads
one order (a line of JSON) for each server, forks it, and tells when it has ended.
Guarantee: the server is ``livetally.server.run.serve`` itself; what is patched is patched in this
process only, by name, and a name that has gone is an error at once.

Forking spares each start the import of what all of them need; what starts threads (the engine) is
imported in the fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import alembic.command
import sqlalchemy.dialects.sqlite
import starlette.applications
import structlog
import uvicorn
import uvloop

__all__ = ["POINTS", "main"]

# Only to have them in memory before the first fork.
_PRELOADED = (alembic, sqlalchemy, starlette, structlog, uvicorn, uvloop)

_HOUR_NS = 3_600_000_000_000


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_in(delay_ms: float) -> None:
    """Kill the process from another thread, while the caller's goes on."""

    def wait_and_die() -> None:
        time.sleep(delay_ms / 1000)  # sleeps: the crash falls somewhere into what runs meanwhile
        _die()

    threading.Thread(target=wait_and_die, daemon=True).start()


def _replace(owner: Any, name: str, replacement: Callable[..., Any]) -> Any:
    """Put ``replacement`` in the place of ``owner``'s own, which must exist; return that."""
    original = getattr(owner, name)
    setattr(owner, name, replacement)
    return original


class _Passages:
    """Counts how often a point is passed; ``reached`` is true once, at the n-th passage."""

    def __init__(self, nth: int) -> None:
        self._left = nth

    def reached(self) -> bool:
        self._left -= 1
        return self._left == 0


def _around(
    owner: Any, name: str, before: Callable[[Any], None], after: Callable[[], None]
) -> None:
    """Have something done before and after ``owner``'s own; ``before`` gets the first argument."""

    def patched(first: Any, *rest: Any, **more: Any) -> None:
        before(first)
        own(first, *rest, **more)
        after()

    own = _replace(owner, name, patched)


def _around_append(before: Callable[[Any], None], after: Callable[[], None]) -> None:
    from livetally.store.journal import Journal

    _around(Journal, "append", before, after)


def _around_insert(before: Callable[[Any], None], after: Callable[[], None]) -> None:
    from livetally.ingest import applying

    _around(applying, "insert_encoded", before, after)


_Around = Callable[[Callable[[Any], None], Callable[[], None]], None]
_Point = Callable[[int, float], None]


def _before(around: _Around) -> _Point:
    def point(nth: int, _delay_ms: float) -> None:
        passages = _Passages(nth)
        around(lambda _: _die() if passages.reached() else None, lambda: None)

    return point


def _within(around: _Around) -> _Point:
    def point(nth: int, delay_ms: float) -> None:
        passages = _Passages(nth)
        around(lambda _: _die_in(delay_ms) if passages.reached() else None, lambda: None)

    return point


def _after(around: _Around) -> _Point:
    def point(nth: int, _delay_ms: float) -> None:
        passages = _Passages(nth)
        around(lambda _: None, lambda: _die() if passages.reached() else None)

    return point


def _in_append(nth: int, _delay_ms: float) -> None:
    """Die when a commit is half written."""
    from livetally.store import journal

    passages = _Passages(nth)

    def patched(self: Any, pieces: Any) -> None:
        if passages.reached():
            whole = b"".join(pieces)
            write(self, [whole[: len(whole) // 2]])
            _die()
        write(self, pieces)

    write = _replace(journal.Journal, "_write", patched)


def _in_merge(nth: int, delay_ms: float) -> None:
    passages = _Passages(nth)

    def merge(engine: Any) -> None:
        if passages.reached():
            statement = "OPTIMIZE TABLE livetally.events FINAL"
            threading.Thread(target=engine.execute, args=(statement,), daemon=True).start()
            _die_in(delay_ms)

    _around_insert(merge, lambda: None)


def _after_answer(nth: int, _delay_ms: float) -> None:
    """Die after a client got its answer, before the identities are handed to the index."""
    from livetally.api import app
    from livetally.store.identities import IdentityIndex

    answered = threading.Event()
    passages = _Passages(nth)

    async def post(*args: Any) -> None:
        await post_events(*args)
        answered.set()

    def patched(self: Any, *args: Any) -> None:
        if passages.reached():
            answered.clear()
            answered.wait(0.2)  # that of this commit, or of another request: both are on their way
            _die()
        record(self, *args)

    post_events = _replace(app, "post_events", post)
    record = _replace(IdentityIndex, "record", patched)


def _in_index_write(nth: int, delay_ms: float) -> None:
    from livetally.store.identities import IdentityIndex

    passages = _Passages(nth)

    def patched(self: Any, *told: Any) -> None:
        if passages.reached():
            _die_in(delay_ms / 10)
        write(self, *told)

    write = _replace(IdentityIndex, "_write", patched)


def _in_definition_change(nth: int, delay_ms: float) -> None:
    from livetally.store.events.embedded import EmbeddedEngine as Engine

    passages = _Passages(nth)

    def patched(self: Any, sql: str, parameters: Any = None) -> None:
        if sql.startswith("ALTER") and passages.reached():
            _die_in(delay_ms)
        execute(self, sql, parameters)

    execute = _replace(Engine, "execute", patched)


def _acknowledge_first(_nth: int, _delay_ms: float) -> None:
    """Answer before anything is on disk, as a server does that trusts its memory."""
    from livetally.ingest.commits import Receipt
    from livetally.ingest.writer import Writer

    def patched(self: Any, work: Any) -> None:
        receipts = [Receipt(self._position + 1, len(item.batch), (), ()) for item in work]
        self._deliver([(item.token, receipt) for item, receipt in zip(work, receipts, strict=True)])
        commit(self, work)

    commit = _replace(Writer, "_commit", patched)


def _skip_dedupe(_nth: int, _delay_ms: float) -> None:
    from livetally.store.identities import IdentityIndex

    def nothing(self: Any, asked: Any) -> Any:
        return look_up(self, asked.among([]))

    look_up = _replace(IdentityIndex, "look_up", nothing)


def _skip_fsync(_nth: int, _delay_ms: float) -> None:
    """Make journal and table as they would be without a word about fsync."""
    from livetally.store import folders, journal
    from livetally.store.events import schema

    class Without:
        """The module without the one function."""

        def __getattr__(self, name: str) -> Any:
            return (lambda _: None) if name == "fsync" else getattr(os, name)

    for module in (journal, folders):
        vars(module)["os"] = Without()

    told = set(schema._KEEPING)
    for name in ("fsync_after_insert", "fsync_part_directory"):
        assert f"{name} = 1" in told
        told = told - {f"{name} = 1"} | {f"{name} = 0"}
    schema._KEEPING = tuple(sorted(told))


def _clock_back(nth: int, _delay_ms: float) -> None:
    """From the n-th insert on, the machine's clock is an hour behind."""
    from livetally.clock import SystemClock
    from livetally.server import run

    passages = _Passages(nth)
    behind_ns = 0

    def wall_ns() -> int:
        return time.time_ns() - behind_ns  # noqa: TID251 - this is the clock that goes wrong

    def set_back(_engine: Any) -> None:
        nonlocal behind_ns
        if passages.reached():
            behind_ns = _HOUR_NS

    _replace(run, "SystemClock", lambda: SystemClock(wall_ns))
    _around_insert(set_back, lambda: None)


def _slow_insert(_nth: int, delay_ms: float) -> None:
    """Give the store every commit late."""
    _around_insert(lambda _: time.sleep(delay_ms / 1000), lambda: None)  # sleeps: a slow disk


POINTS: dict[str, _Point] = {
    "before the journal": _before(_around_append),
    "in the journal": _in_append,
    "after the journal, before the answer": _after(_around_append),
    "before insert": _before(_around_insert),
    "in insert": _within(_around_insert),
    "after insert": _after(_around_insert),
    "after the answer, before the index": _after_answer,
    "while the index is written": _in_index_write,
    "while a definition changes": _in_definition_change,
    "while a merge runs": _in_merge,
}
"""Where a server can be told to die: at the n-th passage, or some milliseconds after it began."""

_LIES: dict[str, _Point] = {
    "acknowledge first": _acknowledge_first,
    "skip dedupe": _skip_dedupe,
    "skip fsync": _skip_fsync,
    "clock back": _clock_back,
    "slow insert": _slow_insert,
}


def _serve(order: dict[str, Any]) -> int:
    from livetally.server.run import serve
    from livetally.settings import Settings

    for name, nth, delay_ms in order["faults"]:
        (POINTS | _LIES)[name](nth, delay_ms)
    return serve(Settings(**order["settings"]))


def main() -> None:
    """Fork one server for each order from standard input; end with it."""
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(log, 1)
                os.dup2(log, 2)
                code = _serve(order)
            except BaseException as error:  # noqa: BLE001 - it ends here, with its reason in the log
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                sys.stderr.flush()
                code = 1
            finally:
                os._exit(code)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
