"""The index of identities: exact, at any age, through restarts.

In the flow: uses ``store.identities`` on a temporary directory.
Guarantee: the same questions are asked of unwritten, written and reopened identities.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from livetally.errors import StoreFailed
from livetally.store import identities
from livetally.store.identities import IdentityIndex, Stored, _Unwritten


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IdentityIndex]:
    """Open an index in a new directory."""
    opened = IdentityIndex(tmp_path / "ids")
    yield opened
    opened.close()


def keys(*numbers: int) -> list[bytes]:
    """Return keys for numbers."""
    return [b"team%08d" % number for number in numbers]


def told(number: int, content: int) -> dict[bytes, int]:
    """Return what is recorded of the key for a number."""
    return {keys(number)[0]: content}


def test_a_new_index_knows_nothing(index: IdentityIndex) -> None:
    """No key is known, and nothing is complete."""
    assert index.look_up(keys(1, 2)) == {}
    assert index.look_up([]) == {}
    assert index.complete_to == 0


@pytest.mark.parametrize("flushed", [False, True], ids=["unwritten", "written"])
def test_what_was_recorded_is_found(index: IdentityIndex, flushed: bool) -> None:  # noqa: FBT001
    """With its sum and position, whether it has reached the files or not, and nothing else."""
    index.record(dict(zip(keys(1, 2), [0, 2**32 - 1], strict=True)), 7)
    index.record(told(3, 5), 2**39)
    if flushed:
        index.flush()
        assert index.complete_to == 2**39
    assert index.look_up(keys(4, 3, 2, 1, 0)) == {
        keys(1)[0]: Stored(0, 7),
        keys(2)[0]: Stored(2**32 - 1, 7),
        keys(3)[0]: Stored(5, 2**39),
    }


def test_a_reopened_index_is_the_same(tmp_path: Path) -> None:
    """Closing writes everything out."""
    first = IdentityIndex(tmp_path / "ids")
    for position in range(1, 101):
        first.record(told(position, position), position)
    first.close()
    second = IdentityIndex(tmp_path / "ids")
    assert second.complete_to == 100
    assert second.look_up(keys(100, 101)) == {keys(100)[0]: Stored(100, 100)}
    second.close()


def test_many_keys_in_any_order(index: IdentityIndex) -> None:
    """Of random keys exactly the recorded ones are known, over many commits."""
    rng = random.Random(4711)
    known: dict[bytes, Stored] = {}
    for position in range(1, 30):
        fresh = [rng.randbytes(rng.randrange(7, 90)) for _ in range(2000)]
        sums = [rng.randrange(2**32) for _ in fresh]
        index.record(dict(zip(fresh, sums, strict=True)), position)
        known |= {key: Stored(total, position) for key, total in zip(fresh, sums, strict=True)}
    asked = rng.sample(sorted(known), 3000) + [rng.randbytes(20) for _ in range(3000)]
    rng.shuffle(asked)
    expected = {key: known[key] for key in asked if key in known}
    assert index.look_up(asked) == expected
    index.flush()
    assert index.look_up(asked) == expected


def test_forgetting_begins_anew(index: IdentityIndex) -> None:
    """Nothing is known afterwards, and recording goes on."""
    index.record(told(1, 1), 9)
    index.forget_all()
    assert index.complete_to == 0
    assert index.look_up(keys(1)) == {}
    index.record(told(2, 1), 1)
    index.flush()
    assert index.complete_to == 1


def test_what_may_have_gaps_is_known_but_not_complete(index: IdentityIndex) -> None:
    """Keys beyond it are known; who completes the index begins where nothing is missing."""
    index.record(told(1, 1), 9, complete_to=4)
    index.flush()
    assert index.look_up(keys(1))[keys(1)[0]].position == 9
    assert index.complete_to == 4


def test_commits_are_gathered_and_each_keeps_its_position(
    index: IdentityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is gathered is known before it is written, and written in one step, all of it."""
    written: list[int] = []
    write = index._write

    def counted(work: _Unwritten) -> None:
        written.append(len(work.values))
        write(work)

    monkeypatch.setattr(index, "_write", counted)
    monkeypatch.setattr(identities, "_GATHERED_S", 60.0)
    expected = {keys(number)[0]: Stored(number, number) for number in range(1, 6)}
    for number in range(1, 6):
        index.record(told(number, number), number)
    assert index.look_up(keys(1, 2, 3, 4, 5, 6)) == expected
    assert index.complete_to == 0
    index.flush()
    assert sum(written) == 5
    assert len(written) < 5
    assert index.look_up(keys(1, 2, 3, 4, 5, 6)) == expected
    assert index.complete_to == 5


