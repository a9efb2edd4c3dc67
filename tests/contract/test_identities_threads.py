"""The threads of the index of identities: full disks, waiting, giving way, closing.

In the flow: uses ``store.identities`` on a temporary directory.
Guarantee: whatever fails or ends meanwhile, who waits is told, and what is listed is there.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from livetally.errors import StoreFailed
from livetally.store.identities import IdentityIndex, files, index, tidying
from livetally.store.identities.filters import Filter
from livetally.store.identities.tidying import first_to_join
from tests.contract.indexes import (
    WAIT_S,
    ask,
    keys,
    opened,
    tell,
    wait_until,
)


def fill_until(ids: IdentityIndex, met: Callable[[], bool], after: int = 0) -> int:
    """Record a hundred ids a time, until its thread has come so far; return how many."""
    for position in range(after + 1, after + 100):
        numbers = range(position * 100, position * 100 + 100)
        tell(ids, dict.fromkeys(keys(*numbers), 1), position)
        ids.flush()
        with ids._joining:
            if met():
                return (position - after) * 100
    raise AssertionError


@pytest.mark.usefixtures("_small")
def test_joining_that_fails_stops_nobody(
    ids: IdentityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk there may be room for commits, not for a second copy of all; tried later."""
    made, tries = files.join_runs, 0

    def full(old: Sequence[object], *rest: object) -> object:
        nonlocal tries
        if isinstance(old[0], files.Run) and tries < 2:
            tries += 1
            raise OSError(28, "No space left on device")
        return made(old, *rest)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(index, "join_runs", full)
    told = fill_until(ids, lambda: tries == 2)
    assert len(ask(ids, keys(*range(100, told + 100)))) == told
    told += fill_until(ids, lambda: first_to_join(ids._runs) is None, told // 100)
    assert len(ask(ids, keys(*range(100, told + 100)))) == told


def test_a_failed_write_is_told_to_the_writer(
    ids: IdentityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the log could not be written, nothing is answered as if all were well."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ids, "_write", full)
    with pytest.raises(StoreFailed, match="No space left"):
        tell(ids, {keys(1)[0]: 1}, 1)
    with pytest.raises(StoreFailed, match="No space left"):
        ask(ids, keys(1))
    with pytest.raises(StoreFailed, match="No space left"):
        tell(ids, {keys(2)[0]: 1}, 2)


@pytest.mark.parametrize("step", ["join_runs", "write_list"])
def test_a_run_that_can_t_be_written_is_told_to_the_writer(
    ids: IdentityIndex, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whoever waits for it is told, and so is the next commit."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index, step, full)
    tell(ids, {keys(1)[0]: 1}, 1)
    with pytest.raises(StoreFailed, match="No space left"):
        ids.flush()
    with pytest.raises(StoreFailed, match="No space left"):
        tell(ids, {keys(2)[0]: 1}, 2)


@pytest.mark.usefixtures("_small")
def test_who_records_faster_than_runs_are_written_waits(
    ids: IdentityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that memory is bounded; and nothing is lost by it."""
    gate = threading.Event()
    made = files.join_runs

    def slow(*arguments: object) -> object:
        assert gate.wait(WAIT_S)
        return made(*arguments)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(index, "join_runs", slow)

    def fill() -> None:
        for position in range(1, 11):
            numbers = range(position * 100, position * 100 + 100)
            tell(ids, dict.fromkeys(keys(*numbers), 1), position)

    filling = threading.Thread(target=fill)
    filling.start()
    wait_until(ids, lambda: len(ids._waiting) == index._WAITING_MAX)
    assert ids.complete_to < 10
    gate.set()
    filling.join()
    ids.flush()
    assert len(ask(ids, keys(*range(100, 1_100)))) == 1_000


@pytest.mark.usefixtures("_small")
def test_joining_gives_way_to_forgetting(
    ids: IdentityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was being made of others is given up, and made later."""
    entered, made = threading.Event(), files.join_runs
    refused = 0

    def slow(old: object, path: Path, goes_on: Callable[[], bool]) -> object:
        nonlocal refused
        if threading.current_thread().name == "runs" and not refused:
            entered.set()
            while goes_on():
                with ids._changed:
                    ids._changed.wait(WAIT_S)
            refused += 1
        return made(old, path, goes_on)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(index, "join_runs", slow)
    for position in range(1, 6):
        numbers = range(position * 100, position * 100 + 100)
        tell(ids, dict.fromkeys(keys(*numbers), 1), position)
    assert entered.wait(WAIT_S)
    ids.forget(keys(100))
    assert refused == 1
    wait_until(ids, lambda: first_to_join(ids._runs) is None)
    assert len(ask(ids, keys(*range(100, 600)))) == 499


def test_a_list_that_could_not_be_written_says_nothing_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run of a failed step is not called complete by the next step of another thread."""
    folder = tmp_path / "ids"
    with opened(folder) as ids:
        tell(ids, dict.fromkeys(keys(*range(50)), 1), 1)
        ids.flush()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(index, "write_list", full)
            tell(ids, dict.fromkeys(keys(*range(50, 99)), 1), 2)
            with pytest.raises(StoreFailed):
                ids.flush()
        assert ids._join(ids._runs, lambda: True)
    with opened(folder) as again:
        assert len(ask(again, keys(*range(99)))) == (99 if again.complete_to == 2 else 50)


@pytest.mark.usefixtures("_small")
def test_joining_that_fails_leaves_no_file(
    ids: IdentityIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk it would keep commits from being written."""
    sync, failed = os.fsync, False

    def full(descriptor: int) -> None:
        nonlocal failed
        if threading.current_thread().name == "runs" and not failed:
            failed = True
            raise OSError(28, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    fill_until(ids, lambda: failed)
    with ids._joining, ids._listing:
        names = {path.name for path in (tmp_path / "ids").glob("run-*")}
        assert names == {run.path.name for run in ids._runs}


@pytest.mark.parametrize("call", ["flush", "scrub", "forget", "forget_all"])
def test_closing_waits_for_nobody_who_waits_for_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A server that is stopped comes to its end; who waited is told that it is not done."""
    entered = threading.Event()

    def never(_old: object, _path: Path, goes_on: Callable[[], bool]) -> None:
        entered.set()
        while goes_on():
            with made._changed:
                made._changed.wait(WAIT_S)

    made = IdentityIndex(tmp_path / "ids")
    monkeypatch.setattr(index, "join_runs", never)
    tell(made, {keys(1)[0]: 1}, 1)
    failed: list[StoreFailed] = []

    def waiting() -> None:
        try:
            getattr(made, call)(*([keys(1)] if call == "forget" else []))
        except StoreFailed as error:
            failed.append(error)

    thread = threading.Thread(target=waiting)
    thread.start()
    assert entered.wait(WAIT_S)
    made.close()
    thread.join(WAIT_S)
    assert [str(error) for error in failed] == [
        "The index of event ids can't be written: it is closed."
    ]


@pytest.mark.parametrize("call", ["scrub", "forget_all"])
def test_files_go_while_a_larger_filter_is_made_of_them(
    ids: IdentityIndex, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Whoever takes them away waits until they are read."""
    entered, made = threading.Event(), tidying.filter_of
    calling: list[threading.Thread] = []

    def slow(runs: Sequence[files.Run], entries: int) -> Filter:
        calling.append(threading.Thread(target=getattr(ids, call)))
        calling[0].start()
        entered.set()
        wait_until(ids, lambda: bool(ids._forgetting))
        return made(runs, entries)

    tell(ids, dict.fromkeys(keys(*range(100)), 1), 1)
    ids.flush()
    monkeypatch.setattr(index, "filter_of", slow)
    ids._filter.room = 1
    with ids._changed:
        ids._changed.notify_all()
    assert entered.wait(WAIT_S)
    calling[0].join(WAIT_S)
    tell(ids, {keys(200)[0]: 1}, 2)
    assert len(ask(ids, keys(*range(201)))) == (101 if call == "scrub" else 1)
