"""How far a load has come, kept beside the file so that the next call goes on from there.

In the flow: read by ``loading`` before it begins, written while it runs, removed when it is done.
Guarantee: it is used only for a file that begins with the very rows that were acknowledged, for the
same team of the same server and with the same options; it is written whole or not at all. Without
it nothing is lost but time: rows count once anyway.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from livetally.clock import Clock

__all__ = ["Checkpoint", "Place", "Totals"]

_EVERY_S = 1.0


class Totals(msgspec.Struct):
    """What became of the rows so far."""

    rows: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    position: int = 0


class Place(msgspec.Struct):
    """A place in a file: ``mark`` is the chain's id after ``totals.rows`` rows."""

    server: str
    shape: str
    mark: str
    totals: Totals
    rejected_bytes: int = 0
    """How long the file of rejected rows was."""


class Checkpoint:
    """The file ``NAME.progress``; where it can't be written, there is none."""

    def __init__(self, path: Path | None, server: str, shape: str, clock: Clock) -> None:
        """Keep the place of a load; None keeps nothing.

        Args:
            path: where.
            server: into which, and whose events they are.
            shape: how rows are read: all that another event could come of.
            clock: says when the place is to be written again.
        """
        self._path = path
        self._server = server
        self._shape = shape
        self._clock = clock
        self._due_s = 0.0

    def read(self) -> Place | None:
        """Return the place where the last call stopped, if it loaded the same in the same way."""
        if self._path is None:
            return None
        try:
            place = msgspec.json.decode(self._path.read_bytes(), type=Place)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        same = place.server == self._server and place.shape == self._shape
        return place if same else None

    def note(
        self, mark: str, totals: Totals, rejected_bytes: int = 0, *, now: bool = False
    ) -> None:
        """Write the place down, about once a second or ``now``."""
        if self._path is None or (not now and self._clock.monotonic_s() < self._due_s):
            return
        self._due_s = self._clock.monotonic_s() + _EVERY_S
        place = Place(self._server, self._shape, mark, totals, rejected_bytes)
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.write_bytes(msgspec.json.encode(place))
            fresh.replace(self._path)
        except OSError:
            # A folder that can't be written to: the next call begins at the first row.
            self._path = None

    def remove(self) -> None:
        """Forget the place: everything is done."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
