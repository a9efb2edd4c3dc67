"""No two declared fields share a column, and no two names mean the same part of an event.

In the flow: hypothesis draws paths that are nasty to encode.
Guarantee: what the store keeps under a column identifier is one field's values.
"""

from __future__ import annotations

import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from livetally.definitions import Field, FieldType, data_path, parse_reference, segments
from livetally.definitions.paths import is_field_name
from livetally.store.events.columns import COLUMN_NAME

# Underscores, dots, and the letters that stand for them in a column's name.
paths = st.from_regex(r"\A[aud_][aud_0]{0,5}(\.[aud_][aud_0]{0,5}){0,4}\Z").filter(is_field_name)
# The longest names are those in which most runs are spelt out.
_PARTS = st.text(st.sampled_from("a__"), min_size=1, max_size=64)
_SPELT = st.sampled_from(["a__" * 21 + "a", "_" + "a__" * 21, "__" + "a__" * 20 + "a_", "a" * 64])
long_paths = st.lists(_PARTS | _SPELT, min_size=4, max_size=8).map(".".join).filter(is_field_name)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def decoded(column: str) -> tuple[str, str]:
    """Return the path and the type that a column's name stands for; it exists only once."""
    path, type_tag = re.fullmatch(r"f_(.+)__([a-z]+\d*)", column, re.DOTALL).groups()  # type: ignore[union-attr]
    text = ""
    while path:
        run = re.match("_*", path).group()  # type: ignore[union-attr]
        path = path[len(run) :]
        if len(run) == 3:
            spelt, _, path = path.partition("_")
            text += spelt.replace("u", "_").replace("d", ".")
        else:
            text += ("", "_", ".")[len(run)] if run else path[0]
            path = path if run else path[1:]
    return text, type_tag


@given(paths, st.sampled_from(list(FieldType)), st.integers(0, 18))
def test_column_names_exactly_one_field(path: str, type_: FieldType, scale: int) -> None:
    """Path, type and scale can be read off the column's name, so no two fields share one."""
    field = Field(path, type_, scale=scale if type_ is FieldType.DECIMAL else None)
    assert decoded(field.column) == (path, field.type_tag)
    assert re.fullmatch(r"[A-Za-z0-9_]+", field.column)


@given(long_paths, st.sampled_from([("decimal", 18), ("boolean", None)]))
def test_every_field_that_may_be_declared_can_be_read(path: str, type_: tuple[str, int]) -> None:
    """However long its path is, the store takes its column's name for one."""
    field = Field(path, FieldType(type_[0]), scale=type_[1])
    assert COLUMN_NAME.match(field.column)
    assert decoded(field.column) == (path, field.type_tag)


@given(st.lists(keys, min_size=1, max_size=5))
def test_any_key_of_data_can_be_named(names: list[str]) -> None:
    """Keys written as JSON strings come back as themselves, and the form is canonical."""
    text = ".".join(["data", *(msgspec.json.encode(name).decode() for name in names)])
    reference = parse_reference(text, "where")
    path = data_path(reference)
    assert path is not None
    assert segments(path) == tuple(names)
    assert parse_reference(reference, "where") == reference
