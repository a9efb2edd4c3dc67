"""``livetally demo`` as a user starts it: loads, goes on, ends, and starts again at once."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from examples.flights.departures import EVENTS_TOTAL, Flights
from livetally.cli.demo_server import choose_port, demo_key
from livetally.errors import SettingInvalid
from tests.waiting import until

_LIVE = "/v1/metrics/departures?where=source:livetally-demo"


class Demo:
    """A demo in a process of its own, on one directory and port over all its starts."""

    def __init__(self, folder: Path) -> None:
        """Start nothing yet."""
        self.data = folder / "demo"
        self.output = folder / "output.txt"
        self.port = choose_port("127.0.0.1", None, first=18_080)
        self.process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start it and kill it in the end if it is still there."""
        command = [sys.executable, "-m", "livetally", "demo", "flights"]
        options = ["--port", str(self.port), "--data", str(self.data)]
        with (
            self.output.open("wb") as output,
            subprocess.Popen([*command, *options], stdout=output, stderr=output) as process,
        ):
            self.process = process
            try:
                yield process
            finally:
                process.kill()

    def said(self) -> str:
        """Return what it has printed since its last start."""
        return self.output.read_text(encoding="utf-8")

    def wait_for(self, text: str, within_s: float) -> None:
        """Return when it has printed a text; fail when it ends without."""

        def is_there() -> bool:
            assert self.process is not None
            over = self.process.poll() is not None
            assert not (over and text not in self.said()), f"it has ended: {self.said()}"
            return text in self.said()

        until(is_there, f"'{text}' of the demo", within_s)

    def get(self, request: str) -> httpx2.Response:
        """Send a request with the demo's key."""
        key = (self.data / "demo.key").read_text(encoding="ascii").strip()
        headers = {"Authorization": f"Bearer {key}"}
        return httpx2.get(
            f"http://127.0.0.1:{self.port}{request}", headers=headers, trust_env=False
        )

    def total(self, request: str) -> int:
        """Return the one value of a metric's total; 0 while there is none."""
        rows = self.get(request).json()["rows"]
        return int(rows[0]["value"]) if rows else 0

    def sent(self, outcome: str) -> int:
        """Return how many events the server took since its start, by what became of them."""
        name = re.escape(f'livetally_events_total{{outcome="{outcome}"}}')
        found = re.search(rf"^{name} (\S+)$", self.get("/metrics").text, re.MULTILINE)
        return int(float(found[1])) if found else 0

    def port_is_free(self) -> bool:
        """Tell whether nobody listens any more."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) != 0


@pytest.mark.timeout(300)
def test_killed_continued_ended_and_started_again(tmp_path: Path) -> None:
    """Killed while loading, it takes its server along; the next start loads the rest exactly.

    Departures then keep coming, Ctrl-C ends it with 0, and a third start loads nothing.
    """
    demo = Demo(tmp_path)
    with demo.started() as process:
        demo.wait_for("Sign in", 30)
        until(lambda: demo.total(Flights.stored) > 0, "the first departures", 30)
        process.kill()
    until(demo.port_is_free, "the end of the server of a killed demo", 20)

    with demo.started() as process:
        demo.wait_for("New events keep coming", 150)
        assert demo.total(Flights.stored) == EVENTS_TOTAL
        until(lambda: demo.total(_LIVE) >= 3, "departures of now", 30)
        assert 0 < demo.sent("stored") < EVENTS_TOTAL
        assert demo.sent("duplicate") == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert demo.port_is_free()
    assert "what it stored is kept" in demo.said()

    with demo.started() as process:
        demo.wait_for("New events keep coming", 30)
        assert demo.total(Flights.stored) == EVENTS_TOTAL
        assert demo.sent("stored") < 1_000
        assert demo.sent("duplicate") == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_printed_link_signs_in_once(tmp_path: Path) -> None:
    """The link gives the session's cookie and leads to the console; used again it does not."""
    demo = Demo(tmp_path)
    with demo.started():
        demo.wait_for("or by key", 30)
        link = re.search(r"Sign in +(\S+)", demo.said())
        assert link is not None
        first = httpx2.get(link[1], trust_env=False)
        assert first.status_code == 303
        assert first.headers["location"] == "/"
        assert "HttpOnly" in first.headers["set-cookie"]
        again = httpx2.get(link[1], trust_env=False)
        assert "set-cookie" not in again.headers


def test_a_second_demo_on_the_same_directory_says_why_not(tmp_path: Path) -> None:
    """It ends with 1 and the server's own message; the first one goes on."""
    first, second = Demo(tmp_path), Demo(tmp_path)
    second.output = tmp_path / "second.txt"
    with first.started():
        first.wait_for("Sign in", 30)
        second.port = choose_port("127.0.0.1", None, first=18_080)
        assert second.port != first.port, "the next free port is taken"
        with second.started() as process:
            assert process.wait(30) == 1
        assert "Another server uses" in second.said()
        assert first.get("/readyz").status_code == 200


def test_a_taken_port_is_told_or_avoided() -> None:
    """A port that was asked for and is taken is an error; otherwise the next free one is it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        with pytest.raises(SettingInvalid, match=f"Port {taken} of 127.0.0.1 is taken"):
            choose_port("127.0.0.1", taken)
        assert choose_port("127.0.0.1", None, first=taken) > taken


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """A second start uses the same key; nobody else on the machine may read its file."""
    path = tmp_path / "demo" / "demo.key"
    made = demo_key(path)
    assert made.startswith("lt_")
    assert demo_key(path) == made
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    """Where the directory can't be made, the message names the file and the reason."""
    (tmp_path / "demo").write_text("in the way")
    with pytest.raises(SettingInvalid, match=r"demo\.key"):
        demo_key(tmp_path / "demo" / "demo.key")
