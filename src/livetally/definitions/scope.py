"""Answers, while a definition is read, which names exist and what type they have.

In the flow: made by ``reading`` once the event types are known, asked by the readers of metrics,
entities and dashboards.

Guarantee: a name that passed is declared, or is of an event type of which nothing but its
attributes is used; every other name is a problem that says what to declare or which name was
perhaps meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from livetally.definitions.fields import EventType, Field, FieldType
from livetally.definitions.filters import Filter, Op
from livetally.definitions.literals import read_literal
from livetally.definitions.locate import Path
from livetally.definitions.nearest import nearest
from livetally.definitions.paths import data_path, parse_reference
from livetally.definitions.problems import Problems
from livetally.definitions.read_where import Condition
from livetally.errors import BadInput

__all__ = ["BY_MAX", "DIMENSION_ATTRIBUTES", "Scope"]

BY_MAX: Final = 8
DIMENSION_ATTRIBUTES: Final = ("subject", "source", "type")
_UNORDERED: Final = frozenset({FieldType.BOOLEAN, FieldType.UUID})
_COMPARING: Final = frozenset({Op.GT, Op.GE, Op.LT, Op.LE, Op.RANGE})
_MISSPELT: Final = 0.85
_COMPARED_MAX: Final = 200


class Scope:
    """The event types of one application."""

    def __init__(
        self,
        events: dict[str, EventType],
        doubtful: frozenset[tuple[str, str]],
        problems: Problems,
        *,
        rejects_unknown: bool,
    ) -> None:
        """Know the event types.

        Args:
            events: what is declared.
            doubtful: (event type, path) of fields whose declaration has a mistake of its own; what
                follows from their type is not reported.
            problems: where mistakes go.
            rejects_unknown: whether events of undeclared types are refused.
        """
        self._events = events
        self._doubtful = doubtful
        self._rejects_unknown = rejects_unknown
        self._misspelt: dict[str, bool] = {}
        self.problems = problems

    def event(self, path: Path, name: str) -> None:
        """Check that events of this type can exist."""
        if name in self._events:
            return
        if self._rejects_unknown or self._looks_misspelt(name):
            remedy = f"declare it as [event.{name}]"
            self.problems.unknown(path, "event type", name, self._events, remedy)

    def reference(self, path: Path, text: str) -> str | None:
        """Return the canonical form of a reference, or None when it is none."""
        try:
            return parse_reference(text, "where")
        except BadInput as error:
            self.problems.add(path, error.reason)
            return None

    def find(self, event: str, reference: str) -> Field | None:
        """Return the declared field of an event type that a reference names."""
        data = data_path(reference)
        declared = self._events.get(event)
        return declared.fields.get(data) if declared and data else None

    def fields(self, event: str) -> dict[str, Field] | None:
        """Return the declared fields of an event type, or None when it isn't declared."""
        declared = self._events.get(event)
        return declared.fields if declared else None

    def is_doubtful(self, event: str, reference: str) -> bool:
        """Whether the field's own declaration has a mistake."""
        return (event, data_path(reference) or "") in self._doubtful

    def declared(
        self, path: Path, events: Iterable[str], reference: str, attributes: Sequence[str]
    ) -> dict[str, Field]:
        """Return the field of each event type that declares it; a problem when none does.

        Args:
            path: where the reference stands.
            events: the event types that are meant.
            reference: canonical.
            attributes: those that are allowed here; they have no field.
        """
        if reference in attributes:
            return {}
        names = tuple(events)
        found = {name: field for name in names if (field := self.find(name, reference))}
        data = data_path(reference)
        if data is None:
            allowed = ", ".join(("a data field", *attributes))
            reason = f"'{reference}' can't be used here, only {allowed}"
            self.problems.add(path, f"{reason}; its data field is 'data.{reference}'")
        elif not found and names:
            known = [field for name in names for field in self._known(name)]
            remedy = f"declare it: [event.{names[0]}] data.{data} = ..."
            self.problems.unknown(path, "field", data, [*known, *attributes], remedy)
        return found

    def filters(self, conditions: Iterable[Condition], events: Sequence[str]) -> None:
        """Check conditions against the fields of the event types."""
        for path, condition in conditions:
            attributes = (*DIMENSION_ATTRIBUTES, "id")
            found = self.declared(path, events, condition.field, attributes)
            for name, field in found.items():
                if not self.is_doubtful(name, condition.field):
                    self.comparison(path, condition, field)

    def comparison(self, path: Path, condition: Filter, field: Field) -> None:
        """Check that a condition makes sense for values of the field's type."""
        if condition.op is Op.PREFIX and field.type is not FieldType.STRING:
            self.problems.add(
                path, f"'{field.name}' is a {field.type.value}; only a string has a prefix"
            )
            return
        if condition.op in _COMPARING and field.type in _UNORDERED:
            self.problems.add(path, f"'{field.name}' is a {field.type.value}, which has no order")
            return
        try:
            values = [read_literal(field, text) for text in condition.values]
        except BadInput as error:
            self.problems.add(path, error.reason)
            return
        if condition.op is Op.RANGE and values[0] > values[1]:  # type: ignore[operator]
            self.problems.add(path, "the range ends before it begins")

    def _looks_misspelt(self, name: str) -> bool:
        """Whether an undeclared event type is so like a declared one that it is hardly meant."""
        if name not in self._misspelt and len(self._misspelt) < _COMPARED_MAX:
            self._misspelt[name] = nearest(name, self._events, _MISSPELT) is not None
        return self._misspelt.get(name, False)

    def _known(self, event: str) -> Iterable[str]:
        """Return the paths that an event type declares."""
        return self._events[event].fields if event in self._events else ()
