"""How parts of an event are named, and which columns hold them.

In the flow: names and columns one by one; ``property/test_definitions_paths.py`` draws many.
Guarantee: the names that appear in definitions, URLs and the store's schema stay as documented.
"""

from __future__ import annotations

import pytest

from livetally.definitions import (
    Field,
    FieldType,
    data_path,
    parse_reference,
    reference_to,
    segments,
)
from livetally.definitions.paths import is_field_name
from livetally.errors import BadInput


@pytest.mark.parametrize(
    ("name", "type_", "scale", "column"),
    [
        ("dep_delay", FieldType.INTEGER, None, "f_dep_delay__integer"),
        ("value", FieldType.DECIMAL, 9, "f_value__decimal9"),
        ("address.city", FieldType.STRING, None, "f_address__city__string"),
        ("address__city", FieldType.STRING, None, "f_address___uu_city__string"),
        ("address_.city", FieldType.STRING, None, "f_address___ud_city__string"),
        ("address._city", FieldType.STRING, None, "f_address___du_city__string"),
    ],
)
def test_column_is_named_after_path_and_type(
    name: str, type_: FieldType, scale: int | None, column: str
) -> None:
    """One underscore stays, a dot becomes two, other runs are spelt out."""
    assert Field(name, type_, scale=scale).column == column


def test_scale_is_part_of_a_decimal_column() -> None:
    """Decimals of different scale don't share a column; limits make no difference."""
    cents = Field("value", FieldType.DECIMAL, scale=2)
    assert cents.column != Field("value", FieldType.DECIMAL, scale=9).column
    assert cents.column == Field("value", FieldType.DECIMAL, required=True, scale=2).column


@pytest.mark.parametrize(
    ("text", "reference", "path"),
    [
        ("subject", "subject", None),
        ("time", "time", None),
        ("carrier", "carrier", "carrier"),
        ("data.carrier", "carrier", "carrier"),
        ("data.type", "data.type", "type"),
        ("data", "data", "data"),
        ("data.data", "data", "data"),
        ("data.data.x", "data.data.x", "data.x"),
        ('address."city"', "address.city", "address.city"),
        ('address."post code"', 'address."post code"', 'address."post code"'),
        ("größe", "größe", "größe"),
        ("$set.user-agent", "$set.user-agent", "$set.user-agent"),
    ],
)
def test_reference_has_one_form(text: str, reference: str, path: str | None) -> None:
    """An attribute, or a path with ``data.`` in front only where it is needed."""
    assert parse_reference(text, "by") == reference
    assert data_path(reference) == path
    if path is not None:
        assert reference_to(path) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.",
        ".a",
        "a b",
        "a:b",
        "-a",
        '"a',
        '"\\x"',
        '"\n"',
        "a..b",
        "a." * 20 + "a",
        "a" * 501,
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    """The error names the part of the request that it comes from."""
    with pytest.raises(BadInput) as caught:
        parse_reference(text, "by")
    assert caught.value.field == "by"


def test_segments_are_the_keys_to_follow() -> None:
    """Quotes, dots inside them and escapes are resolved."""
    assert segments('a."b.c"."d\\"e"') == ("a", "b.c", 'd"e')


@pytest.mark.parametrize("name", ["a", "_", "a.b.c.d.e.f.g.h", "A1_"])
def test_field_name(name: str) -> None:
    """A field may be declared under up to eight plain names."""
    assert is_field_name(name)


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a.", "é", "a.b.c.d.e.f.g.h.i", "a" * 65, "a\n"])
def test_no_field_name(name: str) -> None:
    """What would not make a portable column name can't be declared."""
    assert not is_field_name(name)
