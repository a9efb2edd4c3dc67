"""Every key of every valid TOML text is found, at the line on which it was written.

In the flow: hypothesis draws documents; a writer that counts its lines is the oracle for lines,
``tomllib`` the oracle for keys.
Guarantee: a mistake is shown where a person can see it.
"""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from livetally.definitions.locate import Path, line_of, locate

KEYS = st.sampled_from(["a", "b", "c-1", "d e", "é", "x.y", "#", "[z]", "=", ""])
# Texts whose inside looks like the rest of the grammar.
SCALARS = st.sampled_from(
    [
        "1",
        "-0.5e3",
        "true",
        "1979-05-27 07:32:00",
        "'it'",
        '"a # b = [c] \\" \\\\"',
        "'[no.header]'",
        '"""\n[no]\nkey = 1\n"""',
        '"""a "" quoted \\""" end"""',
        '""""two""""',
        "'''\n# 'none' ''\n}\n'''",
        '""',
        '""""""',
    ]
)
VALUES = st.recursive(
    SCALARS.map(lambda text: ("scalar", text)),
    lambda inner: st.one_of(
        st.tuples(st.just("array"), st.lists(inner, max_size=3)),
        st.tuples(st.just("table"), st.dictionaries(KEYS, inner, max_size=3)),
    ),
    max_leaves=6,
)
TABLES = st.lists(
    st.tuples(
        st.sampled_from(["table", "element"]),
        KEYS,
        st.dictionaries(KEYS, VALUES, max_size=3),
        st.sampled_from(["", "\n", "# [x]\n", "  \t\n\n"]),
    ),
    max_size=5,
)


class Writer:
    """Writes TOML and remembers the line of every path."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self.text = ""
        self.lines: dict[Path, int] = {}

    def note(self, path: Path) -> None:
        """Remember that ``path`` is written here."""
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def value(self, value: Any, path: Path, gap: str) -> None:
        """Write a value; ``gap`` stands between the elements of an array."""
        kind, content = value
        if kind == "scalar":
            self.text += content
        elif kind == "array":
            self.text += "["
            for index, item in enumerate(content):
                self.text += gap
                self.note((*path, index))
                self.value(item, (*path, index), gap)
                self.text += " ,"
            self.text += gap + "]"
        else:
            self.text += "{"
            for index, (key, item) in enumerate(content.items()):
                self.text += ", " if index else " "
                self.note((*path, key))
                self.text += quoted(key) + " = "
                self.value(item, (*path, key), gap)
            self.text += "}"


def quoted(key: str) -> str:
    """Write a key in one of the forms it can have."""
    if key in {"a", "b", "c-1"}:
        return key
    return f"'{key}'" if key in {"x.y", "#"} else msgspec.json.encode(key).decode()


def written(tables: list[Any], gap: str) -> Writer:
    """Write tables that don't clash: each header name is either a table once, or an array."""
    writer = Writer()
    elements: dict[str, int] = {}
    used: set[str] = set()
    for kind, name, pairs, between in tables:
        if name in used and (kind == "table" or name not in elements):
            continue
        used.add(name)
        writer.text += between
        writer.note(("top",))
        path: Path = ("top", name)
        writer.note(path)
        if kind == "element":
            elements[name] = elements.get(name, -1) + 1
            path = (*path, elements[name])
            writer.note(path)
        header = f"top . {quoted(name)}"
        writer.text += f"[[{header}]] # =\n" if kind == "element" else f"[ {header} ]\n"
        for key, value in pairs.items():
            writer.note((*path, key))
            writer.text += f"{quoted(key)} = "
            writer.value(value, (*path, key), gap)
            writer.text += "\n"
    return writer


def paths_in(value: object, path: Path = ()) -> set[Path]:
    """Return the path of everything that a parsed document holds."""
    found: set[Path] = {path} if path else set()
    entries = value.items() if isinstance(value, dict) else ()
    for key, item in [*entries, *(enumerate(value) if isinstance(value, list) else ())]:
        found |= paths_in(item, (*path, key))
    return found


@given(TABLES, st.sampled_from([" ", "\n", " # ], }\n  "]))
def test_every_key_is_found_at_its_line(tables: list[Any], gap: str) -> None:
    """However keys and values are written, and whatever looks like one inside a text."""
    writer = written(tables, gap)
    parsed = tomllib.loads(writer.text)
    found = locate(writer.text)
    assert found == writer.lines
    assert set(found) == paths_in(parsed)
    for path in found:
        assert line_of(found, (*path, "missing")) == found[path]
