"""Checks an application against the others of its team.

In the flow: receives the new ``Application`` and the applied ones from ``api`` and ``cli`` before a
definition is applied, hands nothing on: it raises or returns.

Guarantee: in a team where every application passed, a statistic, entity or dashboard is found by
its name alone, and a field of an event type has one type whoever declares it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from livetally.definitions.application import Application
from livetally.definitions.locate import Path, locate
from livetally.definitions.problems import Problems
from livetally.definitions.route_paths import check_paths
from livetally.errors import InvalidDefinition

__all__ = ["check_team"]


def check_team(
    new: Application,
    others: Iterable[Application],
    origin: str,
    elsewhere: Iterable[Application] = (),
) -> None:
    """Check that ``new`` can be applied beside the others.

    Args:
        new: the application to apply.
        others: the team's applied applications; an older version of ``new`` doesn't count.
        origin: where ``new`` came from, for people.
        elsewhere: applications of other teams: paths are shared by all.

    Raises:
        InvalidDefinition: with every conflict, at its line in ``new``.
    """
    problems = Problems()
    beside = [other for other in others if other.name != new.name]
    check_paths(new, (*beside, *elsewhere), problems)
    for other in beside:
        for path, kind in _shared_names(new, other):
            problems.add(path, f"application '{other.name}' has a {kind} of this name already")
        _compare_fields(new, other, problems)
    if problems:
        raise InvalidDefinition(origin, problems.located(_lines(new.text)))


def _shared_names(new: Application, other: Application) -> Iterator[tuple[Path, str]]:
    """Yield the path of each name that has to be unique in a team and isn't."""
    statistics = {**other.metrics, **other.ratios}
    for name in (*new.metrics, *new.ratios):
        if name in statistics:
            yield ("metric", name), "metric"
    tables = (
        ("entity", new.entities, other.entities),
        ("dashboard", new.dashboards, other.dashboards),
        ("source", new.sources, other.sources),
        ("sink", new.sinks, other.sinks),
        ("alert", new.alerts, other.alerts),
    )
    for kind, mine, theirs in tables:
        yield from (((kind, name), kind) for name in mine if name in theirs)


def _compare_fields(new: Application, other: Application, problems: Problems) -> None:
    """Add the fields of the same event type that have different types."""
    for name, event in new.events.items():
        theirs = other.events[name].fields if name in other.events else {}
        for path, field in event.fields.items():
            if path in theirs and theirs[path].column != field.column:
                problems.add(
                    ("event", name, "data", *path.split(".")),
                    f"application '{other.name}' declares it as {theirs[path].type_tag}, "
                    f"not {field.type_tag}",
                )


def _lines(text: str) -> dict[Path, int]:
    """Return the lines of a definition that was written in TOML; JSON has none here."""
    return {} if text.startswith("{") else locate(text.removeprefix("\ufeff"))
