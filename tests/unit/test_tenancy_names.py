"""Which names, texts and settings are taken, and which are refused with the field's name.

In the flow: asks ``tenancy`` what api and cli would ask.
Guarantee: nothing passes that one of the databases would store differently from the others.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from livetally.errors import BadInput
from livetally.tenancy import (
    MovingWindow,
    TeamSettings,
    check_key_name,
    check_team_name,
    check_team_settings,
)
from livetally.tenancy.names import check_meta_name, check_text

HOSTILE = [
    "",
    " ",
    "a b",
    "a\n",
    "\na",
    "a\0",
    "\uff41",
    "é",
    "a'",
    'a"',
    "a;b",
    "a%",
    "a/../b\\",
    "²",
]


@pytest.mark.parametrize(
    ("check", "field", "taken"),
    [
        (check_team_name, "name", ["a", "0", "blue-2", "a" * 63]),
        (check_meta_name, "name", ["source/prizes", "a:b.c-d_e", "a" * 190]),
    ],
)
def test_names(check: Callable[[str], str], field: str, taken: list[str]) -> None:
    """Plain names pass unchanged; all others are refused with the field that has them."""
    for name in taken:
        assert check(name) == name
    for name in [*HOSTILE, "A", "-a", "_a", "a" * 191, f"{taken[-1]}a"]:
        with pytest.raises(BadInput) as refused:
            check(name)
        assert refused.value.field == field


def test_key_names_are_free_text() -> None:
    """A key may be called anything that prints on one line, in any script."""
    for name in ["ci", "Ann's laptop", "späť 🙂", "x" * 100]:
        assert check_key_name(name) == name
    for name in ["", "   ", "x" * 101, "a\nb", "a\0", "\ud800", "\u202eabc"]:
        with pytest.raises(BadInput):
            check_key_name(name)


def test_long_texts() -> None:
    """A long text passes verbatim unless it is too long or can't be stored everywhere."""
    assert check_text("text", "a\r\n\t🙂", 6) == "a\r\n\t🙂"
    for text in ["1234567", "a\0", "\udfff"]:
        with pytest.raises(BadInput) as refused:
            check_text("text", text, 6)
        assert refused.value.field == "text"


@pytest.mark.parametrize(
    "origin", ["https://dash.example", "http://localhost:5173", "http://[::1]"]
)
def test_origins(origin: str) -> None:
    """An origin is a scheme, a host and perhaps a port, as a browser sends it."""
    settings = TeamSettings(queries_per_hour=1, allowed_origins=(origin,))
    assert check_team_settings(settings) is settings


@pytest.mark.parametrize(
    "settings",
    [
        TeamSettings(queries_per_hour=0),
        TeamSettings(queries_per_hour=100_001),
        *(
            TeamSettings(allowed_origins=(origin,))
            for origin in ["*", "null", "https://a/", "https://A", "ftp://a", "https://a b", ""]
        ),
        TeamSettings(allowed_origins=("https://a",) * 51),
    ],
)
def test_settings_that_can_not_be_obeyed(settings: TeamSettings) -> None:
    """A limit out of range or an origin that no browser sends is refused."""
    with pytest.raises(BadInput):
        check_team_settings(settings)


@pytest.mark.parametrize(("limit", "window_us"), [(0, 1), (100_001, 1), (1, 0), (-1, -1)])
def test_windows_that_make_no_sense(limit: int, window_us: int) -> None:
    """A window that admits nothing, or that nobody could keep, is a programmer's mistake."""
    with pytest.raises(ValueError, match="1 to 100000 hits"):
        MovingWindow(limit, window_us)
