"""What each team may use, from its own settings or else the server's.

In the flow: filled from the catalog when first asked and after every change there; read by ``api``.
Guarantee: a changed setting holds as soon as the catalog has told of it.
"""

from __future__ import annotations

from livetally.store.catalog import Catalog

__all__ = ["Allowances"]


class Allowances:
    """Queries an hour for each team. Safe for any thread."""

    def __init__(self, catalog: Catalog, queries_per_hour: int) -> None:
        """Follow ``catalog``; ``queries_per_hour`` is for teams without a setting of their own."""
        self._catalog = catalog
        self._default = queries_per_hour
        self._known: dict[int, int] | None = None
        self.close = catalog.subscribe(self._forget)

    def queries_per_hour(self, team: int) -> int:
        """Return how many charged queries each key of a team has in any hour.

        Blocks for a look-up after a change, else not.
        """
        known = self._known
        if known is None:
            own = {one.id: one.settings.queries_per_hour for one in self._catalog.list_teams()}
            known = self._known = {team: limit for team, limit in own.items() if limit is not None}
        return known.get(team, self._default)

    def _forget(self) -> None:
        self._known = None
