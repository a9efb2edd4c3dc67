"""Wires what an operator needs over the years: backups, erasures, retention.

In the flow: called by ``build`` before the writer starts, to finish what was cut off, and after.
Guarantee: what a process that was killed has left behind is cleared away or gone on with before the
first request is taken.
"""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import NamedTuple

from livetally.backup import Backups, Erasure, Plan, Retention, Source
from livetally.clock import US_PER_S, Clock
from livetally.server.directory import DataDirectory
from livetally.server.erasing import Erasing, Identities, Rooms, mend, position_min
from livetally.server.keeping import Keeping, read_horizons
from livetally.settings import Settings
from livetally.store.catalog import Catalog, ErasureRecord
from livetally.store.events import Engine
from livetally.store.events.snapshot import thaw_all
from livetally.store.identities import IdentityIndex

__all__ = ["Found", "Upkeep", "cleared", "left_over", "upkeep"]

_ANOTHERS_US = 600 * US_PER_S


class Found(NamedTuple):
    """What was left: erasures that were cut off, and the last position that was told."""

    cut_off: list[ErasureRecord]
    position_min: int


class Upkeep(NamedTuple):
    """What looks after the store beside the server."""

    backups: Backups
    erasing: Erasing
    keeping: Keeping


def cleared(
    directory: DataDirectory, catalog: Catalog, engine: Engine, identities: IdentityIndex
) -> Found:
    """Clear away what a killed process has left, before the writer starts. Blocks."""
    thaw_all(engine)
    cut_off = mend(catalog, engine, identities)
    directory.note_form(version("livetally"))
    return Found(cut_off, position_min(catalog))


def left_over(
    directory: DataDirectory, catalog: Catalog, engine: Engine, identities: Identities, clock: Clock
) -> Found:
    """As ``cleared``, beyond one machine: what another process may be at is left to it. Blocks."""
    cut_off = mend(catalog, engine, identities, clock.now_us() - _ANOTHERS_US)
    directory.note_form(version("livetally"))
    return Found(cut_off, position_min(catalog))


def upkeep(settings: Settings, rooms: Rooms, found: Found) -> Upkeep:
    """Return what looks after the store; erasures that were cut off go on."""
    turn = threading.Lock()
    erasing = Erasing(rooms, turn)
    erasing.resume(found.cut_off)
    rooms.runner.horizons.replace(*read_horizons(rooms.catalog))
    keeping = Keeping(rooms, erasing, rooms.runner.horizons, settings.retention_look_s)
    retention = Retention(settings.backup_keep_newest, settings.backup_keep_days)
    plan = Plan(settings.backup_to, settings.backup_every_h, retention)
    return Upkeep(Backups(_backed_up(rooms), plan, turn), erasing, keeping)


def _backed_up(rooms: Rooms) -> Source:
    """Return what a backup holds."""
    return Source(
        engine=rooms.engine,
        between=rooms.writer.between,
        position=lambda: rooms.writer.position,
        dump=rooms.catalog.dump,
        epoch=lambda: rooms.registry.store_epoch,
        erasures=lambda: tuple(
            Erasure(one.team, one.fingerprint, one.position)
            for one in rooms.catalog.list_erasures(None)
        ),
        version=version("livetally"),
        now_us=rooms.clock.now_us,
    )
