"""A list of entities, or one entity, live.

In the flow: made by ``api``, asked by ``rounds``, asks ``query.entities``.
Guarantee: the rows are those of a fresh page at the same position, in its order; whoever comes back
is told every row that came to the page while it was away, also one whose own state did not change.

An entity that leaves a page makes room for one that has rested for years: its version says nothing
about when it came. So for each row is kept at which position it was first seen here; whoever saw
less than this question's first answer is sent the whole, unless rows only ever come by changing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from livetally.live.question import Question, Reply, RowKey, Rows, Touched
from livetally.query import Declared, Runner
from livetally.query.entities import EntitiesPage, EntityQuery, EntityState, ask_entity_page

__all__ = ["EncodeStates", "EntitiesQuestion"]

EncodeStates: TypeAlias = Callable[[Iterable[EntityState]], bytes]


class EntitiesQuestion(Question):
    """An ``EntityQuery`` of one team, under one edition of its definitions."""

    ordered = True

    def __init__(
        self,
        query: EntityQuery,
        declared: Declared,
        team: int,
        epoch: str,
        runner: Runner,
        encode: EncodeStates,
        head: bytes,
    ) -> None:
        """Resolve the entity; ``head`` is written before the position of a snapshot.

        Raises:
            UnknownName: there is no such entity.
        """
        self.key = f"{team} {epoch} entities {query._replace(min_position=0)!r}"
        self.team = team
        self.types = frozenset(declared.entity(query.entity).events)
        self._query = query
        self._declared = declared
        self._runner = runner
        self._encode = encode
        self._head = head
        # What commits up to here say is in the first answer; what later ones say may be.
        self._begun_at: int | None = None
        self._came_at: dict[RowKey, int] = {}
        self._moved_at = 0
        self._complete = False

    async def ask(self, known: Rows, since: int, touched: Touched | None) -> Reply:  # noqa: ARG002
        """Ask for the page."""
        call = self._runner.call if touched is None else self._runner.call_live
        before = self._runner.position
        page = await call(ask_entity_page, self._query, self._declared, self.team)
        rows: dict[RowKey, EntityState] = {state.key: state for state in page.states}
        self._note(known, rows, page, self._runner.position)
        return Reply(rows, before, whole=True)

    def _note(self, known: Rows, rows: Rows, page: EntitiesPage, newest: int) -> None:
        """Keep in mind what came and moved; an answer includes nothing later than ``newest``."""
        if self._begun_at is None:
            self._begun_at = self._moved_at = newest
        else:
            came_at = self._came_at
            self._came_at = {k: came_at.get(k, 0) if k in known else newest for k in rows}
            if list(known) != list(rows):
                self._moved_at = newest
        self._complete = not page.next

    def encode(self, rows: Iterable[Any]) -> bytes:
        """Write rows as a page does."""
        return self._encode(rows)

    def head(self) -> bytes:
        """Write which entities these are."""
        return self._head

    def lacking(self, rows: Rows, position: int) -> list[RowKey] | None:
        """Return the rows that changed or came later; None when it can't be known which came."""
        # Where nothing is filtered or cut, a row comes with an event of its own and never leaves.
        steady = self._query.key is not None or (self._complete and not self._query.where)
        if not steady and (self._begun_at is None or position < self._begun_at):
            return None
        came_at = self._came_at
        return [
            key
            for key, row in rows.items()
            if row.version > position or came_at.get(key, 0) > position
        ]

    def moved_after(self, position: int) -> bool:
        """Tell whether rows came, left or changed places after ``position``, or may have."""
        return position < self._moved_at
