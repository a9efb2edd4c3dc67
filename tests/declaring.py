"""Small definitions for tests, and the mistakes found in them as plain tuples.

In the flow: used by the tests of the ``definitions`` room.
Guarantee: what is added to the shop stands at a line that the test can count.
"""

from __future__ import annotations

import pytest

from livetally.definitions import Application, read_toml
from livetally.errors import InvalidDefinition

# Six lines: what a test adds begins on line 7.
SHOP = """\
application = "shop"
[event.sale]
data = { value = "decimal", count = "integer", weight = "number", paid = "boolean" }
[event.refund]
data = { value = "decimal", reason = "string", address.city = "string", order = "uuid" }

"""


def shop(added: str = "") -> Application:
    """Return the shop with something added to it."""
    return read_toml(SHOP + added, "shop.toml")


def mistakes(text: str) -> list[tuple[int, str, str]]:
    """Return line, key and reason of every mistake in a definition; there has to be one."""
    with pytest.raises(InvalidDefinition) as caught:
        read_toml(text, "shop.toml")
    return [(line, key, reason) for line, key, reason in caught.value.problems]


def shop_mistakes(added: str) -> list[tuple[int, str, str]]:
    """Return every mistake in the shop with something added; its lines count from 1."""
    return [(line - SHOP.count("\n"), key, reason) for line, key, reason in mistakes(SHOP + added)]
