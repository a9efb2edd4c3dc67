"""The grammar of a filter: ``carrier:UA,AA``, ``dep_delay:>15``, ``!subject:*``.

In the flow: receives texts from a definition's ``where`` and from the HTTP parameter of that name,
hands ``Filter`` values to ``query`` and ``store``.

    filter     = ["!"] reference ":" condition
    condition  = "*"                              exists
               | value *( "," value )             is one of
               | (">" | ">=" | "<" | "<=") value  compares
               | value ".." value | value ".." | ".." value   both ends inclusive
               | value "*"                        begins with
    value      = bare text | JSON string

Guarantee: ``parse_filter(format_filter(f)) == f`` for every filter that ``parse_filter`` can
return.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from livetally.definitions.paths import reference_at
from livetally.errors import BadInput

__all__ = [
    "FILTERS_MAX",
    "Filter",
    "Op",
    "format_filter",
    "parse_filter",
    "parse_filters",
    "quoted",
]

FILTERS_MAX: Final = 20
_VALUES_MAX: Final = 1_000
_VALUE_CHARS_MAX: Final = 1_000


class Op(StrEnum):
    """How a filter compares."""

    IN = "in"
    GT = ">"
    GE = ">="
    LT = "<"
    LE = "<="
    RANGE = ".."
    PREFIX = "prefix"
    EXISTS = "exists"


class Filter(msgspec.Struct, frozen=True):
    """One condition on an event.

    Attributes:
        field: canonical reference: a data path, ``subject``, ``source``, ``type`` or ``id``.
        op: how to compare.
        values: one or more for ``IN``; lowest and highest for ``RANGE``; none for ``EXISTS``; else
            one.
        negated: whether the events that do *not* meet the condition are wanted, those without the
            field among them.
    """

    field: str
    op: Op
    values: tuple[str, ...] = ()
    negated: bool = False


class _Token(NamedTuple):
    """One piece of a condition; ``kind`` is v (value), c (comma), r (range) or s (star)."""

    kind: str
    text: str
    quoted: bool = False


_TOKEN: Final = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<r>\.\.)|(?P<c>,)|(?P<s>\*)|(?P<bare>(?:(?!\.\.)[^",*])+)',
    re.DOTALL,
)
_COMPARISON: Final = re.compile(r"[<>]=?")
_LIST: Final = re.compile(r"v(?:cv)*")
# What reads back as itself without quotes.
_PLAIN: Final = re.compile(r'[^\s",*<>=!.](?:[^",*]*[^\s",*.])?')
_QUOTE: Final = "put a value that holds , * .. or quotes in double quotes"


def parse_filters(texts: Iterable[str], *, of_entity: bool = False) -> tuple[Filter, ...]:
    """Read several filters, all of which an event, or the state of an entity, has to meet.

    Raises:
        BadInput: for the first one that can't be read, or when there are over 20.
    """
    filters = tuple(parse_filter(text, of_entity=of_entity) for text in texts)
    if len(filters) > FILTERS_MAX:
        raise BadInput("where", f"at most {FILTERS_MAX} filters, not {len(filters)}")
    return filters


def parse_filter(text: str, *, of_entity: bool = False) -> Filter:
    """Read one filter; see the module for the grammar.

    A range with an open end becomes the comparison that it means. Blanks around a bare value don't
    count. Of an entity ``time`` is a field like any other.

    Raises:
        BadInput: with the field ``where`` and the reason; also for over 1,000 values or a value of
            over 1,000 characters.
    """
    trimmed = text.strip()
    negated = trimmed.startswith("!")
    trimmed = trimmed.removeprefix("!")
    field, end = reference_at(trimmed, "where")
    if field == "time" and not of_entity:
        raise BadInput("where", "narrow the time by from and to; a data field is 'data.time'")
    if not trimmed.startswith(":", end):
        raise BadInput("where", f"write field:value; there is no ':' after '{trimmed[:end]}'")
    op, values = _condition(trimmed[end + 1 :].strip())
    if len(values) > _VALUES_MAX:
        raise BadInput("where", f"at most {_VALUES_MAX} values for '{field}', not {len(values)}")
    if any(len(value) > _VALUE_CHARS_MAX for value in values):
        raise BadInput("where", f"a value of '{field}' is over {_VALUE_CHARS_MAX} characters long")
    return Filter(field, op, values, negated)


def format_filter(filter_: Filter) -> str:
    """Write a filter so that ``parse_filter`` reads it back as the same."""
    values = [_written(value) for value in filter_.values]
    match filter_.op:
        case Op.EXISTS:
            condition = "*"
        case Op.IN:
            condition = ",".join(values)
        case Op.PREFIX:
            condition = f"{values[0]}*"
        case Op.RANGE:
            condition = "..".join(values)
        case _:
            condition = f"{filter_.op.value}{values[0]}"
    return f"{'!' if filter_.negated else ''}{filter_.field}:{condition}"


def quoted(value: str) -> str:
    """Return the value in double quotes, so that nothing in it is an operator."""
    return msgspec.json.encode(value).decode()


def _written(value: str) -> str:
    """Return the value bare where that reads back, else quoted."""
    plain = _PLAIN.fullmatch(value) is not None and ".." not in value
    return value if plain else quoted(value)


def _condition(text: str) -> tuple[Op, tuple[str, ...]]:
    """Read what stands after the colon."""
    comparison = _COMPARISON.match(text)
    tokens = _tokens(text[comparison.end() :] if comparison else text)
    shape = "".join(token.kind for token in tokens)
    values = tuple(token.text for token in tokens if token.kind == "v")
    if any(token.kind == "v" and not token.quoted and token.text[0] in "<>=!" for token in tokens):
        placed = "'!' stands before the field, < and > first, and equality needs no '='"
        raise BadInput("where", f"'{text[:50]}': {placed}; {_QUOTE}")
    if comparison:
        if shape != "v":
            raise BadInput("where", f"one value is expected after '{comparison.group()}'")
        return Op(comparison.group()), values
    if _LIST.fullmatch(shape):
        return Op.IN, values
    special = {"s": Op.EXISTS, "vs": Op.PREFIX, "vrv": Op.RANGE, "vr": Op.GE, "rv": Op.LE}
    if shape in special:
        return special[shape], values
    if not shape:
        raise BadInput("where", 'a value is expected after the colon; the empty text is ""')
    raise BadInput("where", f"'{text[:50]}' can't be read as a condition; {_QUOTE}")


def _tokens(text: str) -> list[_Token]:
    """Split a condition into its pieces."""
    tokens: list[_Token] = []
    end = 0
    while found := _TOKEN.match(text, end):
        end = found.end()
        piece = found.group()
        if found.lastgroup == "quoted":
            tokens.append(_Token("v", _unquoted(piece), quoted=True))
        elif found.lastgroup != "bare":
            tokens.append(_Token(str(found.lastgroup), piece))
        elif piece.strip():
            tokens.append(_Token("v", piece.strip()))
    if end != len(text):
        raise BadInput(
            "where", f"a double quote is opened and not closed at '{text[end : end + 20]}'"
        )
    return tokens


def _unquoted(piece: str) -> str:
    """Return the text that a JSON string stands for."""
    try:
        return msgspec.json.decode(piece.encode(), type=str)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise BadInput("where", f"{piece[:50]} is not a JSON string") from None
