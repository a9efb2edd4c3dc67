"""From the words of a command line to a command and its exit code.

In the flow: called by the script ``livetally`` and by ``python -m livetally``, runs one command.
Guarantee: whatever happens ends in an exit code and, when it failed, in one message on standard
error: 2 for a wrong call, 1 for anything else.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App, CycloptsError, Parameter, UnknownCommandError

from livetally.cli.codes import DONE, FAILED, WRONG_USAGE, WrongUsage
from livetally.cli.commands import COMMANDS
from livetally.cli.texts import require_texts
from livetally.errors import LivetallyError

__all__ = ["build_app", "main"]


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that ``words`` name (those of the process by default); return the exit code.

    Blocks until the command has ended.
    """
    try:
        command, given, _ = build_app().parse_args(sys.argv[1:] if words is None else list(words))
        require_texts(given.arguments.values())
        result = command(*given.args, **given.kwargs)
    except CycloptsError as error:
        return _fail(_mistake(error), _usage_of(error), WRONG_USAGE)
    except WrongUsage as error:
        return _fail(error.message, "See 'livetally --help'.", WRONG_USAGE)
    except LivetallyError as error:
        # Imported only now: a command that succeeds does not need it.
        from livetally.cli.output import advice, described

        return _fail(described(error), advice(error), FAILED)
    except KeyboardInterrupt:
        return _fail("stopped", "", FAILED)
    except BrokenPipeError:
        # Whoever read our output has enough of it; what is left must not raise once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last resort: a user gets no trace
        return _fail(_defect(error), "Please report it, with the command.", FAILED)
    return result if isinstance(result, int) else DONE


def build_app() -> App:
    """Return the command line; no command is imported yet."""
    app = App(
        name="livetally",
        help="Exact, live statistics from a stream of events.",
        version=_version,
        default_parameter=Parameter(negative=()),
        help_format="plaintext",
        result_action="return_value",
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
    )
    for place, command in enumerate(COMMANDS):
        app.command(command.path, name=command.name, help=command.help, sort_key=place)
    return app


def _version() -> str:
    from livetally import __version__

    return __version__


def _mistake(error: CycloptsError) -> str:
    """Say what is wrong with the call; of a command that does not exist, without importing all."""
    if not isinstance(error, UnknownCommandError) or error.command_chain:
        return str(error)
    from livetally.definitions import nearest

    name = (error.unused_tokens or [""])[0]
    hint = nearest(name, [command.name for command in COMMANDS])
    return f"there is no command '{name}'{f'; did you mean {hint!r}?' if hint else '.'}"


def _usage_of(error: CycloptsError) -> str:
    command = " ".join(["livetally", *(error.command_chain or ())])
    return f"See '{command} --help'."


def _defect(error: Exception) -> str:
    """Say what nobody has thought of, and where, in one line."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"this is a defect of Livetally: {type(error).__name__}: {error} ({where})"


def _fail(message: str, advice: str, code: int) -> int:
    lines = [f"livetally: {message}", *([advice] if advice else [])]
    print("\n".join(lines), file=sys.stderr)
    return code
