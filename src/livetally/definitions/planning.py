"""Says what applying a definition would change, before anything changes.

In the flow: receives the applied and the new ``Application`` from ``cli`` and ``api``, hands back a
``Plan`` for people and programs.

Guarantee: an empty plan means that both declare the same; each difference is in exactly one change.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

from livetally.definitions.application import Application
from livetally.definitions.canonical import to_json

__all__ = ["Change", "ChangeKind", "Plan", "plan", "plan_text"]


class ChangeKind(StrEnum):
    """What happens to a declaration."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class Change(msgspec.Struct, frozen=True):
    """One declaration that is added, changed or removed.

    Attributes:
        kind: which of the three.
        what: ``application``, ``event``, ``field``, ``metric``, ``entity``, ``entity field``,
            ``action``, ``dashboard``, ``inlet``, ``answer``, ``command``, ``import``, ``lookup``,
            ``alert`` or one of the tables of other rooms.
        name: dotted, for example ``departure.carrier`` for a field.
        detail: what that means, in words.
    """

    kind: ChangeKind
    what: str
    name: str
    detail: str


class Plan(msgspec.Struct, frozen=True):
    """What applying a definition would change.

    Attributes:
        application: its name.
        changes: in the order of the definition, with removals last.
    """

    application: str
    changes: tuple[Change, ...] = ()


_Declarations: TypeAlias = dict[tuple[str, str], dict[str, Any]]

_SIGNS: Final = {ChangeKind.ADDED: "+", ChangeKind.CHANGED: "~", ChangeKind.REMOVED: "-"}
_SHOWN_CHARS_MAX: Final = 60
# What a change of each kind means to numbers that people already look at.
_WHEN_CHANGED: Final = {
    "field": "stored events are read by the new declaration",
    "metric": "answers change over all history",
    "entity field": "every entity is derived anew",
}
_WHEN_REMOVED: Final = {
    "event": "its events stay stored",
    "field": "its values stay in the stored events",
    "metric": "it can't be asked for any more; the events stay stored",
    "entity": "it can't be asked for any more; the events stay stored",
}
# Which columns a declaration reads: compared, never shown.
_COLUMNS: Final = "columns"
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_HEAD: Final = ("title", "description", "unknown_types")


def plan(old: Application | None, new: Application | None) -> Plan:
    """Compare two versions of an application; one of them is there.

    Args:
        old: what is applied now; None when nothing is.
        new: what is to be applied; None to take the application away.
    """
    named = new or old
    assert named is not None, "a plan compares something"
    before = _declarations(old) if old else {}
    after = _declarations(new) if new else {}
    changes = [
        _change(what, name, before.get((what, name)), declared)
        for (what, name), declared in after.items()
    ]
    removed = [
        Change(ChangeKind.REMOVED, what, name, _WHEN_REMOVED.get(what, "no longer declared"))
        for what, name in before
        if (what, name) not in after
    ]
    return Plan(named.name, (*(change for change in changes if change), *removed))


def plan_text(made: Plan) -> str:
    """Write a plan for a terminal: one line for each change, and a line that counts them."""
    if not made.changes:
        return f"{made.application}: nothing changes."
    lines = [
        f"{_SIGNS[change.kind]} {change.what} {change.name}: {change.detail}"
        for change in made.changes
    ]
    counts = [
        f"{count} {kind.value}"
        for kind in ChangeKind
        if (count := sum(change.kind is kind for change in made.changes))
    ]
    return "\n".join([*lines, f"{made.application}: {', '.join(counts)}."])


def _change(what: str, name: str, old: dict[str, Any] | None, new: dict[str, Any]) -> Change | None:
    """Return the change of one declaration, or None when there is none."""
    if old is None:
        return Change(ChangeKind.ADDED, what, name, _summary(what, new))
    if old == new:
        return None
    differences = [
        f"{key} {_shown(old.get(key))} -> {_shown(new.get(key))}"
        for key in dict.fromkeys([*old, *new])
        if key != _COLUMNS and old.get(key) != new.get(key)
    ]
    found = ", ".join(differences) or "a field that it reads has changed"
    meaning = _WHEN_CHANGED.get(what)
    return Change(ChangeKind.CHANGED, what, name, f"{found}; {meaning}" if meaning else found)


def _summary(what: str, new: dict[str, Any]) -> str:
    """Describe a new declaration in a few words."""
    words = new.get("title") or new.get("description")
    match what:
        case "field":
            required = ", required" if new.get("required") else ""
            scale = f" of {new['scale']} decimals" if "scale" in new else ""
            return f"{new['type']}{scale}{required}"
        case "metric" if "ratio" in new:
            return " / ".join(new["ratio"])
        case "metric":
            events = " and ".join(dict.fromkeys(term["event"] for term in new["of"]))
            by = f" by {', '.join(new['by'])}" if "by" in new else ""
            return f"{new['aggregate']} of {events}{by}"
        case "entity field":
            return ", ".join(
                f"{key} {_shown(value)}" for key, value in new.items() if key != _COLUMNS
            )
        case "action":
            return f"appends {new['event']}"
        case "inlet" | "answer" | "command":
            method = new.get("method", "GET" if what == "answer" else "POST")
            return f"{method} {new.get('path', '')}"
        case "lookup":
            return f"{len(new['rows'])} rows"
        case _:
            return str(words or "new")


def _shown(value: object) -> str:
    """Write a value for people, cut to one line's length."""
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else _ENCODER.encode(value).decode()
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}..."


def _declarations(application: Application) -> _Declarations:
    """Return every declaration in canonical form by what it is and its name."""
    whole = to_json(application)
    head: dict[str, Any] = {key: whole[key] for key in _HEAD if key in whole}
    found: _Declarations = {}
    found["application", application.name] = head
    for name, event in whole.get("event", {}).items():
        found |= _with_parts("event", name, event, {"data": "field"})
    for name, metric in whole.get("metric", {}).items():
        found["metric", name] = metric | _metric_columns(application, name)
    for name, entity in whole.get("entity", {}).items():
        parts = {"fields": "entity field", "actions": "action"}
        found |= _with_parts("entity", name, entity, parts)
        for field_name, field in application.entities[name].fields.items():
            columns = {event: read.column for event, read in field.fields.items()}
            found["entity field", f"{name}.{field_name}"] |= {_COLUMNS: columns}
    for what in ("dashboard", "inlet", "answer", "command", "import", "lookup"):
        for name, declared in whole.get(what, {}).items():
            found[what, name] = declared
    for name, alert in application.alerts.items():
        found["alert", name] = alert.raw
    for name, table in application.extra.items():
        if name != "alert":
            found[name, name] = table
    return found


def _with_parts(
    what: str, name: str, whole: dict[str, Any], parts: dict[str, str]
) -> _Declarations:
    """Split a declaration into itself and the parts that are declarations of their own."""
    found: _Declarations = {
        (what, name): {key: value for key, value in whole.items() if key not in parts}
    }
    for key, part in parts.items():
        for below, value in whole.get(key, {}).items():
            found[part, f"{name}.{below}"] = value
    return found


def _metric_columns(application: Application, name: str) -> dict[str, Any]:
    """Return which columns a metric reads; not written, and yet its answers depend on it."""
    metric = application.metrics.get(name)
    terms = metric.terms if metric else ()
    return {
        _COLUMNS: [
            {reference: field.column for reference, field in term.fields.items()} for term in terms
        ]
    }
