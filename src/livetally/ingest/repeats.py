"""Finds events whose data names a declared member twice.

In the flow: asked by ``ingest.fields`` about the events of one type.
Guarantee: of a declared member there is one value. Of two, our decoder takes the last and the
engine the first, so that a metric defined today and one defined tomorrow would differ.

Source: RFC 8259, section 4: the behaviour of software that receives such an object is
unpredictable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["RepeatFinder"]

# A name can also be written with escapes; those of plain letters, digits and marks are enough.
_ESCAPED = re.compile(rb"\\u00[2-7]")


class _NamedTwiceError(Exception):
    """Carries the name out of the parser."""


class RepeatFinder:
    """Looks for the members of some paths. Safe for any thread."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Look for every part of ``paths``: of ``address.city`` both words."""
        self._names = frozenset(part for path in paths for part in path.split("."))
        self._quoted = {name: f'"{name}"'.encode() for name in sorted(self._names)}

    def find(
        self, data: Sequence[bytes], joined: bytes, present: Mapping[str, int]
    ) -> list[tuple[int, str, str]]:
        """Return ``(place, field, reason)`` for each event that repeats a member.

        Args:
            data: what each event says.
            joined: the same in one piece.
            present: how many of the events have a value at each of the paths.
        """
        found: list[tuple[int, str, str]] = []
        for place in self._suspects(data, joined, present):
            try:
                json.loads(data[place], object_pairs_hook=self._require_once)
            except _NamedTwiceError as error:
                found.append((place, f"data.{error}", "is there more than once"))
            except (ValueError, RecursionError):
                continue  # not readable at all: the decoder says so
        return found

    def _suspects(
        self, data: Sequence[bytes], joined: bytes, present: Mapping[str, int]
    ) -> list[int]:
        """Return the places where a name stands twice in the text; elsewhere it can't be repeated.

        A name that stands in the batch as often as there are values for it is repeated nowhere.
        """
        names = [
            quoted
            for name, quoted in self._quoted.items()
            if joined.count(quoted) > present.get(name, 0)
        ]
        escaped = b"\\u00" in joined and _ESCAPED.search(joined) is not None
        if not names and not escaped:
            return []
        return [
            place
            for place, body in enumerate(data)
            if any(body.count(name) > 1 for name in names) or (escaped and _ESCAPED.search(body))
        ]

    def _require_once(self, pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen and name in self._names:
                raise _NamedTwiceError(name)
            seen.add(name)
