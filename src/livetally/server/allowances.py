"""What each team may use, from its own settings or else the server's.

In the flow: filled from the catalog when first asked and after every change there; read by ``api``.
Guarantee: a changed setting holds as soon as the catalog has told of it.
"""

from __future__ import annotations

from livetally.store.catalog import Catalog
from livetally.tenancy import TeamSettings

__all__ = ["Allowances"]


class Allowances:
    """What each team may use. Safe for any thread."""

    def __init__(self, catalog: Catalog, queries_per_hour: int) -> None:
        """Follow ``catalog``; ``queries_per_hour`` is for teams without a setting of their own."""
        self._catalog = catalog
        self._default = queries_per_hour
        self._generation = 0
        self._known: dict[int, TeamSettings] | None = None
        self.close = catalog.subscribe(self._forget)

    def queries_per_hour(self, team: int) -> int:
        """Return how many charged queries each key of a team has in any hour.

        Blocks for a look-up after a change, else not.
        """
        own = self._settings().get(team)
        limit = None if own is None else own.queries_per_hour
        return self._default if limit is None else limit

    def allowed_origins(self, team: int | None) -> frozenset[str]:
        """Return the origins whose pages may read a team's answers; None: any team's.

        Blocks as ``queries_per_hour`` does.
        """
        if team is None:
            return frozenset().union(*(one.allowed_origins for one in self._settings().values()))
        own = self._settings().get(team)
        return frozenset(own.allowed_origins if own else ())

    def _settings(self) -> dict[int, TeamSettings]:
        known = self._known
        if known is None:
            generation = self._generation
            known = {one.id: one.settings for one in self._catalog.list_teams()}
            # What was read before a change must not be kept after it.
            if generation == self._generation:
                self._known = known
        return known

    def _forget(self) -> None:
        self._generation += 1
        self._known = None
