"""A page's end comes back as it was given out."""

from __future__ import annotations

import pytest

from livetally.errors import BadInput
from livetally.query.cursors import read_cursor, write_cursor
from livetally.store.events.entities import Cursor

LONGEST = "\U0001f600" * 1_024


@pytest.mark.parametrize("value", [None, "5", LONGEST])
def test_a_page_ends_at_a_key_of_any_length(value: str | None) -> None:
    """Also at the longest subject, in characters of four bytes, sorted by such a text."""
    text = write_cursor((value, LONGEST), "name")
    assert read_cursor(text, Cursor, "name") == Cursor(value, LONGEST)
    with pytest.raises(BadInput, match="not one of this resource"):
        read_cursor(text, Cursor, "-name")
