"""The commands of a README, run as pasted: what they are, and a place to run them in.

In the flow: used by ``test_examples_readmes``.
Guarantee: nothing of a command is changed but what a machine has to choose: the port, the key, and
the address of a database.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.tidy.source_tree import ROOT

__all__ = ["Place", "blocks"]

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_STAYS = re.compile(
    r"^(?:livetally (?:serve|demo|watch|worker)|uvicorn|python \S+ \d+$|make demo|curl -N)\b",
    re.MULTILINE,
)
_ADDRESS = "127.0.0.1:8080"
_SECOND_PORT = re.compile(r"\b80(?:81|89)\b")
_GIVEN = re.compile(
    r"^export (?:LIVETALLY_KEY|LIVETALLY_NATS|\w+_DATABASE_URL)=.*\n?", re.MULTILINE
)
_WAIT_S_MAX = 100


def blocks(readme: Path) -> list[str]:
    """Return the blocks of commands, in order."""
    return _BLOCK.findall(readme.read_text(encoding="utf-8"))


class Place:
    """A folder with the examples in it, and a shell that runs blocks. A context manager."""

    def __init__(self, folder: Path, port: int, **variables: str) -> None:
        """Use ``port`` instead of 8080; ``variables`` stand for what the reader has set."""
        self.folder = folder
        self.variables = variables
        (folder / "examples").symlink_to(ROOT / "examples")
        address = f"127.0.0.1:{port}"
        self._address = address
        self._beside = 0
        key = f"root-{port}-of-a-reader"
        kept = {name: text for name, text in os.environ.items() if not name.startswith("LIVETALLY")}
        self._env = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LIVETALLY_ROOT_KEY": key,
            "LIVETALLY_KEY": key,
            "LIVETALLY_PORT": str(port),
            "LIVETALLY_URL": f"http://{address}",
            "TERM": "dumb",
            **variables,
        }
        self._staying: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._staying:
            self._end(process)

    def give(self, **variables: str) -> None:
        """Set what the reader sets from now on."""
        self._env |= variables

    def run(self, block: str) -> str:
        """Run a block as pasted into one shell; return its output.

        What stays, a server or a stream, is left running once it answers.

        Raises:
            AssertionError: it failed; holds the output.
        """
        text = _GIVEN.sub("", block).replace(_ADDRESS, self._address)
        text = _SECOND_PORT.sub(lambda _: str(self._second_port()), text)
        if _STAYS.search(text):
            return self._left_running(text)
        if not text.strip():
            return ""
        # A second terminal would keep what the first has exported.
        script = f"set -e\n[ ! -f .exports ] || . ./.exports\n{text}\nexport -p > .exports\n"
        done = subprocess.run(  # noqa: S602 - the shell is what is tested
            script.replace("curl ", "curl -sS "),
            shell=True,
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self._env,
            timeout=_WAIT_S_MAX,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _second_port(self) -> int:
        """Return the port of what a README starts beside the server; chosen when first asked."""
        if not self._beside:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self._beside = int(probe.getsockname()[1])
        return self._beside

    def _left_running(self, text: str) -> str:
        log = self.folder / f"log-{len(self._staying)}"
        exports = "[ ! -f .exports ] || . ./.exports\n"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S602 - the shell is what is tested
                f"{exports}exec {text.strip()}",
                shell=True,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env=self._env,
                start_new_session=True,
            )
        self._staying.append(process)
        wanted = (
            *("listens on", "Uvicorn running on", "Ctrl-C ends the demo", "event: snapshot"),
            "waits for sources",
        )
        deadline = time.monotonic() + _WAIT_S_MAX
        while not any(one in (shown := log.read_text(errors="replace")) for one in wanted):
            assert process.poll() is None, f"{text}\n{shown}"
            assert time.monotonic() < deadline, f"{text}\n{shown}"
            time.sleep(0.05)  # sleeps: between two looks at a file that can't wake us
        if "event: snapshot" in shown:
            self._end(process)
        return shown

    def end_of(self, number: int) -> int:
        """End what was left running, by its place; return its exit code."""
        return self._end(self._staying[number])

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> int:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return process.wait(timeout=20)
