"""What recognising a duplicate costs: time, memory and disk for each id, as the ids grow.

In the flow: run by hand: ``python benchmarks/bench_identities.py [--quick | --large | --of DIR]``;
``--large`` goes to 100 million ids and takes long; ``--of`` takes a copy of the index in the folder
``identities`` of a server that is stopped, and adds a million random ids to it.
Guarantee: ids as ingest makes keys of them, 10,000 a commit, every one looked up and then recorded;
the baseline is a dictionary in memory with the same keys, at the first size.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from livetally.event import identity_keys
from livetally.store.identities import IdentityIndex

COMMIT = 10_000
SIZES: tuple[int, ...] = (200_000,) if "--quick" in sys.argv else (1_000_000, 10_000_000)
if "--large" in sys.argv:
    SIZES = (1_000_000, 10_000_000, 100_000_000)
Maker = Callable[[int], bytes]


def rss_mib() -> float:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def dictionary(make: Maker, count: int) -> tuple[float, float]:
    """Return the microseconds and bytes for each id of a dictionary."""
    tracemalloc.start()
    keys = identity_keys(1, ["till"] * count, [make(number) for number in range(count)])
    known: dict[bytes, int] = {}
    begun = time.perf_counter()
    for key in keys:
        if key not in known:
            known[key] = 1
    took = time.perf_counter() - begun
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return took / count * 1e6, size / count


def index(make: Maker, name: str, sizes: tuple[int, ...], folder: Path | None = None) -> None:
    """Grow an index, or a copy of the one in ``folder``, and print its costs at each size."""
    with tempfile.TemporaryDirectory() as place:
        started_mib = rss_mib()
        if folder:
            shutil.copytree(folder, place, dirs_exist_ok=True)
        known = IdentityIndex(Path(place))
        sums = np.arange(COMMIT, dtype=np.uint32)
        number = held = 0
        if folder:
            held = known.entries
            print(f"{held:,} ids are there")
        for size in sizes:
            looking = recording = 0.0
            first, begun = number, time.process_time()
            while number < size:
                ids = [make(i) for i in range(number, number + COMMIT)]
                keys = identity_keys(1, ["till"] * COMMIT, ids)
                at = time.perf_counter()
                hashed = known.hashed([keys])
                if len(known.look_up(hashed).places):
                    raise SystemExit("a new id was called known")
                then = time.perf_counter()
                known.record(hashed, sums, number // COMMIT + 1)
                recording += time.perf_counter() - then
                looking += then - at
                number += COMMIT
            known.flush()
            spent = time.process_time() - begun
            count = number - first
            known.close()
            at = time.perf_counter()
            known = IdentityIndex(Path(place))
            opening = time.perf_counter() - at
            disk = sum(file.stat().st_size for file in Path(place).iterdir())
            print(
                f"{name} {held + size:>11,} ids: look-up {looking / count * 1e6:.2f} us,"
                f" record {recording / count * 1e6:.2f} us, processor {spent / count * 1e6:.2f} us"
                f" an id; {disk / (held + number):.0f} bytes an id on disk,"
                f" {rss_mib() - started_mib:.0f} MiB of memory, opened in {opening:.2f} s"
            )
        known.close()


def main() -> None:
    """Print the dictionary's cost and the index's, for random and for ordered ids."""
    rng = random.Random(1)

    def scattered(_number: int) -> bytes:
        return b"%036x" % rng.getrandbits(128)

    def ordered(number: int) -> bytes:
        return b"order-%012d" % number

    if "--of" in sys.argv:
        rng.seed()
        index(scattered, "random", (1_000_000,), Path(sys.argv[sys.argv.index("--of") + 1]))
        return
    for name, make in (("random", scattered), ("ordered", ordered)):
        us, size = dictionary(make, min(SIZES[0], 200_000))
        print(f"baseline, a dictionary, {name}: {us:.2f} us and {size:.0f} bytes of memory an id")
        index(make, name, SIZES)


if __name__ == "__main__":
    main()
