"""The reference of the command line says what the program does: every command, every option."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from cyclopts import App

from livetally.cli.entry import build_app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
CONNECTION = {"--url", "--key", "--team"}
_OPTION = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
_EXAMPLE = re.compile(r"^livetally .+$", re.MULTILINE)


def commands(app: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, App]]:
    """Yield every command that does something, with its full name."""
    for name in app:
        if name.startswith("-"):
            continue
        inner = app[name]
        if inner.default_command is not None:
            yield " ".join((*path, name)), inner
        yield from commands(inner, (*path, name))


COMMANDS = dict(commands(build_app()))


@cache
def sections() -> dict[str, str]:
    """Return the page's sections by their headings."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def options_of(app: App) -> list[str]:
    """Return the names of a command's arguments and options, in their order."""
    return [argument.names[0] for argument in app.assemble_argument_collection() if argument.show]


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    """In the order of the table of commands."""
    expected = ["Connection options", *(f"`livetally {name}`" for name in COMMANDS)]
    assert list(sections()) == expected


def test_the_connection_options_are_documented_once() -> None:
    """With the environment variables that stand for them."""
    text = sections()["Connection options"]
    assert set(_OPTION.findall(text)) == CONNECTION
    for name in CONNECTION:
        assert f"LIVETALLY_{name[2:].upper()}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_a_command_are_those_of_the_page(name: str) -> None:
    """None is missing, none has gone, and they stand in the order of the help."""
    options = [one for one in options_of(COMMANDS[name]) if one not in CONNECTION]
    if name == "keys create":
        assert "--key" not in options
    assert _OPTION.findall(sections()[f"`livetally {name}`"]) == options


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_command_are_right(name: str) -> None:
    """Each can be called as it stands, and calls this very command."""
    examples = _EXAMPLE.findall(sections()[f"`livetally {name}`"])
    assert examples
    app = build_app()
    for example in examples:
        command, _, _ = app.parse_args(
            shlex.split(example)[1:], print_error=False, exit_on_error=False
        )
        assert command is COMMANDS[name].default_command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained_in_the_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No option of the help is without words."""
    from livetally.cli import main

    assert main([*name.split(), "--help"]) == 0
    printed = capsys.readouterr().out
    for option in options_of(COMMANDS[name]):
        assert re.search(rf"{re.escape(option)}\b.*\s\w+", printed), option
