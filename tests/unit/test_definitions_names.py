"""What an application may be called: one rule, told when a definition is read.

In the flow: names, and definitions that have them.
Guarantee: whatever a definition that was read is called, the catalog stores and a URL names.
"""

from __future__ import annotations

import pytest

from livetally.definitions import check_application_name, is_application_name, read_toml
from livetally.errors import BadInput
from tests.declaring import mistakes

GOOD = ["a", "flights_2013", "a-b", "a" * 63]
BAD = ["", " ", "a b", "a\n", "a\0", "\uff41", "é", "a'", "a%", "a/b", "²", "A", "shOp", "-a", "_a"]
BAD += ["1a", "a" * 64]


@pytest.mark.parametrize("name", GOOD)
def test_plain_names_are_taken(name: str) -> None:
    """By the reader and the catalog alike, unchanged."""
    assert check_application_name(name) == name
    assert read_toml(f'application = "{name}"', "a.toml").name == name


@pytest.mark.parametrize("name", BAD)
def test_all_others_are_refused(name: str) -> None:
    """The catalog names the field that has them."""
    assert not is_application_name(name)
    with pytest.raises(BadInput) as refused:
        check_application_name(name)
    assert refused.value.field == "application"


@pytest.mark.parametrize("name", ["Shop", "_shop", "-shop", "1shop", "a" * 64, "my shop", "é"])
def test_a_definition_is_refused_at_the_line_of_its_name(name: str) -> None:
    """So that ``check`` and ``serve`` tell what ``apply`` would."""
    [(line, key, reason)] = mistakes(f'title = "T"\napplication = "{name}"')
    assert (line, key) == (2, "application")
    assert reason == "must be 1 to 63 of a-z, 0-9, '-' and '_', the first a letter"
