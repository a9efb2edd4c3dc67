"""Reads ``[metric.NAME]``: statistics over events, and ratios of two of them.

In the flow: receives the definition's root ``Table`` and the ``Scope`` from ``reading``, hands back
metrics and ratios.

Guarantee: a metric that came out of a definition without problems can be computed: its values have
the type that its aggregate needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from livetally.definitions.fields import NUMERIC, SCALE_MAX, Field, FieldType
from livetally.definitions.filters import FILTERS_MAX
from livetally.definitions.metric import Aggregate, Metric, Ratio, Term
from livetally.definitions.read_ratios import read_ratios
from livetally.definitions.read_where import Condition, read_where
from livetally.definitions.scope import BY_MAX, DIMENSION_ATTRIBUTES, Scope
from livetally.definitions.table import Table

__all__ = ["dimensions", "read_metrics"]

_TERMS_MAX: Final = 50
_SIGNED: Final = frozenset({Aggregate.SUM, Aggregate.COUNT})
_ADDING: Final = frozenset({Aggregate.SUM, Aggregate.AVG})
# These take any value, also an attribute of the event; all others but count need numbers.
_OF_ANYTHING: Final = frozenset({Aggregate.UNIQUE, Aggregate.LATEST, Aggregate.FIRST})
_ATTRIBUTE_VALUES: Final = (*DIMENSION_ATTRIBUTES, "id")


class _Written(NamedTuple):
    """A term as it is written, for one event type, and the table that it stands in."""

    table: Table
    event: str
    value: str | None
    sign: int
    where: tuple[Condition, ...]


def read_metrics(
    root: Table, application: str, scope: Scope
) -> tuple[dict[str, Metric], dict[str, Ratio]]:
    """Read the metrics and the ratios, each by name."""
    metrics: dict[str, Metric] = {}
    quotients: dict[str, Table] = {}
    for name, table in root.named("metric"):
        if "ratio" in table:
            quotients[name] = table
            continue
        metric = _metric(name, application, table, scope)
        table.finish()
        if metric:
            metrics[name] = metric
    return metrics, read_ratios(
        quotients, application, root.table("metric").given(), metrics, scope
    )


def dimensions(table: Table, key: str, events: tuple[str, ...], scope: Scope) -> tuple[str, ...]:
    """Read a list of dimensions of events of these types, as canonical references."""
    found: dict[str, None] = {}
    for index, text in enumerate(table.texts(key, BY_MAX)):
        path = (*table.path, key, index) if isinstance(table.raw(key), list) else (*table.path, key)
        reference = scope.reference(path, text)
        if reference is None:
            continue
        scope.declared(path, events, reference, DIMENSION_ATTRIBUTES)
        found[reference] = None
    return tuple(found)


def _metric(name: str, application: str, table: Table, scope: Scope) -> Metric | None:
    """Read one metric; None when what it is can't be told."""
    aggregate = table.choice("aggregate", Aggregate)
    shared = read_where(table)
    written = tuple(_written(table, shared, scope))
    events = tuple(dict.fromkeys(term.event for term in written))
    scope.filters(shared, events)
    by = dimensions(table, "by", events, scope)
    title, description, unit = (table.text(key) for key in ("title", "description", "unit"))
    decimals = table.whole("decimals", 0, SCALE_MAX)
    if aggregate is None or not written:
        return None
    terms = tuple(_term(term, aggregate, by, scope) for term in written)
    _check_together(table, aggregate, terms)
    added = aggregate in _ADDING and any(
        field.type is FieldType.NUMBER for field in _value_fields(terms)
    )
    return Metric(
        name,
        application,
        aggregate,
        terms,
        title,
        description,
        unit,
        by,
        decimals,
        approximate=added,
    )


