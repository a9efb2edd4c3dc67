"""The files of the index of identities: damage, other builds, full disks, several threads.

In the flow: uses ``store.identities`` on a temporary directory.
Guarantee: whatever happens to the files, nothing is known that is not certain, and what is missing
is not called complete.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from livetally.errors import StoreFailed
from livetally.store.identities import IdentityIndex, Stored, files, index, opening
from livetally.store.identities.tidying import first_to_join
from tests.contract.indexes import (
    ask,
    files_of,
    keys,
    opened,
    tell,
    wait_until,
)


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
@pytest.mark.parametrize(
    "damage",
    [b"", b"nonsense", b'{"runs":["\xff"]}', None],
    ids=["empty", "nonsense", "bytes", "gone"],
)
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


def test_a_lost_log_is_noticed_although_nothing_was_complete_with_it(tmp_path: Path) -> None:
    """What was recorded beyond a gap, and then the rest: the older log is lost in a power cut."""
    folder = tmp_path / "ids"
    with opened(folder) as ids:
        tell(ids, {keys(1)[0]: 1}, 1)
        tell(ids, {keys(6)[0]: 1}, 6, complete_to=1)
    (older,) = files_of(folder)["log"]
    with opened(folder) as ids:
        tell(ids, {keys(8)[0]: 1}, 8)
    whole = older.read_bytes()
    older.write_bytes(whole[: len(whole) // 2])
    with opened(folder) as again:
        assert again.complete_to == 1
        assert set(ask(again, keys(1, 6, 8))) == set(keys(1))


def test_what_is_not_beyond_what_is_complete_outlives_the_machine(
    ids: IdentityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not be read from the events again; all else would."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    tell(ids, {keys(1)[0]: 1}, 5)
    assert not synced
    tell(ids, {keys(2)[0]: 1}, 5)
    assert len(synced) == 2  # the log, and the folder that names it


def test_a_settled_log_is_gone_when_that_is_told(tmp_path: Path) -> None:
    """So nobody else comes upon its file."""
    with opened(tmp_path / "ids") as ids:
        for position in range(1, 30):
            tell(ids, {keys(position)[0]: 1}, position)
            ids.flush()
            assert len(files.logs_of(tmp_path / "ids")) == 1
