"""The journal: what was appended is read back, what a crash cut off is not, damage is told.

In the flow: drives ``store.journal`` over real files.
Guarantee: each kind of damage is made to a file that was good before.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from livetally.errors import StoreFailed
from livetally.store.events import Encoded
from livetally.store.journal import Journal


def encoded(position: int) -> Encoded:
    """Return two columns that are different for each position."""
    ids = bytes([position]) * (10 + position)
    return Encoded(position, (("team", "UInt32", b"abcd"), ("id", "String", ids)))


def filled(folder: Path, *positions: int, file_bytes: int = 1_000_000) -> Journal:
    """Return a journal with commits at these positions."""
    journal = Journal(folder, file_bytes)
    for position in positions:
        journal.append(position, encoded(position))
    return journal


def positions_of(folder: Path) -> list[int]:
    """Return the positions that a new process would find."""
    return [entry.position for entry in Journal(folder).entries()]


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    """By another process, in order, byte for byte, whatever the number of files."""
    for name, file_bytes in (("one", 1_000_000), ("each", 1), ("some", 150)):
        filled(tmp_path / name, 3, 4, 5, 6, file_bytes=file_bytes)
        found = list(Journal(tmp_path / name).entries())
        assert [one.position for one in found] == [3, 4, 5, 6]
        assert [one.encoded for one in found] == [encoded(position) for position in (3, 4, 5, 6)]


def test_every_append_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file after each commit, and the folder whenever there is a new file in it."""
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    journal = Journal(tmp_path / "journal", file_bytes=150)
    monkeypatch.setattr(os, "fsync", fsync)
    for position in (1, 2, 3):
        journal.append(position, encoded(position))
    first, second = f"{1:020d}", f"{3:020d}"
    assert synced == ["journal", first, first, "journal", second]


@pytest.mark.parametrize("cut", [1, 20, 70, 80])
def test_what_was_cut_off_is_passed_over(tmp_path: Path, cut: int) -> None:
    """However much of the last commit is there: it was never acknowledged."""
    filled(tmp_path, 1, 2)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert positions_of(tmp_path) == [1]


def test_a_last_commit_that_was_half_written_is_passed_over(tmp_path: Path) -> None:
    """A machine that lost power may have written the end of a block before its beginning."""
    filled(tmp_path, 1, 2)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    assert positions_of(tmp_path) == [1]


def test_damage_before_a_whole_commit_is_told(tmp_path: Path) -> None:
    """What follows was acknowledged, and so was what is damaged: it is not passed over."""
    filled(tmp_path, 1, 2, 3)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for at in (0, 5, 14, 18, 22, 30, 60, 80):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(StoreFailed, match=r"damaged: .* at byte 0.*Put the file back"):
            positions_of(tmp_path)


def test_damage_over_the_last_two_is_told(tmp_path: Path) -> None:
    """Only the last one can have been cut off: the one before it was acknowledged."""
    filled(tmp_path, 1, 2, 3)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    starts = [at for at in range(len(whole)) if whole.startswith(b"LTJ1", at)]
    for first in (starts[1], starts[1] + 5, starts[1] + 40, starts[2] - 1):
        for end in (starts[2] + 20, starts[2] + 60):
            broken = bytearray(whole)
            for at in (first, end):
                broken[at] ^= 1
            path.write_bytes(broken)
            with pytest.raises(StoreFailed, match="damaged"):
                positions_of(tmp_path)


def test_another_version_is_told(tmp_path: Path) -> None:
    """Its commits are neither damaged nor cut off."""
    filled(tmp_path, 1)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"LTJ2" + path.read_bytes()[4:])
    with pytest.raises(StoreFailed, match="another version"):
        positions_of(tmp_path)


def test_what_looks_like_a_commit_in_one_that_was_cut_off_is_none(tmp_path: Path) -> None:
    """Values are whatever somebody has sent."""
    journal = filled(tmp_path, 1)
    looks = b"LTJ1" + (3).to_bytes(8, "little") + bytes(40)
    journal.append(2, Encoded(1, (("data", "String", looks),)))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert positions_of(tmp_path) == [1]


def test_a_cut_off_file_before_another_one_is_told(tmp_path: Path) -> None:
    """The next file was begun when this one was whole."""
    filled(tmp_path, 1, 2, file_bytes=1)
    first = min(tmp_path.iterdir())
    first.write_bytes(first.read_bytes()[:-1])
    with pytest.raises(StoreFailed, match="damaged"):
        positions_of(tmp_path)


def test_what_the_store_has_is_let_go(tmp_path: Path) -> None:
    """File by file, as soon as the store has all that is in one; the newest one stays."""
    journal = filled(tmp_path, 1, 2, 3, 4, 5, file_bytes=150)
    for position, left in ((0, [1, 3, 5]), (1, [1, 3, 5]), (2, [3, 5]), (3, [3, 5]), (9, [5])):
        journal.let_go(position)
        assert sorted(int(path.name) for path in tmp_path.iterdir()) == left


def test_a_cleared_journal_goes_on(tmp_path: Path) -> None:
    """Nothing is left of what was there, not even of an earlier process; more can be appended."""
    filled(tmp_path, 1, 2, file_bytes=1).close()
    journal = Journal(tmp_path)
    empty = [journal.is_empty]  # of its own
    journal.append(3, encoded(3))
    empty.append(journal.is_empty)
    journal.clear()
    empty.append(journal.is_empty)
    assert empty == [True, False, True]
    assert not list(tmp_path.iterdir())
    journal.append(4, encoded(4))
    journal.close()
    assert positions_of(tmp_path) == [4]


def test_it_says_why_it_can_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, and a disk whose fsync fails, are told in the words of the system."""
    journal = filled(tmp_path, 1)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", full)
        with pytest.raises(StoreFailed, match=r"can't be written: .*No space left"):
            journal.append(2, encoded(2))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFailed, match="Cannot fsync the journal"):
        journal.append(2, encoded(2))


def test_a_write_that_was_cut_short_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may take less than it is given."""
    write = os.write
    monkeypatch.setattr(os, "writev", lambda to, parts: write(to, parts[0][:5]))
    monkeypatch.setattr(os, "write", lambda to, part: write(to, bytes(part[:7])))
    filled(tmp_path, 1, 2)
    assert positions_of(tmp_path) == [1, 2]


def test_a_commit_of_very_many_columns_is_written(tmp_path: Path) -> None:
    """A system takes a thousand pieces at once; a team may declare more."""
    many = Encoded(1, tuple((f"c{number}", "UInt8", b"x") for number in range(3_000)))
    Journal(tmp_path).append(1, many)
    assert [one.encoded for one in Journal(tmp_path).entries()] == [many]
