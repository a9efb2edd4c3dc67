"""The batches of one commit become the columns of one insert.

In the flow: receives batches and the places of their new rows from the writer, hands ``EventRows``
to ``store.events`` and the touched time slots to the commit's notice.
Guarantee: rows keep the order of arrival; every column has one value for each row. A declared
column is handed over only if its values are known for every row of the commit; otherwise the engine
reads it from the raw data, which gives the same values, only slower. So what one team or type
declares never hides from another, later declaration what its own events hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from livetally.definitions import Field
from livetally.event.bulk import Ints
from livetally.event.texts import SameSize, Texts
from livetally.ingest.batch import Batch, listed
from livetally.store.events import SLOT_US, EventRows

__all__ = ["Places", "joined_rows", "plain", "touched_slots"]

Places = Sequence[list[int] | None]
"""For each batch the rows to take, None for all of them."""


def joined_rows(batches: Sequence[Batch], places: Places) -> EventRows:
    """Join the chosen rows of each batch, column by column."""
    counts = [
        len(batch) if chosen is None else len(chosen)
        for batch, chosen in zip(batches, places, strict=True)
    ]

    def joined(name: str) -> Any:
        return _joined([getattr(batch, name) for batch in batches], places)

    return EventRows(
        team=_repeated([batch.team for batch in batches], counts),
        type=joined("types"),
        occurred_us=joined("occurred_us"),
        subject=joined("subjects"),
        source=joined("sources"),
        id=joined("ids"),
        timed=joined("timed"),
        received_us=_repeated([batch.received_us for batch in batches], counts),
        data=joined("data"),
        attributes=joined("attributes"),
        fields=_fields(batches, places),
    )


def plain(rows: EventRows) -> EventRows:
    """Return the same rows with every column a list of Python's own values, without their bytes."""
    fields = {name: (field, listed(values)) for name, (field, values) in rows.fields.items()}
    return rows._replace(
        data=(),
        attributes=(),
        occurred_us=listed(rows.occurred_us),
        subject=listed(rows.subject),
        source=listed(rows.source),
        team=listed(rows.team),
        id=listed(rows.id),
        received_us=listed(rows.received_us),
        fields=fields,
    )


def touched_slots(
    batches: Sequence[Batch], places: Places
) -> dict[tuple[int, str], frozenset[int]]:
    """Return the quarter-hour slots in which each (team, type) gained events."""
    touched: dict[tuple[int, str], set[int]] = {}
    for batch, chosen in zip(batches, places, strict=True):
        types = _joined([batch.types], [chosen])
        times = _joined([batch.occurred_us], [chosen])
        kinds = set(types)
        if len(kinds) == 1:
            slots = _slots(times)
            touched.setdefault((batch.team, kinds.pop()), set()).update(slots)
            continue
        for kind, at in zip(types, times, strict=True):
            touched.setdefault((batch.team, kind), set()).add(at // SLOT_US)
    return {key: frozenset(slots) for key, slots in touched.items()}


def _fields(batches: Sequence[Batch], places: Places) -> dict[str, tuple[Field, list[Any]]]:
    """Join the declared fields whose values are known for every row."""
    declared = {name: field for batch in batches for name, field in batch.declared.items()}
    return {
        name: (
            field,
            _joined([_column(batch, name) for batch in batches], places),
        )
        for name, field in declared.items()
        if all(_is_known(batch, name, field) for batch in batches)
    }


def _column(batch: Batch, name: str) -> Any:
    values = batch.fields.get(name)
    return [None] * len(batch) if values is None else values


def _is_known(batch: Batch, name: str, field: Field) -> bool:
    return name in batch.fields or not (name in batch.unread or batch.may_hold(field))


def _slots(times: Any) -> set[int]:
    if isinstance(times, np.ndarray):
        return set(np.unique(times // SLOT_US).tolist())
    return {at // SLOT_US for at in times}


def _joined(columns: Sequence[Any], places: Places) -> Any:
    """Join columns: as an array, or as texts, if all of them are such, else as a list."""
    if len(columns) == 1 and places[0] is None:
        return columns[0]
    kinds = {type(column) for column in columns}
    if kinds == {np.ndarray}:
        chosen_of = zip(columns, places, strict=True)
        return np.concatenate(
            [column if chosen is None else column[chosen] for column, chosen in chosen_of]
        )
    if kinds == {SameSize} and len({column.size for column in columns}) == 1:
        return SameSize(_joined([column.chars for column in columns], places))
    if kinds == {Texts}:
        return Texts(_joined([column.utf8 for column in columns], places))
    values: list[Any] = []
    for column, chosen in zip(map(listed, columns), places, strict=True):
        values += column if chosen is None else [column[i] for i in chosen]
    return values


def _repeated(values: Sequence[int], counts: Sequence[int]) -> Ints:
    return np.repeat(np.array(values, np.int64), counts)
