"""Reads a whole definition, from TOML or JSON, and lists every mistake in it.

In the flow: receives what a user wrote from ``cli``, ``server`` and ``api``, hands an
``Application`` to the rest of the program.

Guarantee: whatever the input, the result is an ``Application`` without a mistake or one
``InvalidDefinition`` with all of them; the cost is bounded by the size of the input, at most 1 MiB.
"""

from __future__ import annotations

import json
import re
import tomllib
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

import msgspec

from livetally.definitions.application import Application, UnknownTypes
from livetally.definitions.application_name import APPLICATION_NAME_RULE, is_application_name
from livetally.definitions.locate import Path, locate
from livetally.definitions.metric import Statistics
from livetally.definitions.plain import jsonable, plain
from livetally.definitions.problems import Problems
from livetally.definitions.read_alerts import read_alerts
from livetally.definitions.read_answers import read_answers
from livetally.definitions.read_commands import read_commands
from livetally.definitions.read_dashboards import read_dashboards
from livetally.definitions.read_entities import read_entities
from livetally.definitions.read_events import read_events
from livetally.definitions.read_inlets import read_inlets
from livetally.definitions.read_map import read_imports, read_lookups
from livetally.definitions.read_metrics import read_metrics
from livetally.definitions.read_simulations import read_simulations
from livetally.definitions.read_sinks import read_sinks
from livetally.definitions.read_sources import read_sources
from livetally.definitions.route_paths import check_paths
from livetally.definitions.scope import Scope
from livetally.definitions.table import Table
from livetally.errors import DefinitionProblem, InvalidDefinition

__all__ = ["EXTRA", "SIZE_BYTES_MAX", "read_json", "read_text", "read_toml"]

SIZE_BYTES_MAX: Final = 1024 * 1024

_NAMELESS: Final = "is missing: the name of the application"

# Tables that belong to other rooms; kept as plain values.
EXTRA: Final = ("source", "sink", "alert", "simulation", "retention")

_AT: Final = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
# The parser's cost grows with the square of the parts of one key.
_LONG_KEY: Final = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}"""
)


def read_toml(text: str, origin: str) -> Application:
    """Read a definition file.

    Args:
        text: the file's content, TOML 1.0, up to 1 MiB in UTF-8.
        origin: where it came from, for people: a path or "request body".

    Raises:
        InvalidDefinition: with every mistake: line (from 1), dotted key and reason, by line. What
            is no TOML at all is one mistake.
    """
    body = text.removeprefix("\ufeff")  # some editors on Windows put one in front
    raw = _parse(body, origin)
    problems = Problems()
    application = _application(raw, text, problems)
    if problems:
        raise InvalidDefinition(origin, problems.located(_lines(body)))
    return application


def read_json(definition: object, origin: str) -> Application:
    """Read a definition that came as JSON: the same tables and keys as in TOML.

    Args:
        definition: the decoded JSON. Fractions may be Decimal, which is exact, or float.
        origin: where it came from, for people.

    Raises:
        InvalidDefinition: with every mistake; the line is 1 for each, as decoded JSON has no lines.
    """
    if not isinstance(definition, dict):
        _refuse(origin, 1, "definition", "must be an object")
    problems = Problems()
    raw = plain(definition, (), problems)
    encoded = msgspec.json.Encoder(decimal_format="number").encode(raw) if not problems else b""
    if len(encoded) > SIZE_BYTES_MAX:
        _refuse(origin, 1, "definition", f"is over {SIZE_BYTES_MAX} bytes long")
    text = msgspec.json.format(encoded, indent=2).decode() if encoded else ""
    application = _application(raw, text, problems)
    if problems:
        raise InvalidDefinition(origin, problems.located({}))
    return application


def read_text(text: str, origin: str) -> Application:
    """Read a definition as it was kept: TOML, or the JSON that it came as.

    No TOML begins with a brace, so the two can't be confused.

    Raises:
        InvalidDefinition: with every mistake, as the other two.
    """
    if not text.lstrip().startswith("{"):
        return read_toml(text, origin)
    try:
        definition = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        _refuse(origin, getattr(error, "lineno", 1), "syntax", f"is no JSON: {error}")
    return read_json(definition, origin)


def _parse(body: str, origin: str) -> dict[str, Any]:
    """Parse TOML, or refuse it with the one mistake that the parser tells."""
    try:
        if len(body.encode()) > SIZE_BYTES_MAX:
            _refuse(origin, 1, "definition", f"is over {SIZE_BYTES_MAX} bytes long")
    except UnicodeEncodeError as error:
        line = body.count("\n", 0, error.start) + 1
        _refuse(origin, line, "syntax", "holds half of a surrogate pair, which is no character")
    if long := _LONG_KEY.search(body):
        line = body.count("\n", 0, long.start()) + 1
        _refuse(origin, line, "syntax", "a key can't have over 32 parts")
    try:
        return tomllib.loads(body, parse_float=_number)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        line = int(at["line"]) if at and at["line"] else body.count("\n") + 1
        _refuse(origin, line, "syntax", _AT.sub("", str(error)))
    except RecursionError:
        _refuse(origin, 1, "syntax", "is nested too deeply")
    except ValueError:
        _refuse(origin, 1, "syntax", "holds a number with too many digits")


def _number(text: str) -> Decimal:
    """Read a TOML float exactly; what no Decimal can hold becomes NaN, which ``plain`` reports."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _lines(body: str) -> dict[Path, int]:
    """Return the lines of everything in a text that the parser accepted."""
    try:
        return locate(body)
    except RecursionError:
        return {}  # nested so deeply that the text is refused for that


def _refuse(origin: str, line: int, key: str, reason: str) -> NoReturn:
    """Raise a single mistake."""
    raise InvalidDefinition(origin, (DefinitionProblem(line, key, reason),))


def _application(raw: dict[str, Any], text: str, problems: Problems) -> Application:
    """Read the whole definition; what is returned counts only when there are no problems."""
    root = Table(plain(raw, (), problems), (), problems)
    name = root.text("application")
    if not is_application_name(name):
        given = f"must be {APPLICATION_NAME_RULE}" if name else _NAMELESS
        root.problem(given, "application")
    unknown = root.choice("unknown_types", UnknownTypes, required=False) or UnknownTypes.STORE
    events, doubtful = read_events(root)
    rejects = unknown is UnknownTypes.REJECT
    scope = Scope(events, doubtful, problems, rejects_unknown=rejects)
    metrics, ratios = read_metrics(root, name, scope)
    declared: Statistics = dict.fromkeys(root.table("metric").given())
    statistics: Statistics = {**declared, **metrics, **ratios}
    entities = read_entities(root, name, scope, statistics)
    lookups = read_lookups(root)
    sources = read_sources(root, name, scope, lookups)
    application = Application(
        name,
        root.text("title"),
        root.text("description"),
        unknown,
        events,
        metrics,
        ratios,
        entities,
        read_dashboards(root, name, scope, statistics, entities),
        read_sinks(root, name, scope, statistics, entities),
        read_inlets(root, name, scope, lookups),
        read_answers(root, name, statistics, entities, lookups),
        read_imports(root, name, scope, lookups),
        lookups,
        {key: _extra(root, key) for key in EXTRA if key in root},
        text,
        simulations=read_simulations(root, scope, entities),
        sources=sources,
        commands=read_commands(root, name, sources, lookups),
        alerts=read_alerts(root, name, scope, statistics),
    )
    check_paths(application, (), problems)
    root.finish()
    return application


def _extra(root: Table, key: str) -> Any:
    """Return a table of another room as plain values."""
    root.table(key)
    return jsonable(root.raw(key))
