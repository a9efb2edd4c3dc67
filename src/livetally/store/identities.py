"""The exact set of all identities ever stored, on disk, to recognise a duplicate at any age.

In the flow: asked and told by the writer for every commit; mended from the events table at start.
Guarantee: it never knows an identity that is not durably stored, and says up to which position it is
complete; what was stored after that position is read back from the events table before the first
commit. So a crash at any instruction leaves nothing out.

An LSM tree holds 16-byte keys with Bloom filters: a look-up costs microseconds at any size, memory
is the filters and a cache. Rejected: the events table itself (60 to 300 ms for 500 ids at 20 M rows)
and an in-memory set (100 bytes an id).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rocksdict import (
    BlockBasedOptions,
    Cache,
    Options,
    Rdict,
    WriteBatch,
)

from livetally.errors import StoreFailed

__all__ = ["IdentityIndex"]

# Shorter than any identity key, so that it can't be one.
_COMPLETE_TO = b"position"
_SUM_BYTES = 4
_BLOOM_BITS = 10
_CACHE_BYTES = 64 * 1024 * 1024


class IdentityIndex:
    """Maps identity keys to content sums. One thread at a time (the writer's)."""

    def __init__(self, directory: Path) -> None:
        """Open or create the index in ``directory``.

        Raises:
            StoreFailed: the files can't be opened.
        """
        try:
            self._db = Rdict(str(directory), _options())
        except Exception as error:
            raise StoreFailed(f"The index of event ids can't be opened: {error}.") from None

    @property
    def complete_to(self) -> int:
        """The position up to which every stored identity is in here."""
        value = self._db.get(_COMPLETE_TO)
        return int.from_bytes(value, "big") if value else 0

    def look_up(self, keys: Sequence[bytes]) -> list[int | None]:
        """Return the content sum stored with each key, None where the key is new. Blocks."""
        found = self._db[list(keys)]
        return [int.from_bytes(value, "big") if value else None for value in found]

    def record(self, keys: Sequence[bytes], sums: Sequence[int], position: int) -> None:
        """Add keys that are durably stored at ``position``, all or none of them. Blocks."""
        batch = WriteBatch(raw_mode=True)
        for key, content in zip(keys, sums, strict=True):
            batch.put(key, content.to_bytes(_SUM_BYTES, "big"))
        batch.put(_COMPLETE_TO, position.to_bytes(8, "big"))
        self._db.write(batch)

    def close(self) -> None:
        """Write everything out and release the files."""
        self._db.close()


def _options() -> Options:
    tables = BlockBasedOptions()
    tables.set_bloom_filter(_BLOOM_BITS, block_based=False)
    tables.set_block_cache(Cache(_CACHE_BYTES))
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(tables)
    return options