def _written(table: Table, shared: tuple[Condition, ...], scope: Scope) -> Iterator[_Written]:
    """Yield the terms of the short or the long form, one for each event type."""
    if "of" not in table:
        yield from _split(table, shared, scope)
        return
    for key in ("event", "value", "sign"):
        if key in table:
            table.problem(f"'{key}' belongs into each term of 'of'", key)
    before = len(scope.problems)
    terms = tuple(table.elements("of", _TERMS_MAX))
    for term in terms:
        own = read_where(term)
        scope.filters(own, term.texts("event", _TERMS_MAX))
        if len(shared) + len(own) > FILTERS_MAX:
            term.problem(f"takes at most {FILTERS_MAX} filters with those of the metric", "where")
        yield from _split(term, (*shared, *own), scope)
        term.finish()
    if not terms and len(scope.problems) == before:
        table.problem("needs at least one term", "of")


def _split(table: Table, where: tuple[Condition, ...], scope: Scope) -> Iterator[_Written]:
    """Yield a term for each event type that is named in a table."""
    before = len(scope.problems)
    events = table.texts("event", _TERMS_MAX)
    if not events and len(scope.problems) == before:
        table.problem("'event' is missing: which type of event does it count?")
    value = table.text("value") or None
    sign = table.raw("sign") if "sign" in table else 1
    if isinstance(sign, bool) or sign not in (1, -1):
        table.problem("must be 1 or -1", "sign")
        sign = 1
    if value and value.startswith("-"):
        value, sign = value.removeprefix("-"), -sign
    for event in events:
        scope.event((*table.path, "event"), event)
        yield _Written(table, event, value, sign, where)


def _term(written: _Written, aggregate: Aggregate, by: tuple[str, ...], scope: Scope) -> Term:
    """Check one term and carry its fields with it."""
    table, event = written.table, written.event
    if written.sign < 0 and aggregate not in _SIGNED:
        table.problem(f"only sum and count can take away, not {aggregate}", "value")
    value = _value(written, aggregate, scope)
    filters = tuple(condition for _, condition in written.where)
    references = [*by, *(filter_.field for filter_ in filters), *([value] if value else [])]
    fields = {
        reference: field for reference in references if (field := scope.find(event, reference))
    }
    return Term(event, value, -1 if written.sign < 0 else 1, filters, fields)


def _value(written: _Written, aggregate: Aggregate, scope: Scope) -> str | None:
    """Return the canonical reference to what a term aggregates, after checking its type."""
    table, event, text = written.table, written.event, written.value
    path = (*table.path, "value")
    if aggregate is Aggregate.COUNT:
        if text:
            table.problem("a count takes no value; to count different values use unique", "value")
        return None
    if text is None and aggregate is Aggregate.UNIQUE:
        return "subject"
    if text is None:
        table.problem(f"'value' is missing: of what is it the {aggregate}?")
        return None
    reference = scope.reference(path, text)
    if reference is None:
        return None
    allowed = _ATTRIBUTE_VALUES if aggregate in _OF_ANYTHING else ()
    for field in scope.declared(path, (event,), reference, allowed).values():
        numeric = field.type in NUMERIC or scope.is_doubtful(event, reference)
        if not allowed and not numeric:
            reason = (
                f"'{field.name}' is a {field.type}; {aggregate} needs an integer, number or decimal"
            )
            scope.problems.add(path, reason)
    return reference


def _check_together(table: Table, aggregate: Aggregate, terms: tuple[Term, ...]) -> None:
    """Check what only all terms together can get wrong."""
    if len(terms) > _TERMS_MAX:
        table.problem(f"takes at most {_TERMS_MAX} terms, not {len(terms)}")
    types = {field.type for field in _value_fields(terms)}
    # An attribute is a text, as a UUID is; uniques of it and of others are counted apart.
    attributes = any(term.value in _ATTRIBUTE_VALUES for term in terms)
    if attributes and aggregate is not Aggregate.UNIQUE and types != {FieldType.UUID}:
        types.add(FieldType.STRING)
    if aggregate in _OF_ANYTHING and len(types) > 1:
        listed = ", ".join(sorted(types))
        table.problem(f"{aggregate} needs values of one type in all its events, not {listed}")


def _value_fields(terms: tuple[Term, ...]) -> list[Field]:
    """Return the declared fields that the terms aggregate."""
    return [
        term.fields[term.value]
        for term in terms
        if term.value is not None and term.value in term.fields
    ]
