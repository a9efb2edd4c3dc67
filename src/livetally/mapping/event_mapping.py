"""A payload becomes events, record by record.

In the flow: read by ``read_mapping``; asked by ``api`` for each request to an inlet, by ``sources``
for each page and by ``cli`` for each row.
Guarantee: every record that ``each`` finds becomes one item, is left out by ``where``, or is one
``Fault``; a bad record never costs a good one; the same payload gives the same items.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from livetally.mapping.casts import kind_of
from livetally.mapping.expressions import CannotEvaluate, Evaluator, Expression
from livetally.mapping.lookups import Lookups
from livetally.mapping.values import Value, content_hash

__all__ = ["Context", "EventMapping", "Fault", "Mapped"]

_NOTHING: Final[Mapping[str, str]] = {}


class Context(NamedTuple):
    """What an expression may ask for beside the payload.

    Attributes:
        params: parts of the path by name, for ``param()``.
        headers: headers of the request by their names in lower case, for ``header()``.
        query: parameters of the query, for ``query()``.
        content_ids: whether an event without an id gets one that is made of its content, so that
            the same record sent again is a duplicate. Otherwise the server makes a new id.
    """

    params: Mapping[str, Any] = _NOTHING
    headers: Mapping[str, str] = _NOTHING
    query: Mapping[str, str] = _NOTHING
    content_ids: bool = False


class Fault(NamedTuple):
    """Why the record at ``index`` (0-based, in the payload) gave no event: a field, a reason."""

    index: int  # type: ignore[assignment] # hides tuple.index, which nobody asks a fault for
    field: str
    reason: str


class Mapped(NamedTuple):
    """``items[i]`` was record ``indexes[i]``; ``faults`` and ``skipped`` are the others.

    An item has the members of one event of ``POST /v1/events``; its numbers may be Decimal, so
    write it with ``encode_items``.
    """

    items: list[dict[str, Any]]
    indexes: list[int]
    faults: list[Fault]
    skipped: int

    @property
    def records(self) -> int:
        """How many records the payload had."""
        return len(self.items) + len(self.faults) + self.skipped


class EventMapping(NamedTuple):
    """What ``map`` in a definition says; immutable, safe for any thread.

    Attributes:
        each: finds the record or the list of records.
        where: what a record must meet; None for all.
        members: the event's own members, for example ``("type", Value)``.
        data: the fields of its data by their path, or one value that is the whole object.
        lookups: what expressions may look up.
    """

    each: Expression
    where: Expression | None
    members: tuple[tuple[str, Value], ...]
    data: tuple[tuple[tuple[str, ...], Value], ...] | Value
    lookups: Lookups

    @property
    def constant_type(self) -> str | None:
        """The type of every event, None when it depends on the record."""
        value = dict(self.members).get("type")
        if value is None:
            return None
        if value.expressions and value.expressions[0].is_constant and not value.lookup:
            return str(value.expressions[0].constant)
        return value.constant if isinstance(value.constant, str) else None

    @property
    def fields(self) -> list[str] | None:
        """The dotted names of the data's fields, None when the data is one expression."""
        if isinstance(self.data, Value):
            return None
        return [".".join(path) for path, _ in self.data]

    @property
    def required_names(self) -> list[str]:
        """The members that every record has to have: of required entries that are one name."""
        values = [value for _, value in self.members]
        values += [] if isinstance(self.data, Value) else [value for _, value in self.data]
        return [value.expressions[0].text for value in values if value.needs_its_name]

    @property
    def lookups_used(self) -> Lookups:
        """The look-up tables that a record's event may depend on."""
        values = [value for _, value in self.members]
        values += [self.data] if isinstance(self.data, Value) else [value for _, value in self.data]
        names = {value.lookup.name for value in values if value.lookup is not None}
        expressions = [self.each, *(one for value in values for one in value.expressions)]
        expressions += [] if self.where is None else [self.where]
        calls = [call for expression in expressions for call in expression.calls()]
        names |= {call.name for call in calls if call.function == "lookup" and call.name}
        return {name: one for name, one in self.lookups.items() if name in names}

    def listed(self, payload: Any) -> int | None:
        """Return how long the list is that ``each`` goes over, filtering or unfolding its items.

        None where it goes over none: what it finds are then the records.
        """
        found = self.each.base(payload, Evaluator(payload, lookups=self.lookups))
        return len(found) if isinstance(found, list) else None

    def events(self, payload: Any, context: Context | None = None) -> Mapped:
        """Return the events of a payload, as ``decode_payload`` gives it. Never raises."""
        within = context or Context()
        evaluator = Evaluator(payload, within.params, within.headers, within.query, self.lookups)
        mapped = Mapped([], [], [], 0)
        records = self._records(payload, evaluator, mapped.faults)
        skipped = 0
        for index, record in enumerate(records):
            made = self._event(index, record, evaluator)
            if made is None:
                skipped += 1
            elif isinstance(made, Fault):
                mapped.faults.append(made)
            else:
                if within.content_ids and "id" not in made:
                    made["id"] = content_hash(made)
                mapped.items.append(made)
                mapped.indexes.append(index)
        return mapped._replace(skipped=skipped)

    def _records(self, payload: Any, evaluator: Evaluator, faults: list[Fault]) -> list[Any]:
        try:
            found = self.each.of(payload, evaluator)
        except CannotEvaluate as error:
            faults.append(Fault(0, "each", str(error)))
            return []
        if isinstance(found, list):
            return found
        if isinstance(found, dict):
            return [found]
        what = "nothing" if found is None else kind_of(found)
        reason = f"'{self.each.text}' is {what}; an object or a list was expected"
        faults.append(Fault(0, "each", reason))
        return []

    def _event(
        self, index: int, record: Any, evaluator: Evaluator
    ) -> dict[str, Any] | Fault | None:
        field = "where"
        try:
            if self.where is not None and not _is_true(self.where.of(record, evaluator)):
                return None
            event: dict[str, Any] = {}
            for field, value in self.members:
                given = value.of(record, evaluator)
                if given is not None:
                    event[field] = given
            if isinstance(self.data, Value):
                field = "data"
                event["data"] = _object(self.data.of(record, evaluator))
                return event
            data: dict[str, Any] = {}
            for path, value in self.data:
                field = ".".join(("data", *path))
                _put(data, path, value.of(record, evaluator))
        except ValueError as error:
            return Fault(index, field, str(error))
        if data:
            event["data"] = data
        return event


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    if value is None:
        return
    for name in path[:-1]:
        data = data.setdefault(name, {})
    data[path[-1]] = value


def _object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"is {kind_of(value)}, not an object")  # noqa: TRY004 - a fault of input
    return value


def _is_true(value: Any) -> bool:
    """Whether JMESPath takes a value for true: all but null, false and what is empty."""
    return value is not None and value is not False and value not in ("", [], {})
