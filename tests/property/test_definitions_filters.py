"""A filter survives being written and read, and no text is read as something it isn't.

In the flow: hypothesis draws filters and texts made of the grammar's own characters.
Guarantee: what a link of the console or a stored definition says is what is asked.
"""

from __future__ import annotations

import contextlib

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from livetally.definitions import Filter, Op, format_filter, parse_filter, parse_reference
from livetally.errors import BadInput

characters = st.characters(exclude_categories=["Cs"])
values = st.one_of(st.text(characters, max_size=12), st.text('.,*"<>=!: \\\n\x85a1', max_size=12))
plain_fields = st.sampled_from(["subject", "source", "type", "id", "carrier", "data.type", "a.b.c"])
odd_fields = st.lists(values, min_size=1, max_size=3).map(
    lambda keys: parse_reference(
        ".".join(["data", *(msgspec.json.encode(key).decode() for key in keys)]), "where"
    )
)
fields = plain_fields | odd_fields
single = st.sampled_from([Op.GT, Op.GE, Op.LT, Op.LE, Op.PREFIX])
filters = st.one_of(
    st.builds(
        Filter,
        fields,
        st.just(Op.IN),
        st.lists(values, min_size=1, max_size=5).map(tuple),
        st.booleans(),
    ),
    st.builds(Filter, fields, single, st.tuples(values), st.booleans()),
    st.builds(Filter, fields, st.just(Op.RANGE), st.tuples(values, values), st.booleans()),
    st.builds(Filter, fields, st.just(Op.EXISTS), st.just(()), st.booleans()),
)


@given(filters)
def test_what_is_written_is_read_as_the_same_filter(filter_: Filter) -> None:
    """Whatever characters its field and values have."""
    assert parse_filter(format_filter(filter_)) == filter_


@given(st.text(characters) | st.text('ab.:,*"<>=!5 \\').map(lambda text: f"a:{text}"))
def test_any_text_is_a_filter_or_bad_input(text: str) -> None:
    """What is read has one canonical text; everything else is refused with the reason."""
    filter_ = None
    with contextlib.suppress(BadInput):
        filter_ = parse_filter(text)
    if filter_ is not None:
        assert parse_filter(format_filter(filter_)) == filter_
