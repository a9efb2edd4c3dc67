"""The index of identities: exact, at any age, in memory, logs and runs.

In the flow: uses ``store.identities`` on a temporary directory.
Guarantee: the same questions are asked of identities in memory, logs, runs and joined runs.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from livetally.ingest import sort_out
from livetally.store.identities import Columns, Hashed, IdentityIndex, Recent, Stored, index
from livetally.store.identities.filters import HASHES_A_WORD, Filter
from livetally.store.identities.hashing import SEED_BYTES, Hasher
from livetally.store.identities.tidying import first_to_join
from tests.contract.indexes import ask, keys, tell, wait_until


def test_a_new_index_knows_nothing(ids: IdentityIndex) -> None:
    """No key is known, and nothing is complete."""
    assert ask(ids, keys(1, 2)) == {}
    assert ask(ids, []) == {}
    assert ids.complete_to == 0


def test_a_message_without_events_has_nothing_new(ids: IdentityIndex) -> None:
    """As one of a log that only has ids forgotten."""
    parted = sort_out([], ids)
    assert (parted.new, parted.places, parted.known) == (0, [], [])
    assert not len(parted.hashed.high)


@pytest.mark.parametrize("flushed", [False, True], ids=["in memory", "in a run"])
def test_what_was_recorded_is_found(ids: IdentityIndex, flushed: bool) -> None:  # noqa: FBT001
    """With its sum and position, whether it is in a run or not, and nothing else."""
    tell(ids, dict(zip(keys(1, 2), [0, 2**32 - 1], strict=True)), 7)
    tell(ids, {keys(3)[0]: 5}, 2**39)
    if flushed:
        ids.flush()
    assert ids.complete_to == 2**39
    assert ids.entries == 3
    assert ask(ids, keys(4, 3, 2, 1, 0)) == {
        keys(1)[0]: Stored(0, 7),
        keys(2)[0]: Stored(2**32 - 1, 7),
        keys(3)[0]: Stored(5, 2**39),
    }


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("in_order", [True, False], ids=["closed", "killed"])
def test_a_reopened_index_is_the_same(tmp_path: Path, in_order: bool) -> None:  # noqa: FBT001
    """What is in no run is in logs; so it is when nobody closes it."""
    first = IdentityIndex(tmp_path / "ids")
    for position in range(1, 551):
        tell(first, {keys(position)[0]: position}, position)
    wait_until(first, lambda: not first._waiting and first_to_join(first._runs) is None)
    folder = tmp_path / "ids"
    if not in_order:
        with first._listing:
            folder = shutil.copytree(folder, tmp_path / "as it was")
    first.close()
    for _ in range(3):
        again = IdentityIndex(folder)
        assert again.complete_to == 550
        known = ask(again, keys(*range(560)))
        assert known == {keys(number)[0]: Stored(number, number) for number in range(1, 551)}
        again.close()


@pytest.mark.usefixtures("_small")
def test_many_keys_in_any_order(tmp_path: Path) -> None:
    """Of random keys exactly the recorded ones are known, over many commits, runs and restarts."""
    rng = random.Random(4711)
    known: dict[bytes, Stored] = {}
    ids = IdentityIndex(tmp_path / "ids")
    for position in range(1, 60):
        fresh = [rng.randbytes(rng.randrange(7, 97)) for _ in range(rng.randrange(1, 90))]
        sums = [rng.randrange(2**32) for _ in fresh]
        tell(ids, dict(zip(fresh, sums, strict=True)), position)
        known |= {key: Stored(total, position) for key, total in zip(fresh, sums, strict=True)}
        asked = rng.sample(sorted(known), len(known) // 2) + [rng.randbytes(20) for _ in range(99)]
        rng.shuffle(asked)
        assert ask(ids, asked) == {key: known[key] for key in asked if key in known}
        if not position % 20:
            ids.close()
            ids = IdentityIndex(tmp_path / "ids")
    ids.flush()
    assert ask(ids, sorted(known)) == known
    wait_until(ids, lambda: first_to_join(ids._runs) is None)
    assert ask(ids, sorted(known)) == known
    assert ids.entries == len(known)
    ids.close()


def test_forgetting_all_begins_anew(tmp_path: Path) -> None:
    """Nothing is known afterwards, and recording goes on, also after a restart."""
    ids = IdentityIndex(tmp_path / "ids")
    tell(ids, {keys(1)[0]: 1}, 9)
    ids.forget_all()
    assert ids.complete_to == 0
    assert ask(ids, keys(1)) == {}
    tell(ids, {keys(2)[0]: 1}, 1)
    ids.close()
    again = IdentityIndex(tmp_path / "ids")
    assert again.complete_to == 1
    assert ask(again, keys(1, 2)) == {keys(2)[0]: Stored(1, 1)}
    again.close()


@pytest.mark.usefixtures("_small")
def test_what_is_forgotten_is_gone_from_the_files(tmp_path: Path) -> None:
    """Of a forgotten key neither the hash is left, nor what was known; all others are."""
    ids = IdentityIndex(tmp_path / "ids")
    everybody = dict.fromkeys(keys(*range(350)), 3)
    for start in range(0, 350, 50):
        tell(ids, dict.fromkeys(keys(*range(start, start + 50)), 3), start + 1)
    gone = keys(0, 17, 349)
    traces = [int(high).to_bytes(8, "little") for high in ids.hashed([gone]).high]
    ids.forget(gone)
    assert set(ask(ids, sorted(everybody))) == everybody.keys() - set(gone)
    ids.scrub()
    assert set(ask(ids, sorted(everybody))) == everybody.keys() - set(gone)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "ids").iterdir())
    assert not [trace for trace in traces if trace in kept]
    (other,) = ids.hashed([keys(1)]).high
    assert int(other).to_bytes(8, "little") in kept
    ids.close()
    again = IdentityIndex(tmp_path / "ids")
    assert set(ask(again, sorted(everybody))) == everybody.keys() - set(gone)
    tell(again, {gone[0]: 4}, 400)
    assert ask(again, gone) == {gone[0]: Stored(4, 400)}
    again.close()


@pytest.mark.usefixtures("_small")
def test_everything_can_be_forgotten_and_come_again(ids: IdentityIndex) -> None:
    """An empty run is one like others; what comes again is what holds."""
    for number in range(3):
        tell(ids, dict.fromkeys(keys(*range(120)), number), number + 1)
        assert set(ask(ids, keys(*range(120))).values()) == {Stored(number, number + 1)}
        ids.forget(keys(*range(120)))
        assert ask(ids, keys(*range(120))) == {}
        ids.scrub()
    assert ids.entries == 0


def test_what_may_have_gaps_is_known_but_not_complete(ids: IdentityIndex) -> None:
    """Keys beyond it are known; who completes the index begins where nothing is missing."""
    tell(ids, {keys(1)[0]: 1}, 9, complete_to=4)
    ids.flush()
    assert ask(ids, keys(1))[keys(1)[0]].position == 9
    assert ids.complete_to == 4


@pytest.mark.usefixtures("_small")
def test_what_is_recorded_twice_is_kept_once(ids: IdentityIndex) -> None:
    """As when an index is completed a second time."""
    for _ in range(5):
        tell(ids, dict.fromkeys(keys(*range(100)), 1), 1)
    ids.flush()
    ids.scrub()
    assert ids.entries == 100
    assert len(ask(ids, keys(*range(100)))) == 100


def test_keys_that_share_half_a_hash_are_told_apart(ids: IdentityIndex) -> None:
    """Whether the one, the other or neither is known; a chance of one in 2**64 for each pair."""
    high = np.array([5, 5, 5, 7], np.uint64)
    low = np.array([3, 1, 2, 9], np.uint64)
    asked = Hashed(high, low, np.arange(4))
    assert asked.repeats
    sums = np.array([30, 10, 20, 90], np.uint32)
    known = Recent()
    known.add(Columns.of(asked.among([1, 2]), sums, 4))
    known.add(Columns.of(asked.among([3]), sums, 5))
    expected = {1: Stored(10, 4), 2: Stored(20, 4), 3: Stored(90, 5)}
    assert known.look_up(asked).by_place() == expected
    ids.record(asked.among([1, 2]), sums, 4)
    ids.record(asked.among([3]), sums, 5)
    ids.flush()
    ids.scrub()
    assert ids.look_up(asked).by_place() == expected


def test_keys_that_are_alike_have_different_hashes() -> None:
    """Zeros at the end, lengths, neighbours; and other coefficients give others."""
    texts = [b"", b"\0", b"\0\0", b"\0" * 5, b"a", b"a\0", b"ab", b"ba", b"a" * 95, b"a" * 96]
    texts += [b"id-%d" % number for number in range(10_000)]
    first, second = (Hasher(random.Random(seed).randbytes(SEED_BYTES)) for seed in (1, 2))
    for hasher in (first, second):
        hashed = hasher.hashed([texts])
        assert len({*zip(hashed.high.tolist(), hashed.low.tolist(), strict=True)}) == len(texts)
        one = hasher.hashed([texts[3:4]])
        at = hashed.places.tolist().index(3)
        assert (one.high[0], one.low[0]) == (hashed.high[at], hashed.low[at])
    assert first.hashed([[b"a"]]).high != second.hashed([[b"a"]]).high


def test_hashes_are_spread_evenly() -> None:
    """Each of the 128 bits is set for about half of the keys."""
    hashed = Hasher(random.Random(5).randbytes(SEED_BYTES)).hashed([keys(*range(20_000))])
    for half in (hashed.high, hashed.low):
        for bit in range(64):
            share = float(((half >> np.uint64(bit)) & np.uint64(1)).mean())
            assert 0.47 < share < 0.53, bit


def test_the_filter_knows_what_was_added_and_little_else() -> None:
    """Full, it takes one unseen hash in a hundred for a known one at most."""
    rng = np.random.default_rng(3)
    made = Filter(100_000)
    seen = np.sort(rng.integers(0, 2**64, made.room, np.uint64))
    for part in np.array_split(seen, 7):
        made.add(part)
    assert len(made.may_know(seen)) == len(seen)
    unseen = rng.integers(0, 2**64, 100_000, np.uint64)
    assert len(made.may_know(unseen)) < 1_000
    assert made.room % HASHES_A_WORD == 0


def test_the_filter_grows_with_the_index(
    ids: IdentityIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And knows what came while the larger one was made."""
    monkeypatch.setattr(index, "_RECENT_MAX", 4_000)
    small = ids._filter = Filter(1)
    known: dict[bytes, int] = {}
    for position in range(1, 12):
        fresh = dict.fromkeys(keys(*range(position * 2000, position * 2000 + 2000)), 1)
        tell(ids, fresh, position)
        known |= fresh
    wait_until(ids, lambda: ids._filter is not small and ids.entries <= ids._filter.room)
    assert len(ask(ids, sorted(known))) == len(known)


@pytest.mark.parametrize(
    ("counts", "first"),
    [
        ([], None),
        ([1], None),
        ([1, 1, 1], None),
        ([1, 1, 1, 1], 0),
        ([100, 1, 1, 1], None),
        ([100, 1, 1, 1, 1], 1),
        ([8, 4, 4, 4], 0),
        ([25, 4, 4, 4], None),
        ([0, 0, 0, 0], 0),
    ],
)
def test_runs_of_like_size_are_joined(counts: list[int], first: int | None) -> None:
    """Four of them, and a larger one when the newer have half of it."""

    class _Counted:
        def __init__(self, count: int) -> None:
            self.count = count

    assert first_to_join([_Counted(count) for count in counts]) == first  # type: ignore[misc]
