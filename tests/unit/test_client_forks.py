"""Processes: a forked child shares nothing with its parent, and what it sent it has sent.

Most of these tests run a program of their own, against a server in this process: forking the
tests' own process would copy its threads' locks too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from livetally.client import Client
from livetally.errors import LivetallyError
from tests.client_fakes import FakeServer

WITHIN_S = 30


class Acknowledging(ThreadingHTTPServer):
    """Takes every event; its receipts say how many the request held."""

    def __init__(self) -> None:
        """Listen on any free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.types: Counter[str] = Counter()
        self.peers: dict[str, set[int]] = {}

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, so that a child could inherit one."""

    protocol_version = "HTTP/1.1"
    server: Acknowledging

    def do_POST(self) -> None:
        """Answer for the lines of one body."""
        lines = self.rfile.read(int(self.headers["Content-Length"])).splitlines()
        for line in lines:
            event_type = msgspec.json.decode(line)["type"]
            self.server.types[event_type] += 1
            self.server.peers.setdefault(event_type, set()).add(self.client_address[1])
        body = b'{"position":1,"stored":%d,"duplicates":0,"rejected":[]}' % len(lines)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Acknowledging]:
    """A server on a socket of its own."""
    with Acknowledging() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


def run(program: str, server: Acknowledging) -> None:
    """Run a program that finds ``client`` made, and must end well."""
    begin = """
        import multiprocessing, os, sys
        from livetally.client import Client
        client = Client(sys.argv[1], max_delay_s=60)
        fork = multiprocessing.get_context("fork")
    """
    text = textwrap.dedent(begin) + textwrap.dedent(program)
    subprocess.run([sys.executable, "-c", text, server.url], check=True, timeout=WITHIN_S)


def test_a_child_has_connections_of_its_own(server: Acknowledging) -> None:
    """Else its answers and the parent's would be swapped: a wrong acknowledgement."""
    program = """
        client.send_now([{"type": "parent"}])
        child = os.fork()
        if not child:
            client.send_now([{"type": "child"}])
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        client.send_now([{"type": "parent"}])
    """
    run(program, server)
    assert server.types == {"parent": 2, "child": 1}
    assert len(server.peers["parent"]) == 1
    assert server.peers["parent"].isdisjoint(server.peers["child"])


def test_a_child_waits_for_nothing_of_its_parents(server: Acknowledging) -> None:
    """Flushing and leaving the block end at once: the parent's event is not the child's."""
    program = """
        client.send("parent")
        child = os.fork()
        if not child:
            client.flush(0.001)
            client.close(0.001)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    run(program, server)
    assert server.types == {"parent": 1}


@pytest.mark.parametrize(
    "program",
    [
        """
            process = fork.Process(target=lambda: client.send("child"))
        """,
        """
            process = fork.Process(target=lambda: Client(sys.argv[1]).send("child"))
        """,
    ],
    ids=["inherited", "own"],
)
def test_a_process_of_multiprocessing_sends_before_it_ends(
    program: str, server: Acknowledging
) -> None:
    """It ends with os._exit, and its exit code is 0 all the same."""
    ended = """
        process.start()
        process.join()
        assert process.exitcode == 0
    """
    run(textwrap.dedent(program) + textwrap.dedent(ended), server)
    assert server.types == {"child": 1}


def test_a_forked_process_that_just_ends_has_sent_everything(server: Acknowledging) -> None:
    """Without multiprocessing, both with atexit."""
    program = """
        client.send("parent")
        child = os.fork()
        if not child:
            client.send("child")
            sys.exit()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    run(program, server)
    assert server.types == {"parent": 1, "child": 1}


def in_child(work: Callable[[], object]) -> int:
    """Fork, do ``work`` in the child, and return its exit code."""
    child = os.fork()
    if child == 0:
        try:
            # Ends a child that waits for ever, whatever it waits for.
            signal.alarm(WITHIN_S)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_lock_that_was_held_at_the_fork_is_not_the_childs() -> None:
    """Another thread may have been anywhere: in the sender, making an id, reading the clock."""
    with Client("http://fake", transport=FakeServer().transport) as client:
        kit: Any = client._kit

        def work() -> None:
            client.send("tap")
            client.close(10)

        with client._sender._changed, kit.ids._lock, kit.clock._lock:
            assert in_child(work) == 0


def test_a_client_that_was_closed_stays_closed_in_a_child() -> None:
    """As in the parent."""
    client = Client("http://fake", transport=FakeServer().transport)
    client.close()

    def work() -> None:
        with pytest.raises(LivetallyError, match="closed"):
            client.send_now([{"type": "tap"}])

    assert in_child(work) == 0


def test_clients_do_not_import_multiprocessing() -> None:
    """A program that does not use it does not pay for it."""
    program = (
        "import sys; from livetally.client import Client; client = Client(); client.close();"
        "sys.exit('multiprocessing' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=WITHIN_S)
