"""The files of the index of identities: damage, other builds, full disks, several threads.

In the flow: uses ``store.identities`` on a temporary directory.
Guarantee: whatever happens to the files, nothing is known that is not certain, and what is missing
is not called complete.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from livetally.errors import StoreFailed
from livetally.store.identities import IdentityIndex, Stored, files, index, opening
from livetally.store.identities.tidying import first_to_join
from tests.contract.indexes import (
    WAIT_S,
    ask,
    files_of,
    keys,
    opened,
    tell,
    wait_until,
    with_small_runs,
)


@pytest.fixture
def ids(tmp_path: Path) -> Iterator[IdentityIndex]:
    """Open an index in a new directory."""
    with opened(tmp_path / "ids") as made:
        yield made


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have runs made of a hundred identities."""
    with_small_runs(monkeypatch)


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_of_a_damaged_log_nothing_after_the_damage_holds(tmp_path: Path, damage: str) -> None:
    """Also not of a later log: what is missing is read from the events, from there on."""
    folder = tmp_path / "ids"
    for start in (1, 11):
        ids = IdentityIndex(folder)
        for position in range(start, start + 10):
            tell(ids, {keys(position)[0]: 1}, position)
        ids.close()
    oldest = min(files_of(folder)["log"], key=files.number_of)
    whole = oldest.read_bytes()
    frame = len(whole) // 10
    if damage == "cut":
        oldest.write_bytes(whole[: 5 * frame + frame // 2])
    elif damage == "changed":
        oldest.write_bytes(whole[: 6 * frame - 1] + b"\xff" + whole[6 * frame :])
    else:
        oldest.write_bytes(whole[: 5 * frame])
    again = IdentityIndex(folder)
    assert again.complete_to == 5
    assert set(ask(again, keys(*range(21)))) == set(keys(*range(1, 6)))
    for position in range(6, 21):  # as the writer's start does
        tell(again, {keys(position)[0]: 1}, position)
    again.close()
    last = IdentityIndex(folder)
    assert last.complete_to == 20
    assert set(ask(last, keys(*range(22)))) == set(keys(*range(1, 21)))
    last.close()


@pytest.mark.parametrize("name", ["list.json", "seed", "run"])
@pytest.mark.parametrize("damage", [b"", b"nonsense", None], ids=["empty", "nonsense", "gone"])
def test_damaged_files_are_made_anew(tmp_path: Path, name: str, damage: bytes | None) -> None:
    """Nothing is known then, and nothing complete, so that all is read from the events."""
    folder = tmp_path / "ids"
    ids = IdentityIndex(folder)
    tell(ids, dict.fromkeys(keys(*range(100)), 1), 1)
    ids.flush()
    ids.close()
    (path,) = files_of(folder)[name]
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    again = IdentityIndex(folder)
    assert again.complete_to == 0
    assert ask(again, keys(*range(100))) == {}
    tell(again, {keys(5)[0]: 1}, 1)
    assert ask(again, keys(4, 5)) == {keys(5)[0]: Stored(1, 1)}
    again.close()


def test_a_seed_that_is_not_that_of_the_runs_is_noticed(tmp_path: Path) -> None:
    """With another one every id would be new; the files of two indexes can be mixed up."""
    for name in ("ids", "others"):
        with opened(tmp_path / name) as ids:
            tell(ids, dict.fromkeys(keys(*range(100)), 1), 1)
            ids.flush()
    (tmp_path / "ids" / "seed").write_bytes((tmp_path / "others" / "seed").read_bytes())
    with opened(tmp_path / "ids") as again:
        assert again.complete_to == 0


def test_beginning_anew_can_be_cut_off_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs are never listed with another seed than theirs."""
    write = files.write_safely
    for cut_off in range(3):
        folder = tmp_path / str(cut_off)
        with opened(folder) as ids:
            tell(ids, dict.fromkeys(keys(*range(100)), 1), 1)
            ids.flush()
        (folder / "CURRENT").write_bytes(b"")
        left = cut_off

        def cut(path: Path, content: bytes) -> None:
            nonlocal left
            if not left:
                raise OSError(5, "cut off")
            left -= 1
            write(path, content)

        with monkeypatch.context() as patched:
            patched.setattr(files, "write_safely", cut)
            patched.setattr(opening, "write_safely", cut)
            with contextlib.suppress(StoreFailed):
                IdentityIndex(folder).close()
        (folder / "CURRENT").unlink(missing_ok=True)
        with opened(folder) as again:
            known = len(ask(again, keys(*range(100))))
            assert (known, again.complete_to) in ((100, 1), (0, 0))


def test_commits_one_by_one_are_not_all_read_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many a run is made, however few ids they have."""
    monkeypatch.setattr(index, "_LOGGED_MAX", 50)
    with opened(tmp_path / "ids") as ids:
        for position in range(1, 521):
            tell(ids, {keys(position)[0]: 1}, position)
        wait_until(ids, lambda: not ids._waiting)
        assert ids._recent.times < 50
    with opened(tmp_path / "ids") as again:
        assert again._recent.times <= 1
        assert len(ask(again, keys(*range(1, 521)))) == 520


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
    for position in range(1, 11):
        numbers = range(position * 100, position * 100 + 100)
        tell(ids, dict.fromkeys(keys(*numbers), 1), position)
    ids.flush()
    wait_until(ids, lambda: first_to_join(ids._runs) is None)
    assert tries == 2
    assert len(ask(ids, keys(*range(100, 1_100)))) == 1_000


def test_a_run_that_is_out_of_order_is_noticed(tmp_path: Path) -> None:
    """As when a block of the file has been lost."""
    folder = tmp_path / "ids"
    ids = IdentityIndex(folder)
    tell(ids, dict.fromkeys(keys(*range(5000)), 1), 1)
    ids.flush()
    ids.close()
    (path,) = files_of(folder)["run"]
    content = bytearray(path.read_bytes())
    content[8192:12288] = bytes(4096)
    path.write_bytes(content)
    again = IdentityIndex(folder)
    assert again.complete_to == 0
    again.close()


def test_the_index_of_an_earlier_build_is_made_anew(tmp_path: Path) -> None:
    """Its files go; the events say what is to be known. So it is after a way back and forth."""
    folder = tmp_path / "ids"
    ids = IdentityIndex(folder)
    tell(ids, {keys(1)[0]: 1}, 1)
    ids.close()
    for name in ("CURRENT", "000012.sst", "LOCK"):
        (folder / name).write_bytes(b"x")
    again = IdentityIndex(folder)
    assert again.complete_to == 0
    assert ask(again, keys(1)) == {}
    again.close()
    assert files_of(folder).keys() == {"list.json", "seed", "log"}


def test_a_failed_write_is_told_to_the_writer(
    ids: IdentityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the log could not be written, nothing is answered as if all were well."""

    def full(_logged: object) -> None:
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


def test_a_directory_that_is_no_index_is_refused(tmp_path: Path) -> None:
    """A file in its place is an error that says which part can't be opened."""
    (tmp_path / "ids").write_text("not a directory")
    with pytest.raises(StoreFailed, match="index of event ids"):
        IdentityIndex(tmp_path / "ids")


@pytest.mark.usefixtures("_small")
def test_an_index_keeps_few_files(tmp_path: Path) -> None:
    """Joined runs and settled logs are deleted."""
    ids = IdentityIndex(tmp_path / "ids")
    for position in range(1, 81):
        tell(ids, dict.fromkeys(keys(*range(position * 100, position * 100 + 100)), 1), position)
    ids.flush()
    wait_until(ids, lambda: first_to_join(ids._runs) is None)
    assert sum(run.count for run in ids._runs) == 8_000
    ids.close()
    IdentityIndex(tmp_path / "ids").close()
    kinds = files_of(tmp_path / "ids")
    assert len(kinds["run"]) <= 9
    assert len(kinds["log"]) <= 2
    assert kinds.keys() == {"run", "log", "list.json", "seed"}
