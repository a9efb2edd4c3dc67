"""Writes an application back as the JSON that ``read_json`` reads: one form for equal declarations.

In the flow: receives an ``Application`` from ``api`` (for ``GET /v1/definitions``) and from
``planning`` (which compares), hands back plain values.

Guarantee: ``read_json(to_json(app))`` declares the same as ``app``; two applications that declare
the same give equal values, however they were written.
"""

from __future__ import annotations

from typing import Any

from livetally.definitions.application import Application
from livetally.definitions.dashboard import Dashboard, Panel
from livetally.definitions.entity import Action, Entity, EntityField, EntityFieldKind
from livetally.definitions.fields import EventType, Field
from livetally.definitions.metric import Metric, Ratio, Term
from livetally.definitions.read_where import where_texts

__all__ = ["to_json"]


def to_json(application: Application) -> dict[str, Any]:
    """Return the canonical form of an application, without its text.

    Numbers with a fraction are Decimal: encode them as numbers.
    """
    head = {
        "application": application.name,
        "title": application.title,
        "description": application.description,
        "unknown_types": application.unknown_types.value,
    }
    statistics = {name: _metric(metric) for name, metric in application.metrics.items()}
    statistics |= {name: _ratio(ratio) for name, ratio in application.ratios.items()}
    tables = {
        "event": {name: _event(event) for name, event in application.events.items()},
        "metric": statistics,
        "entity": {name: _entity(entity) for name, entity in application.entities.items()},
        "dashboard": {name: _dashboard(page) for name, page in application.dashboards.items()},
        "inlet": {name: inlet.raw for name, inlet in application.inlets.items()},
        "answer": {name: answer.raw for name, answer in application.answers.items()},
        "command": {name: one.raw for name, one in application.commands.items()},
        "import": {name: one.raw for name, one in application.imports.items()},
        "lookup": {name: {"rows": dict(one.rows)} for name, one in application.lookups.items()},
    }
    return _given(head) | _given(tables) | application.extra


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is empty, as one leaves it out when writing."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {}, False)}


def _event(event: EventType) -> dict[str, Any]:
    """Write an event type."""
    data = {path: _field(field) for path, field in event.fields.items()}
    kept = {
        "keep": _days(event.keep_days),
        "keep_data": _days(event.keep_data_days),
        "keep_size": event.keep_bytes and f"{event.keep_bytes // 1_000_000} MB",
    }
    return _given({"description": event.description, "data": data, **kept})


def _days(days: int | None) -> str | None:
    return None if days is None else f"{days} days"


def _field(field: Field) -> dict[str, Any]:
    """Write a field of an event's data; 0 is a limit as good as any, and stays."""
    limits = {
        "scale": field.scale,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "max_length": field.max_length,
    }
    words = {
        "type": field.type.value,
        "required": field.required,
        "one_of": list(field.one_of),
        "description": field.description,
    }
    return _given(words) | {key: value for key, value in limits.items() if value is not None}


def _metric(metric: Metric) -> dict[str, Any]:
    """Write a metric; always in the long form."""
    return {
        "aggregate": metric.aggregate.value,
        "of": [_term(term) for term in metric.terms],
        **_shown(metric),
    }


def _ratio(ratio: Ratio) -> dict[str, Any]:
    """Write a ratio."""
    return {"ratio": [ratio.numerator, ratio.denominator], "by": [], **_shown(ratio)}


def _shown(statistic: Metric | Ratio) -> dict[str, Any]:
    """Write what metrics and ratios have in common."""
    words = _given(
        {
            "title": statistic.title,
            "description": statistic.description,
            "unit": statistic.unit,
            "by": list(statistic.by),
        }
    )
    return words | ({} if statistic.decimals is None else {"decimals": statistic.decimals})


def _term(term: Term) -> dict[str, Any]:
    """Write a term."""
    sign = None if term.sign == 1 else term.sign
    return _given(
        {"event": term.event, "value": term.value, "sign": sign, "where": where_texts(term.where)}
    )


def _entity(entity: Entity) -> dict[str, Any]:
    """Write an entity."""
    return _given(
        {
            "title": entity.title,
            "description": entity.description,
            "key": entity.key,
            "events": list(entity.events),
            "fields": {name: _entity_field(field) for name, field in entity.fields.items()},
            "actions": {name: _action(action) for name, action in entity.actions.items()},
            "title_field": entity.title_field,
            "sort": entity.sort,
        }
    )


def _entity_field(field: EntityField) -> dict[str, Any]:
    """Write a field of an entity."""
    of = True if field.kind is EntityFieldKind.COUNT and field.of is None else field.of
    words = {"title": field.title, "unit": field.unit, "where": where_texts(field.where)}
    return {field.kind.value: of, **_given(words)}


def _action(action: Action) -> dict[str, Any]:
    """Write an action."""
    return _given(
        {
            "title": action.title,
            "event": action.event,
            "data": action.data,
            "when": where_texts(action.when),
            "undo": action.undo,
            "creates": action.creates or None,
        }
    )


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    """Write a dashboard."""
    words = _given({"title": dashboard.title, "description": dashboard.description})
    return {
        **words,
        "range": dashboard.range,
        "interval": dashboard.interval.value,
        "panels": [_panel(panel) for panel in dashboard.panels],
    }


def _panel(panel: Panel) -> dict[str, Any]:
    """Write a panel."""
    return _given(
        {
            "kind": panel.kind.value,
            "metric": list(panel.metrics),
            "entity": panel.entity,
            "by": list(panel.by),
            "where": where_texts(panel.where),
            "interval": panel.interval.value if panel.interval else None,
            "limit": panel.limit,
            "title": panel.title,
            "width": panel.width,
        }
    )
