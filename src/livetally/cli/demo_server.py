"""The server of a demo: a process of its own, that ends when the demo ends, however it ends.

In the flow: started by ``demo``; runs what ``livetally serve`` runs, with settings made here.
Guarantee: no setting of the user's reaches it, so a demo can't touch another catalog or directory;
it never outlives its parent.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import socket
import sys
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, Self

from livetally.errors import LivetallyError, SettingInvalid
from livetally.settings import Settings
from livetally.tenancy import KEY_RANDOM_BYTES, mint_key

__all__ = ["DemoServer", "choose_port", "demo_key"]

_PORTS_TRIED: Final = 20
# The server gives its open requests 8 s; after this it is stuck.
_STOP_S: Final = 15.0


class DemoServer:
    """A server in a process of its own while it is open (a context manager)."""

    def __init__(self, settings: Settings, log: Path) -> None:
        """Prepare to serve with ``settings``; what it logs is appended to the file ``log``."""
        self._log = log
        # A fresh interpreter: the engine's threads don't survive a fork.
        self._process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(settings, log), name="livetally-demo-server"
        )

    def __enter__(self) -> Self:
        """Start the process; it is not ready yet."""
        # Until it minds signals itself, Ctrl-C is left to the parent: it will tell it to stop.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell it to stop, and wait until it has."""
        self._process.terminate()
        self._process.join(_STOP_S)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()

    @property
    def sentinel(self) -> int:
        """A file descriptor that becomes readable when the process has ended."""
        return self._process.sentinel

    def why_it_ended(self) -> LivetallyError:
        """Return the error that says what the server said last."""
        self._process.join()
        lines = self._log.read_text(encoding="utf-8").splitlines()
        last = lines[-1] if lines else f"it ended with code {self._process.exitcode}"
        return LivetallyError(f"The server has stopped: {last} (see {self._log})")


def _serve(settings: Settings, log: Path) -> None:
    """Be the server; its output goes to the log, but for the key that it shows once."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, sys.stdout.fileno())
    log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log_fd, sys.stderr.fileno())
    Thread(target=_end_with_parent, daemon=True).start()
    from livetally.server import serve

    try:
        code = serve(settings)
    except LivetallyError as error:
        sys.stderr.write(f"{error.message}\n")
        code = 1
    sys.exit(code)


def _end_with_parent() -> None:
    """Stop in order when the demo was killed and could not say so."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def choose_port(host: str, wanted: int | None, first: int = 8080) -> int:
    """Return the wanted port, or the first free one from ``first`` on.

    Raises:
        SettingInvalid: the wanted port is taken, or all that were tried.
    """
    if wanted is not None:
        if not _is_free(host, wanted):
            raise SettingInvalid(f"Port {wanted} of {host} is taken; choose another with --port.")
        return wanted
    for port in range(first, first + _PORTS_TRIED):
        if _is_free(host, port):
            return port
    last = first + _PORTS_TRIED - 1
    raise SettingInvalid(f"Ports {first} to {last} of {host} are taken; choose one with --port.")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
    return True


def demo_key(path: Path) -> str:
    """Return the demo's operator key: made at the first start and kept in the file ``path``.

    Raises:
        SettingInvalid: the file can't be made or read.
    """
    made = mint_key(secrets.token_bytes(KEY_RANDOM_BYTES)).text.reveal()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text(encoding="ascii").strip()
        with os.fdopen(fd, "w") as file:
            file.write(f"{made}\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"The demo's key can't be kept in {path}: {error}.") from None
    return made
