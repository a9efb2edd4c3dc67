"""Real message brokers, started for the tests in a folder of their own and gone after them.

In the flow: started by the fixtures of ``broker_fixtures``, killed by tests.
Guarantee: a broker listens on this machine only, on a free port that it keeps over restarts; the
one for NATS comes with the packages of the tests.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from tests.needs import lacking
from tests.waiting import until

__all__ = ["Broker", "free_port", "mqtt_broker", "nats_broker"]


class Broker:
    """A broker's process: may be killed, as a crash would, and started again on its port."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        """Name the command; nothing is started yet."""
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        with self._log.open("ab") as output:
            process = self._process = subprocess.Popen(self._command, stdout=output, stderr=output)

        def listens() -> bool:
            assert process.poll() is None, f"the broker has ended: {self._log.read_text()}"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        until(listens, f"{self._command[0]} to listen")

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not ended by ``kill``."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The number of the running process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nats_broker(folder: Path, *options: str) -> Broker:
    """Return a NATS server that keeps its streams in ``folder``; it is not started yet.

    ``options`` are further ones of its command line.
    """
    port = free_port()
    program = Path(sys.executable).parent / "nats-server"
    where = ["--addr", "127.0.0.1", "--port", str(port)]
    store = ["--jetstream", "--store_dir", str(folder / "streams")]
    return Broker([str(program), *where, *store, *options], port, folder / "nats.log")


def mqtt_broker(folder: Path) -> Broker:
    """Return an MQTT broker; it is not started yet.

    One that is not installed is a failure under ``CI=true`` and a loud skip elsewhere.
    """
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        lacking("mosquitto is not installed: apt-get install mosquitto")
    port = free_port()
    file = folder / "mosquitto.conf"
    file.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    return Broker([program, "-c", str(file)], port, folder / "mosquitto.log")
