"""How a part of an event is named: an attribute, or a path into its data.

In the flow: receives names from definitions and questions, hands canonical references to every room
and column identifiers to ``store``.

A *path* names a value inside ``data``: segments joined by dots, ``address.city``. A segment that
holds other characters is written as a JSON string: ``"first name"``. A *reference* names either an
attribute of the event (``subject source type id time``) or a path; ``data.`` in front says that a
path is meant, so that a data field called ``type`` can be named: ``data.type``.

Guarantee: two references are the same text exactly when they name the same part, and two declared
fields share a column exactly when their path and type are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from livetally.errors import BadInput

__all__ = [
    "ATTRIBUTES",
    "column_name",
    "data_path",
    "is_field_name",
    "parents",
    "parse_reference",
    "reference_at",
    "reference_to",
    "segments",
]

ATTRIBUTES: Final = ("subject", "source", "type", "id", "time")

_SEGMENTS_MAX: Final = 16
_PATH_CHARS_MAX: Final = 500
_BARE: Final = r"[\w$@][\w$@-]*"
_SEGMENT: Final = re.compile(rf'{_BARE}|"(?:[^"\\]|\\.)*"')
_IS_BARE: Final = re.compile(_BARE)
_FIELD_NAME: Final = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,7}"
)
_QUOTE: Final = 'write a key with other characters in double quotes, as in address."post code"'
_JOINTS: Final = re.compile(r"[_.]+")


def is_field_name(text: str) -> bool:
    """Whether a field may be declared under this path: 1 to 8 plain names joined by dots."""
    return _FIELD_NAME.fullmatch(text) is not None


def parents(path: str) -> Iterator[str]:
    """Yield the paths of the objects that a declared field stands in, the innermost first."""
    parent = path.rpartition(".")[0]
    while parent:
        yield parent
        parent = parent.rpartition(".")[0]


def segments(path: str) -> tuple[str, ...]:
    """Return the keys to follow from ``data`` to the value, for a path in canonical form."""
    return tuple(_text_of(part) for part in _SEGMENT.findall(path))


def data_path(reference: str) -> str | None:
    """Return the path that a canonical reference names, or None when it names an attribute."""
    if reference in ATTRIBUTES:
        return None
    return reference.removeprefix("data.")


def reference_to(path: str) -> str:
    """Return the canonical reference to a path in canonical form."""
    return f"data.{path}" if path in ATTRIBUTES or path.startswith("data.") else path


def parse_reference(text: str, field: str) -> str:
    """Read an attribute's name or a path and return it in canonical form.

    Args:
        text: for example ``subject``, ``carrier``, ``data.type``, ``address."post code"``.
        field: the part of the request that ``text`` comes from, for the error.

    Raises:
        BadInput: when ``text`` is neither.
    """
    reference, end = reference_at(text, field)
    if end != len(text):
        raise BadInput(field, f"'{text[: end + 1]}' is not a name; {_QUOTE}")
    return reference


def reference_at(text: str, field: str) -> tuple[str, int]:
    """Read the reference that ``text`` begins with; return it in canonical form and where it ends.

    Raises:
        BadInput: when ``text`` begins with none, or it has over 16 parts or 500 characters.
    """
    parts: list[str] = []
    end = 0
    while found := _SEGMENT.match(text, end):
        parts.append(found.group())
        end = found.end()
        if len(parts) > _SEGMENTS_MAX or end > _PATH_CHARS_MAX:
            limits = f"{_SEGMENTS_MAX} parts or {_PATH_CHARS_MAX} characters"
            raise BadInput(field, f"a name can't have more than {limits}")
        if not text.startswith(".", end):
            return _canonical(parts, field), end
        end += 1
    shown = text[: end + 20]
    raise BadInput(field, f"a name is expected at '{shown}'; {_QUOTE}")


def column_name(path: str, type_tag: str) -> str:
    """Return the identifier of the store's column for a declared field.

    ``f_``, the path, two underscores, the type. In the path one underscore stays as it is, one dot
    becomes two underscores, and a longer run of either becomes ``___``, a letter for each (``u`` or
    ``d``) and ``_``. How many underscores stand together therefore says what they mean.

    Args:
        path: a declared field's path, see ``is_field_name``.
        type_tag: the type's name; holds no underscore.
    """
    return f"f_{_JOINTS.sub(_encode_joint, path)}__{type_tag}"


def _encode_joint(run: re.Match[str]) -> str:
    """Encode one run of underscores and dots between letters."""
    joint = run.group()
    if len(joint) == 1:
        return "_" if joint == "_" else "__"
    return "___" + joint.replace("_", "u").replace(".", "d") + "_"


def _canonical(parts: list[str], field: str) -> str:
    """Join written segments into a reference, quoting only those that need it."""
    try:
        keys = [_text_of(part) for part in parts]
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise BadInput(field, "the text in double quotes is not a JSON string") from None
    written = [
        key if _IS_BARE.fullmatch(key) else msgspec.json.encode(key).decode() for key in keys
    ]
    if len(written) == 1:
        return written[0]
    path = ".".join(written[1:] if written[0] == "data" else written)
    return reference_to(path)


def _text_of(segment: str) -> str:
    """Return the key that a written segment stands for."""
    if not segment.startswith('"'):
        return segment
    return msgspec.json.decode(segment.encode(), type=str)
