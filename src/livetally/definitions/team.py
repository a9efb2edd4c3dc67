"""Checks an application against the others of its team.

In the flow: receives the new ``Application`` and the applied ones from ``api`` and ``cli`` before a
definition is applied, hands nothing on: it raises or returns.

Guarantee: in a team where every application passed, a statistic, entity or dashboard is found by
its name alone, a field of an event type has one type whoever declares it, stands below no other
one, and takes some value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from livetally.definitions.application import Application
from livetally.definitions.fields import Field
from livetally.definitions.joining import holders, narrowed
from livetally.definitions.locate import Path, locate
from livetally.definitions.paths import parents
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
    left: dict[tuple[str, str], Field] = {}
    for other in beside:
        for path, kind in _shared_names(new, other):
            problems.add(path, f"application '{other.name}' has a {kind} of this name already")
        _compare_fields(new, other, problems)
        _narrow(new, other, left, problems)
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
    """Add the fields of the same event type that have different types, or hold one another."""
    for name in (name for name in new.events if name in other.events):
        theirs, inside = other.events[name].fields, holders(other.events[name])
        for path, field in new.events[name].fields.items():
            place = ("event", name, "data", *path.split("."))
            if path in theirs and theirs[path].column != field.column:
                problems.add(
                    place,
                    f"application '{other.name}' declares it as {theirs[path].type_tag}, "
                    f"not {field.type_tag}",
                )
            if path in inside:
                problems.add(
                    place,
                    f"'{path}' can't be a {field.type} and hold '{inside[path]}', "
                    f"which application '{other.name}' declares",
                )
            for parent in parents(path):
                if parent in theirs:
                    problems.add(
                        place,
                        f"'{parent}' can't be a {theirs[parent].type}, as application "
                        f"'{other.name}' declares it, and hold '{path}'",
                    )


def _narrow(
    new: Application, other: Application, left: dict[tuple[str, str], Field], problems: Problems
) -> None:
    """Add the fields of which no value is left that this and all other applications take.

    Args:
        new: the application to apply.
        other: the next one of its team.
        left: what the applications before it leave of each field, by event type and path.
        problems: where mistakes go.
    """
    for name in (name for name in new.events if name in other.events):
        theirs = other.events[name].fields
        for path, field in new.events[name].fields.items():
            known = left.get((name, path), field)
            if path not in theirs or theirs[path].column != known.column:
                continue
            both = narrowed(known, theirs[path])
            left[name, path] = known if both is None else both
            if both is None:
                problems.add(
                    ("event", name, "data", *path.split(".")),
                    f"with the bounds that application '{other.name}' declares for it, "
                    "no value is left that it takes",
                )


def _lines(text: str) -> dict[Path, int]:
    """Return the lines of a definition that was written in TOML; JSON has none here."""
    return {} if text.startswith("{") else locate(text.removeprefix("\ufeff"))
