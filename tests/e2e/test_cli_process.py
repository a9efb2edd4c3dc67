"""The command line as a process: how fast, on a terminal, interrupted, and with its output cut."""

from __future__ import annotations

import fcntl
import os
import pty
import resource
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from livetally.client import Client
from livetally.testing import Server
from tests.waiting import until

COMMAND = (sys.executable, "-m", "livetally")
HELP_S_MAX = 0.4
# A test that waits for a number asks for it more often than a key may in an hour.
UNCOUNTED = {"LIVETALLY_QUERIES_PER_HOUR": "100000"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that counts taps."""
    definition = tmp_path_factory.mktemp("definitions") / "taps.toml"
    definition.write_text(
        'application = "taps"\n[metric.taps]\nevent = "tap"\naggregate = "count"\n'
    )
    with Server(definitions=[definition], env=UNCOUNTED) as running:
        yield running


class Terminal:
    """A process on a terminal of its own, and what it has written."""

    def __init__(self, words: list[str], server: Server) -> None:
        """Start ``livetally`` with these words."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        env = {**os.environ, "LIVETALLY_URL": server.url, "LIVETALLY_KEY": server.key}
        env |= {"TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            [*COMMAND, *words], stdin=slave, stdout=slave, stderr=slave, env=env
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        self._written = b""

    @property
    def text(self) -> str:
        """Everything that was written so far."""
        try:
            while chunk := os.read(self._master, 65_536):
                self._written += chunk
        except (BlockingIOError, OSError):
            pass
        return self._written.decode("utf-8", "replace")

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        until(lambda: (self.text, self.process.poll())[1] is not None, "the end", 30)
        code = self.process.wait()
        _ = self.text
        os.close(self._master)
        return code


def test_help_is_fast() -> None:
    """It takes less than 0.4 seconds of one processor, whatever else the machine does."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*COMMAND, "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(once() for _ in range(5)) < HELP_S_MAX


def test_help_imports_no_command() -> None:
    """The commands' modules, and what they need, wait until they are called."""
    program = (
        "import sys; from livetally.cli import main; main(['--help']);"
        "print([n for n in sys.modules if n.split('.')[0] in"
        " ('httpx2', 'msgspec', 'plotext', 'chdb', 'starlette', 'sqlalchemy')], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_the_module_and_the_script_are_the_same() -> None:
    """``python -m livetally`` and ``livetally`` say the same version."""
    script = Path(sys.executable).with_name("livetally")
    said = [
        subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
        for command in (COMMAND, (str(script),))
    ]
    assert said[0] == said[1]


def test_query_draws_on_a_terminal(server: Server) -> None:
    """A plot and a table, in colours, as wide as the terminal."""
    with Client(server.url, server.key) as client:
        times = [f"2026-01-{day:02}T12:00:00Z" for day in range(1, 20)]
        client.send_now([{"type": "tap", "time": time} for time in times])
    words = ["query", "taps", "--interval", "day", "--from", "2026-01", "--to", "2026-02"]
    terminal = Terminal(words, server)
    assert terminal.end() == 0
    assert "┤" in terminal.text
    assert "\x1b[38;5;74m" in terminal.text
    assert "2026-01-19" in terminal.text


def test_watch_shows_changes_until_ctrl_c(server: Server) -> None:
    """A new event appears on the screen; Ctrl-C is the way to end it, and no failure."""
    terminal = Terminal(["watch", "taps", "--interval", "year", "--from", "2030"], server)
    until(lambda: "position" in terminal.text, "the first picture", 30)
    with Client(server.url, server.key) as client:
        client.send_now([{"type": "tap", "time": "2030-06-01T00:00:00Z"}])
    until(lambda: "2030-01-01" in terminal.text, "the new event on the screen", 30)
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert "Traceback" not in terminal.text


def test_import_shows_a_bar_on_a_terminal_only(server: Server, tmp_path: Path) -> None:
    """Events, rate and time left; nothing of it in a log file."""
    path = tmp_path / "taps.csv"
    path.write_text("n\n" + "".join(f"{n}\n" for n in range(20_000)))
    words = ["import", str(path), "--type", "tap"]
    terminal = Terminal(words, server)
    assert terminal.end() == 0
    assert "events" in terminal.text
    assert "20,000 rows: 20,000 stored" in terminal.text
    env = {**os.environ, "LIVETALLY_URL": server.url, "LIVETALLY_KEY": server.key}
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, env=env, check=True)
    assert done.stderr == ""
    assert "20,000 stored before" in done.stdout


def test_events_can_be_piped_in(server: Server) -> None:
    """Each time they count again: what is piped in is not known to be the same."""
    env = {**os.environ, "LIVETALLY_URL": server.url, "LIVETALLY_KEY": server.key}
    line = b'{"type":"tap","subject":"pipe"}\n'
    for _ in range(2):
        subprocess.run([*COMMAND, "send"], input=line * 3, check=True, env=env)
    with Client(server.url, server.key) as client:
        assert client.query("taps", where={"subject": "pipe"}).value == 6


def test_a_byte_that_is_no_text_does_not_end_a_pipe(server: Server, tmp_path: Path) -> None:
    """Its line is rejected, what comes after it is sent, and the summary counts both."""
    env = {**os.environ, "LIVETALLY_URL": server.url, "LIVETALLY_KEY": server.key}
    lines = [
        b'{"type":"tap","subject":"torn","data":{"a":"%b"}}' % text for text in (b"1", b"\xff")
    ]
    done = subprocess.run(
        [*COMMAND, "send", "--json", "-"],
        input=b"\n".join((*lines, lines[0])),
        cwd=tmp_path,
        env=env,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, b"encoding" in done.stderr) == (1, False)
    assert b'"rows":3,"stored":2,"duplicates":0,"rejected":1,' in done.stdout
    assert rb"\xff" in (tmp_path / "stdin.rejected").read_bytes()
    with Client(server.url, server.key) as client:
        assert client.query("taps", where={"subject": "torn"}).value == 2


def test_a_reader_that_has_enough_is_no_failure_with_a_trace(server: Server) -> None:
    """``livetally query … | head -1``."""
    env = {**os.environ, "LIVETALLY_URL": server.url, "LIVETALLY_KEY": server.key}
    words = [*COMMAND, "query", "taps", "--interval", "minute", "--fill", "zero"]
    words += ["--from", "2026-01-01", "--to", "2026-01-20", "--csv"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"time,value\r\n"
        process.stdout.close()
        assert process.stderr.read() == b""


def test_an_import_survives_the_death_of_the_server(server: Server, tmp_path: Path) -> None:
    """SIGKILL in the middle, a restart, and every row is there once."""
    path = tmp_path / "many.csv"
    path.write_text("n,kind\n" + "".join(f"{n},killed\n" for n in range(60_000)))
    env = {**os.environ, "LIVETALLY_URL": server.url, "LIVETALLY_KEY": server.key}
    words = [*COMMAND, "import", str(path), "--type", "tap", "--json"]
    with Client(server.url, server.key) as client:
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=env) as process:
            until(
                lambda: client.query("taps", where={"kind": "killed"}).value, "the first rows", 30
            )
            server.kill()
            server.restart()
            assert process.wait(90) == 0
        assert client.query("taps", where={"kind": "killed"}).value == 60_000
