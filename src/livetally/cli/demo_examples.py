"""The examples that ``livetally demo`` can show: where they are, and what each has to offer.

In the flow: asked by ``demo`` for examples by name; hands on what ``demo_events`` sends.
Guarantee: an example that can't be shown says so, by name and reason, before anything starts.

An example is a folder of ``examples/``: a ``livetally.toml``, and a module whose function
``example()`` returns an ``Example``. The module imports nothing of Livetally, so that it also is an
example of how a program of one's own sends events. To add one, name it in ``_MODULES``.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, Protocol, cast

from livetally.definitions import nearest
from livetally.errors import LivetallyError, UnknownName

__all__ = ["Example", "Shown", "find_examples"]

# Name of the example: the module in its folder.
_MODULES: Final = {
    "flights": "departures",
    "taps": "taps",
    "circular": "items",
    "revenue": "payments",
    "incidents": "incidents",
    "nobel": "prizes",
}


class Example(Protocol):
    """What the demo has to know of an example."""

    @property
    def title(self) -> str:
        """A few words for people."""
        ...

    @property
    def events_total(self) -> int:
        """How many events its history has; 0 when everything comes live."""
        ...

    @property
    def stored(self) -> str:
        """The request (path and parameters) for one total: how much of the history is stored."""
        ...

    def history(self, skip: int) -> Iterator[tuple[int, bytes]]:
        """Yield NDJSON bodies and the number of events in each, without the first ``skip``.

        Every event has an id, the same each time, and the order is the same each time.
        """
        ...

    def live(self, random: Random) -> Iterator[tuple[float, Callable[[int], bytes]]]:
        """Yield, for as long as it is asked, seconds to wait and what to send after them.

        That is a function from the instant, in microseconds since 1970 UTC, to NDJSON whose events
        have ids of their own.
        """
        ...


class Shown(NamedTuple):
    """An example that was found: its name, its definition file, and itself."""

    name: str
    definitions: Path
    example: Example


def find_examples(names: Sequence[str]) -> list[Shown]:
    """Return the named examples, or all of them when none is named.

    Raises:
        UnknownName: there is no such example.
        LivetallyError: what the example needs is not installed.
    """
    for name in names:
        if name not in _MODULES:
            raise UnknownName("example", "example", name, nearest(name, _MODULES))
    return [_shown(name) for name in dict.fromkeys(names or _MODULES)]


def _shown(name: str) -> Shown:
    folder = _folder() / name
    module_path = folder / f"{_MODULES[name]}.py"
    spec = importlib.util.spec_from_file_location(f"livetally_example_{name}", module_path)
    assert spec is not None, "a path that ends in .py always has a loader"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # what a class of the module needs to find its annotations
    try:
        spec.loader.exec_module(module)
        example = cast("Example", module.example())
    except (LookupError, OSError) as error:
        raise LivetallyError(f"The example '{name}' can't be shown: {error.args[0]}") from None
    return Shown(name, folder / "livetally.toml", example)


def _folder() -> Path:
    """Return the folder of the examples: inside the installed package, or of the checkout."""
    here = Path(__file__).resolve()
    installed = here.parents[1] / "examples"
    return installed if installed.is_dir() else here.parents[3] / "examples"
