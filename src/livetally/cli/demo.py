"""``livetally demo``: a server with real data that moves, from one command.

In the flow: starts a server on a directory of its own, sends it the examples' events through the
API like any client, and tells where to look.
Guarantee: started again it loads nothing twice, and continues what was interrupted; Ctrl-C ends
everything in order, with exit code 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from livetally.cli.demo_events import Api, keep_coming, load
from livetally.cli.demo_examples import Shown, find_examples
from livetally.cli.demo_server import DemoServer, choose_port, demo_key
from livetally.cli.demo_stop import Stop, Stopped, stop_on_signals
from livetally.clock import SystemClock
from livetally.settings import Settings

__all__ = ["demo"]

_DIRECTORY: Final = Path("livetally-demo")


def demo(
    *names: str,
    host: str = "127.0.0.1",
    port: int | None = None,
    data: Path = _DIRECTORY,
) -> int:
    """Load real data, keep new events coming, and show where to look; Ctrl-C ends it.

    Started again, it continues on what is stored; to start anew, remove the directory.

    Args:
        names: Examples to show; all of them when none is named.
        host: Address to listen on.
        port: Port to listen on; by default the first free one from 8080 on.
        data: Directory of everything that is kept.

    Returns:
        0: it was told to end.

    Raises:
        LivetallyError: it can't be shown, or the server has ended by itself.
    """
    shown = find_examples(names)
    settings = Settings(
        host=host,
        port=choose_port(host, port),
        data=str(data),
        definitions=tuple(str(one.definitions) for one in shown),
        root_key=demo_key(data / "demo.key"),
    )
    screen = Console()
    with stop_on_signals() as stop, DemoServer(settings, data / "demo.log") as server:
        stop.watch(server.sentinel)
        try:
            _show(shown, settings, stop, screen)
        except Stopped:
            if not stop.was_set:
                raise server.why_it_ended() from None
    _say(screen, f"The demo has ended; what it stored is kept in {data}.")
    return 0


def _show(shown: Sequence[Shown], settings: Settings, stop: Stop, screen: Console) -> None:
    """Do everything that a demo does while its server runs; ends by ``Stopped``."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    api = Api(url, settings.root_key, stop)
    api.wait_until_ready()
    lines = (
        ("Livetally", url),
        ("Sign in", f"{url}{api.signin_path()}  (works once, for 15 minutes)"),
        ("or by key", f"{settings.root_key}  (kept in {settings.data}/demo.key)"),
    )
    for name, text in lines:
        _say(screen, f"{name:<10} {text}")
    for one in shown:
        _load(one, api, screen)
    examples = [one.example for one in shown]
    keep_coming(examples, api, stop, SystemClock(), partial(_say, screen))


def _load(one: Shown, api: Api, screen: Console) -> None:
    """Load one example's history, with a progress bar on a terminal."""
    title, total = one.example.title, one.example.events_total
    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        load(one.example, api, lambda events: bar.advance(task, events))
    _say(screen, f"{title}: {total:,} events are stored.")


def _say(screen: Console, text: str) -> None:
    """Print a line as it is: an address must not be wrapped, nor a key coloured in parts."""
    screen.print(text, markup=False, highlight=False, soft_wrap=True)
