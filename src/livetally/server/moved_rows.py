"""Rows of a store become batches again, as if they had just been sent.

In the flow: receives portions from ``moving``, reads their rows, hands batches to ``cluster``.
Guarantee: a batch says of each event what its sender and its first server said, times of arrival
among them; declared fields are left to the store, which reads them from the data as it would have.

Where a type's retention has taken what was sent, the fields are all that is left: those events
carry them, in inserts of their own, because a column is there for all events of one or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from livetally.cluster import Group, Work
from livetally.definitions import Field, FieldType
from livetally.errors import StoreFailed
from livetally.ingest import Batch, Kept
from livetally.store.events import Engine, existing_columns
from livetally.store.events.history import Held, Portion, held_fields, read_held

__all__ = ["groups_of"]

_PAGE_BYTES_MAX = 32 * 1024 * 1024
_BATCH_EVENTS_MAX = 5_000
_BATCH_BYTES_MAX = 4 * 1024 * 1024
_ROW_BYTES = 100  # of a row, beside its data, for a message's size
_INTEGER_MAX = 2**63 - 1


def groups_of(
    engine: Engine, portion: Portion, fields: Mapping[str, Field]
) -> Iterator[list[Group]]:
    """Yield a portion's events, some tens of megabytes at a time. Blocks.

    Raises:
        StoreFailed: it can't be read, or an event can't be said in a message.
    """
    whole = portion.events - portion.thinned
    pages = max(1, -(-portion.data_bytes // _PAGE_BYTES_MAX))
    limit = max(1, -(-whole // pages))
    for offset in range(0, whole, limit):
        yield [Group(_works(read_held(engine, portion, offset, limit), {}, {}))]
    if not portion.thinned:
        return
    columns = existing_columns(engine)
    held = {name: field for name, field in fields.items() if name in columns}
    for offset in range(0, portion.thinned, _BATCH_EVENTS_MAX):
        rows, values = held_fields(engine, portion, held, offset, _BATCH_EVENTS_MAX)
        _require_narrow(held, values)
        yield [Group(_works(rows, values, held), alone=True)]


def _works(rows: Held, values: Mapping[str, list[Any]], fields: Mapping[str, Field]) -> list[Work]:
    """Return batches of one team and one arrival each: that is what a batch is."""
    places: dict[tuple[int, int], list[int]] = {}
    for place, arrived in enumerate(zip(rows.team, rows.received_us, strict=True)):
        places.setdefault(arrived, []).append(place)
    works = []
    for (team, received_us), chosen in places.items():
        for some in _cut(chosen, rows.data):
            batch = _batch(team, received_us, rows, some)
            batch.fields = {name: [column[i] for i in some] for name, column in values.items()}
            batch.declared = dict(fields)
            size = sum(len(rows.data[i]) for i in some) + _ROW_BYTES * len(some)
            works.append(Work(batch, size, None))
    return works


def _cut(places: Sequence[int], data: Sequence[str]) -> Iterator[Sequence[int]]:
    first, length = 0, 0
    for count, place in enumerate(places):
        more = len(data[place]) + _ROW_BYTES
        if count > first and (
            count - first == _BATCH_EVENTS_MAX or length + more > _BATCH_BYTES_MAX
        ):
            yield places[first:count]
            first, length = count, 0
        length += more
    yield places[first:]


def _batch(team: int, received_us: int, rows: Held, places: Sequence[int]) -> Batch:
    return Batch.restored(
        Kept(
            team=team,
            received_us=received_us,
            types=[rows.type[i] for i in places],
            sources=[rows.source[i] for i in places],
            subjects=[rows.subject[i] for i in places],
            attributes=[rows.attributes[i] for i in places],
            ids=[rows.id[i].encode() for i in places],
            data=[rows.data[i].encode() for i in places],
            timed=[bool(rows.timed[i]) for i in places],
            occurred_us=[rows.occurred_us[i] for i in places],
            fields={},
            declared={},
            unread=frozenset(),
        )
    )


def _require_narrow(fields: Mapping[str, Field], values: Mapping[str, list[Any]]) -> None:
    """Refuse what a message would leave to the data, where there is none any more.

    Raises:
        StoreFailed: a decimal has more than 18 digits.
    """
    for name, field in fields.items():
        if field.type is not FieldType.DECIMAL:
            continue
        if any(one is not None and abs(one) > _INTEGER_MAX for one in values[name]):
            raise StoreFailed(
                f"Of some events only their fields are left (keep_data), and '{field.name}' of one"
                " has more than 18 digits, which a message of the log does not hold."
            )
