"""An instant survives being written and read.

In the flow: hypothesis draws instants and zones; Python's own parser is the second reader.
Guarantee: no microsecond is lost between an answer's ``time`` and the next question's ``from``.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from livetally.calendar import (
    MAX_US,
    MIN_US,
    find_zone,
    from_us,
    label,
    labels,
    parse_instant,
    to_us,
)
from livetally.calendar.zones import _names
from livetally.errors import BadInput

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

zones = st.sampled_from(sorted(_names())).map(find_zone)
instants = st.integers(MIN_US, MAX_US)
written_like_an_instant = st.from_regex(
    r"\A[0-9]{1,5}(-[0-9]{1,2}){0,3}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?"
    r"([Zz]|[-+ ][0-9]{2}:[0-9]{2})?\Z"
)


@given(instants, zones)
def test_what_is_written_is_read_as_the_same_instant(instant_us: int, zone: ZoneInfo) -> None:
    """A label is read back exactly, by us and by Python, in any other zone's context."""
    text = label(instant_us, zone)
    assert parse_instant(text, find_zone("Pacific/Apia"), "from") == instant_us
    assert to_us(datetime.fromisoformat(text)) == instant_us


@given(instants, zones)
def test_label_shows_the_local_clock(instant_us: int, zone: ZoneInfo) -> None:
    """A label is Python's own text of the instant wherever the offset has no odd seconds."""
    local = from_us(instant_us).astimezone(zone)
    offset = local.utcoffset()
    if offset is not None and not offset.seconds % 60:
        assert label(instant_us, zone) == local.isoformat()


@given(st.lists(instants), zones)
def test_labels_in_bulk_are_the_single_ones(instants_us: list[int], zone: ZoneInfo) -> None:
    """Labels of many instants, in any order, are the labels of each."""
    assert labels(instants_us, zone) == [label(us, zone) for us in instants_us]


@given(st.text() | written_like_an_instant, zones)
def test_any_text_is_read_or_refused(text: str, zone: ZoneInfo) -> None:
    """Whatever is sent becomes an instant within the bounds, or bad input, and nothing else."""
    with contextlib.suppress(BadInput):
        assert MIN_US <= parse_instant(text, zone, "to") <= MAX_US
