"""Which form a client gets for what it says it takes, and when it has the answer already."""

from __future__ import annotations

import pytest

from livetally.api.accept import chosen_type, is_known, takes
from livetally.errors import NotAcceptable

OFFERED = ("application/json", "text/csv", "text/event-stream")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("image/png", "application/json"),
        ("text/csv", "text/csv"),
        ("*/*, text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.5, */*", "application/json"),
        ("application/json;q=0, */*", "text/csv"),
        ("application/json;q=0, text/csv;q=0, */*;q=0.1", "text/event-stream"),
        ("text/*;q=0.9, text/csv;q=0, application/*;q=0.1", "text/event-stream"),
    ],
)
def test_the_most_specific_range_says_how_much_a_form_is_wanted(accept: str, form: str) -> None:
    """What is refused by name is not let in by a pattern."""
    assert chosen_type(accept, OFFERED) == form


@pytest.mark.parametrize("accept", ["application/json;q=0", "*/*;q=0", "application/*;q=0.0"])
def test_what_is_refused_is_not_sent(accept: str) -> None:
    """Where nothing else is wanted either, there is no answer."""
    with pytest.raises(NotAcceptable, match="text/csv"):
        chosen_type(accept, OFFERED)


def test_a_stream_is_for_whoever_wants_it_more() -> None:
    """Whoever takes anything is answered once."""
    assert takes("text/event-stream", "text/event-stream", "application/json")
    assert not takes("*/*", "text/event-stream", "application/json")
    assert not takes("application/json;q=0, text/csv", "text/event-stream", "application/json")


@pytest.mark.parametrize("known", ["*", 'W/"a"', '"a"', '"b", "a"'])
def test_tags_are_compared_as_weak_ones(known: str) -> None:
    """With the mark or without it; the star is any."""
    assert is_known('W/"a"', known)
    assert not is_known('W/"c"', known.replace("*", '"x"'))
