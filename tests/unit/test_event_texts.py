"""Byte strings of one size are what a list of them is: to read, as keys, in the engine's format.

In the flow: calls ``event.texts`` and what treats its classes in a way of their own.
Guarantee: every result is compared with that of the same values in lists.
"""

from __future__ import annotations

import numpy as np
import pytest

from livetally.event import identity_keys
from livetally.event.identity import KEY_BYTES_MAX
from livetally.event.texts import SameSize, Texts
from livetally.store.events import native


def rows(*values: bytes) -> SameSize:
    """Return values of one size."""
    chars = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), -1)
    return SameSize(chars.copy())


@pytest.mark.parametrize("size", [1, 7, 127, 128, 255])
def test_rows_are_a_sequence_and_are_written_like_one(size: int) -> None:
    """Also with zeros in them, and beyond what a size in one byte can say."""
    values = [bytes([number]) * (size - 1) + b"\0" for number in range(3)]
    held = rows(*values)
    assert (len(held), held.size) == (3, size)
    assert list(held) == values
    assert [held[0], held[2]] == [values[0], values[2]]
    assert list(held[1:]) == values[1:]
    assert native.strings(held) == native.strings(values)
    assert native.strings(held[1:]) == native.strings(values[1:])
    texts = Texts(rows(*[b"x" * size] * 3))
    assert native.texts(texts) == native.texts(["x" * size] * 3)
    assert list(texts[1:]) == ["x" * size] * 2


@pytest.mark.parametrize("source_bytes", [1, 4, 50, 60])
@pytest.mark.parametrize("id_bytes", [1, 36, 37])
def test_keys_of_rows_are_those_of_lists(source_bytes: int, id_bytes: int) -> None:
    """Of one size, unless they would be too long; and where only the ids are of one size."""
    sources = [bytes([letter]) * source_bytes for letter in b"aba"]
    ids = [b"%d" % number * id_bytes for number in range(3)]
    expected = identity_keys(258, [source.decode() for source in sources], ids)
    assert list(identity_keys(258, Texts(rows(*sources)), rows(*ids))) == expected
    assert list(identity_keys(258, Texts(sources), rows(*ids))) == expected
    assert list(identity_keys(258, Texts(rows(*sources)), ids)) == expected
    assert max(map(len, expected)) <= KEY_BYTES_MAX
