"""Which backups stay: the newest few, and one for each of the last days.

In the flow: run by ``server.backups`` after each backup that the schedule has taken.
Guarantee: the newest backup always stays; a file goes only when no backup that stays names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from livetally.backup.manifest import Manifest, decoded
from livetally.backup.place import Place
from livetally.errors import StoreFailed

__all__ = ["Retention", "backups_in", "chosen", "prune"]

_DAY_US = 86_400_000_000


class Retention(NamedTuple):
    """How many of the newest stay, and for how many days the last one of each day."""

    newest: int
    days: int


def backups_in(place: Place) -> list[Manifest]:
    """Return the backups that can be read, oldest first. Blocks."""
    found = []
    for name in place.names():
        try:
            found.append(decoded(place.read_manifest(name), name))
        except StoreFailed:
            continue  # it is shown as what it is by whoever wants to restore it
    return found


def chosen(backups: Sequence[Manifest], retention: Retention, now_us: int) -> set[str]:
    """Return the names of those that stay; ``backups`` are in the order of time."""
    stay = {one.name for one in backups[-max(1, retention.newest) :]}
    last_of: dict[int, str] = {}
    for one in backups:
        day = one.made_us // _DAY_US
        if day > now_us // _DAY_US - retention.days:
            last_of[day] = one.name
    return stay | set(last_of.values())


def prune(place: Place, retention: Retention, now_us: int) -> int:
    """Take away what need not stay; return how many backups went. Blocks.

    Raises:
        StoreFailed: a manifest can't be read: what it names is unknown, so nothing goes.
    """
    with place.alone():
        backups = [decoded(place.read_manifest(name), name) for name in place.names()]
        stay = chosen(backups, retention, now_us)
        gone = [one for one in backups if one.name not in stay]
        for one in gone:
            place.drop_manifest(one.name)
        needed = {file.sha256 for one in backups if one.name in stay for file in one.files()}
        for checksum in place.objects():
            if checksum not in needed:
                place.drop(checksum)
        return len(gone)
