"""An IANA name becomes a time zone.

In the flow: receives the name in a question's ``tz``, hands a ``ZoneInfo`` to the rest of the room.

Guarantee: rules come from the ``tzdata`` package alone, whatever the system has installed; only
names on that package's own list are ever opened; one name is one object while the process lives.
"""

from __future__ import annotations

import difflib
import functools
from importlib import resources
from zoneinfo import ZoneInfo

from livetally.errors import UnknownName

__all__ = ["find_zone"]

# The longest IANA name has 32 characters; what is longer is cut before it is compared or shown.
_SHOWN_CHARS_MAX = 64

_loaded: dict[str, ZoneInfo] = {}


def find_zone(name: str) -> ZoneInfo:
    """Return the time zone that IANA calls ``name``; its ``key`` is ``name``.

    The first call for a name reads one small file of the ``tzdata`` package. Safe in any thread:
    all callers get the same object, so zones can be compared and used as keys of a cache.

    Args:
        name: as IANA spells it, for example ``"Europe/Oslo"``; aliases count as names of their own.

    Raises:
        UnknownName: for any other text, with the nearest name; its field is ``tz``.
    """
    zone = _loaded.get(name)
    if zone is not None:
        return zone
    if name not in _names():
        shown = name[:_SHOWN_CHARS_MAX]
        if not shown.isprintable():
            shown = shown.encode("unicode_escape").decode("ascii")
        raise UnknownName("tz", "time zone", shown, _nearest(shown))
    with resources.files("tzdata").joinpath("zoneinfo", name).open("rb") as rules:
        return _loaded.setdefault(name, ZoneInfo.from_file(rules, key=name))


@functools.cache
def _names() -> frozenset[str]:
    """Return every name for which the ``tzdata`` package has rules."""
    listing = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(listing.split())


@functools.cache
def _spellings() -> dict[str, str]:
    """Map what people write, a whole name or only its city in any case, to the name."""
    names = sorted(_names())
    cities = {name.rpartition("/")[2].casefold(): name for name in names}
    return cities | {name.casefold(): name for name in names}


def _nearest(name: str) -> str | None:
    """Return the existing name that looks most like ``name``, or None when none is close."""
    wanted = name.casefold().replace(" ", "_")
    close = difflib.get_close_matches(wanted, _spellings(), n=1)
    return _spellings()[close[0]] if close else None
