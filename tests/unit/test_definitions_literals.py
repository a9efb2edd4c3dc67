"""The text of a filter's value becomes a value of the field's type, exactly or not at all.

In the flow: texts one by one, for each type.
Guarantee: a filter never compares with a value near the one that was written.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from livetally.definitions import Field, FieldType, read_literal
from livetally.errors import BadInput


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (FieldType.STRING, "", ""),
        (FieldType.STRING, "5", "5"),
        (FieldType.INTEGER, "-9223372036854775808", -(2**63)),
        (FieldType.INTEGER, "+5", 5),
        (FieldType.NUMBER, "1e3", 1000.0),
        (FieldType.NUMBER, "-0.5", -0.5),
        (FieldType.DECIMAL, "1.50", Decimal("1.5")),
        (
            FieldType.DECIMAL,
            "-999999999999999999999999999999999999.99",
            Decimal("-" + "9" * 36 + ".99"),
        ),
        (FieldType.BOOLEAN, "true", True),
        (FieldType.BOOLEAN, "false", False),
        (FieldType.TIME, "1970-01-01T01:00:00.000001+01:00", 1),
        (FieldType.TIME, "1969-12-31", -86_400_000_000),
        (
            FieldType.UUID,
            "0B0F6C1E-0C6F-4C5E-9F0E-4A5A7C0C8E11",
            "0b0f6c1e-0c6f-4c5e-9f0e-4a5a7c0c8e11",
        ),
    ],
)
def test_value_is_read(type_: FieldType, text: str, value: object) -> None:
    """Each type has its texts, and the value has the Python type that the store compares with."""
    read = read_literal(Field("x", type_, scale=2), text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (FieldType.INTEGER, "9223372036854775808"),
        (FieldType.INTEGER, "5.0"),
        (FieldType.INTEGER, "\u0665"),
        (FieldType.INTEGER, ""),
        (FieldType.NUMBER, "nan"),
        (FieldType.NUMBER, "1e999"),
        (FieldType.NUMBER, "1_000"),
        (FieldType.DECIMAL, "1.505"),
        (FieldType.DECIMAL, "1e3"),
        (FieldType.DECIMAL, "1" + "0" * 36),
        (FieldType.BOOLEAN, "True"),
        (FieldType.TIME, "yesterday"),
        (FieldType.UUID, "0b0f6c1e0c6f4c5e9f0e4a5a7c0c8e11"),
        (FieldType.UUID, ""),
    ],
)
def test_what_is_no_value_is_refused(type_: FieldType, text: str) -> None:
    """A text that the field can't hold is an error of the filter."""
    with pytest.raises(BadInput) as caught:
        read_literal(Field("x", type_, scale=2), text)
    assert caught.value.field == "where"


def test_long_text_is_cut_in_the_error() -> None:
    """An error stays readable whatever was sent."""
    with pytest.raises(BadInput) as caught:
        read_literal(Field("x", FieldType.INTEGER), "9" * 1_000)
    assert len(caught.value.reason) < 150
