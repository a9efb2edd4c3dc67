"""The parts of an answer become one exact value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from livetally.api.tables import as_arrow
from livetally.query.values import quotient

TINY = 5e-324


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        (Decimal(1), 3, Decimal("0.333333333333")),
        (Decimal("1e20"), Decimal("1e-18"), Decimal("1e38")),
        (Decimal("1.5"), 2**-100, Decimal(3 * 2**99)),
        # A binary number is the nearest to this, a decimal of 212 digits nobody has room for.
        (Decimal("1.5"), 1e-200, 1.5e200),
        (1e200, Decimal("-0.5"), -2e200),
        (Decimal("1.5"), TINY, None),
        (1e300, Decimal("1e-18"), None),
        (1.5, TINY, None),
        (TINY, Decimal(3), Decimal(0)),
        (2**70, TINY, None),
        (Decimal("1.5"), 0.0, None),
    ],
)
def test_a_quotient_is_a_number_or_none(upper: Any, lower: Any, expected: Any) -> None:
    """However little it is divided by: there is no digit too many, and nothing infinite."""
    found = quotient(upper, lower)
    assert type(found) is type(expected)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_the_largest_quotient_of_decimals_has_room_in_arrow() -> None:
    """Its column holds 76 digits, 12 of them after the point."""
    found = quotient(Decimal("9.9") * 10**62, 1.0)
    assert isinstance(found, Decimal)
    assert as_arrow({"value": [found, Decimal("0.333333333333")]}, {}, 1)