def test_a_full_gathering_is_written_at_once(
    index: IdentityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who records more than may wait is held up until it is written."""
    monkeypatch.setattr(identities, "_GATHERED_S", 60.0)
    monkeypatch.setattr(identities, "_GATHERED_KEYS", 10)
    monkeypatch.setattr(identities, "_UNWRITTEN_KEYS_MAX", 10)
    for number in range(1, 101):
        index.record(told(number, number), number)
    index.flush()
    assert index.complete_to == 100


def test_a_failed_write_is_told_to_the_writer(
    index: IdentityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the files could not be written, nothing is answered as if all were well."""

    def full(_commit: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index, "_write", full)
    index.record(told(1, 1), 1)
    with pytest.raises(StoreFailed, match="No space left"):
        index.flush()
    with pytest.raises(StoreFailed, match="No space left"):
        index.look_up(keys(1))
    with pytest.raises(StoreFailed, match="No space left"):
        index.record(told(2, 1), 2)


def test_a_directory_that_is_no_index_is_refused(tmp_path: Path) -> None:
    """A file in its place is an error that says which part can't be opened."""
    (tmp_path / "ids").write_text("not a directory")
    with pytest.raises(StoreFailed, match="index of event ids"):
        IdentityIndex(tmp_path / "ids")


def _bare_files(folder: Path, keys: list[bytes]) -> None:
    """Write an index as builds did that lost its filters."""
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    files = Rdict(str(folder), options)
    for key in keys:
        files[key] = (7).to_bytes(4, "big") + (3).to_bytes(5, "big")
    files.flush()
    files.close()


def test_filters_outlive_restarts(tmp_path: Path) -> None:
    """The driver would open known files with what they say, and that leaves the filter out."""
    for start in range(4):
        index = IdentityIndex(tmp_path / "ids")
        index.record({b"%d-%d" % (start, number): 1 for number in range(1_000)}, start + 1)
        index.flush()
        index._db.flush()
        assert not index.lacks_filters, f"after {start} restarts"
        index.close()
    (newest,) = sorted((tmp_path / "ids").glob("OPTIONS-*"))[-1:]
    assert "filter_policy=bloomfilter" in newest.read_text(encoding="utf-8")


def test_files_without_filters_are_given_them_beside_the_commits(tmp_path: Path) -> None:
    """Also when the first try is cut off; and everything is known meanwhile."""
    keys = [b"key-%06d" % number for number in range(50_000)]
    _bare_files(tmp_path / "ids", keys)
    first = IdentityIndex(tmp_path / "ids")
    assert first.lacks_filters
    assert first.look_up(keys[:2]) == {key: Stored(7, 3) for key in keys[:2]}
    first.record({b"new": 8}, 4)
    first.close()
    second = IdentityIndex(tmp_path / "ids")
    if second.lacks_filters:
        second._mending.join()
    assert not second.lacks_filters
    assert len(second.look_up(keys)) == len(keys)
    assert second.look_up([b"new"]) == {b"new": Stored(8, 4)}
    second.close()


@pytest.mark.parametrize("how", ["reopen", "forget_all"])
def test_files_can_be_let_go_while_they_are_given_filters(tmp_path: Path, how: str) -> None:
    """By an erasure, and by a start that finds the index ahead of the events."""
    keys = [b"key-%06d" % number for number in range(200_000)]
    _bare_files(tmp_path / "ids", keys)
    index = IdentityIndex(tmp_path / "ids")
    getattr(index, how)()
    assert len(index.look_up(keys[:10])) == (10 if how == "reopen" else 0)
    index.record({b"new": 8}, 4)
    index.flush()
    assert index.look_up([b"new"]) == {b"new": Stored(8, 4)}
    index.close()
