"""Parameters that several resources share are read once, and bounded."""

from __future__ import annotations

import pytest

from livetally.errors import BadInput
from livetally.query.parameters import least_position, page_limit, whole_number
from livetally.query.spec import parse_query

LONG = "0" * 9 + "1" + "0" * 5_000


@pytest.mark.parametrize("limit", [LONG, "0" * 9 + "1001", "0", "0" * 5_000, "1" * 5_000, "", "-1"])
def test_a_page_is_never_longer_than_its_bound(limit: str) -> None:
    """However many zeros stand in front, and however many digits behind."""
    with pytest.raises(BadInput, match="whole number from 1 to 1000"):
        page_limit({"limit": [limit]})


@pytest.mark.parametrize("name", ["limit", "top", "min_position"])
@pytest.mark.parametrize("text", ["0" * 19 + "1" + "0" * 5_000, "9" * 5_000, "\u0661"])
def test_a_number_of_a_question_is_never_beyond_its_bound(name: str, text: str) -> None:
    """Python refuses to read more than 4,300 digits: that is no error of the server."""
    with pytest.raises(BadInput, match="whole number from"):
        parse_query("taps", {name: [text], "by": ["subject"]})


def test_zeros_in_front_do_not_count() -> None:
    """They make no other number, of which less would be waited for."""
    zeros = "0" * 5_000
    assert page_limit({"limit": [f"{zeros}1000"]}) == 1000
    assert least_position({"min_position": [f"{zeros}4711"]}) == 4711
    assert least_position({"min_position": ["9" * 5_000]}) == 2**63 - 1
    assert parse_query("taps", {"limit": [f"{zeros}7"]}).limit == 7
    assert [whole_number(text) for text in ("0", "007", "+7", "")] == [0, 7, None, None]
