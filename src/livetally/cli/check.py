"""``livetally check``: reads definition files and names every mistake in them.

In the flow: receives files, hands their text to ``definitions``, prints what is wrong.
Guarantee: needs no server and changes nothing; what passes here can be applied together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livetally.cli.codes import DONE, FAILED

if TYPE_CHECKING:
    from livetally.definitions import Application
    from livetally.errors import InvalidDefinition

__all__ = ["check", "read_file", "whole_text"]


def check(file: Path, /, *files: Path, json: bool = False) -> int:
    """Check definition files: each mistake with its line, key and reason.

    Args:
        file: A definition file.
        files: Further ones; they are checked against each other too.
        json: Print the result as JSON.

    Returns:
        0 when there is no mistake, else 1.
    """
    from livetally.cli.output import print_json
    from livetally.definitions import check_team
    from livetally.errors import InvalidDefinition

    good: list[Application] = []
    results: list[dict[str, Any]] = []
    for path in (file, *files):
        try:
            application = read_file(path)
            check_team(application, good, str(path))
        except InvalidDefinition as error:
            results.append(_result(path, error))
            continue
        good.append(application)
        results.append(_result(path, None) | _counted(application))
    if json:
        print_json(results)
    else:
        _print(results)
    return DONE if len(good) == len(results) else FAILED


def read_file(path: Path) -> Application:
    """Read a definition file.

    Raises:
        InvalidDefinition: it has mistakes, or can't be read.
    """
    from livetally.definitions import read_toml

    return read_toml(whole_text(path), str(path))


def whole_text(path: Path) -> str:
    """Read the text of a definition, with that of the files in which it looks things up.

    Raises:
        InvalidDefinition: one can't be read.
    """
    from livetally.definitions import with_lookup_files
    from livetally.errors import DefinitionProblem, InvalidDefinition

    try:
        text = _text(path)
    except OSError as error:
        reason = f"can't be read: {error.strerror}"
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8, at byte {error.start}"
    else:
        return with_lookup_files(text, str(path), lambda name: _text(path.parent / name))
    raise InvalidDefinition(str(path), (DefinitionProblem(1, "file", reason),))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _result(path: Path, error: InvalidDefinition | None) -> dict[str, Any]:
    problems = error.problems if error else ()
    return {"file": str(path), "problems": [problem._asdict() for problem in problems]}


def _counted(application: Application) -> dict[str, Any]:
    return {
        "application": application.name,
        "events": len(application.events),
        "metrics": len(application.metrics) + len(application.ratios),
        "entities": len(application.entities),
    }


def _print(results: Sequence[dict[str, Any]]) -> None:
    for result in results:
        for problem in result["problems"]:
            place = f"{result['file']}:{problem['line']}"
            print(f"{place}: {problem['key']}: {problem['reason']}")
        if not result["problems"]:
            print(
                f"{result['file']}: {result['application']} has no mistake;"
                f" event types: {result['events']}, metrics: {result['metrics']},"
                f" entities: {result['entities']}"
            )
