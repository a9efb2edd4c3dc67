"""The command line against something that is not a Livetally server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class Page(BaseHTTPRequestHandler):
    """Answers whatever is asked with a page, as a proxy that wants people to sign in."""

    def do_GET(self) -> None:
        """Read what was sent, and answer."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "14")
        self.end_headers()
        self.wfile.write(b"<p>Sign in</p>")

    do_DELETE = do_PATCH = do_POST = do_GET  # noqa: N815 - the names that the server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """The address of such a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "words",
    [
        ["send", "--type", "tap"],
        ["import", "taps.csv", "--type", "tap"],
        ["query", "taps"],
        ["query", "taps", "--json"],
        ["teams", "list"],
        ["keys", "list"],
        ["sinks", "list"],
        ["sources", "list"],
        ["sources", "start", "nobel"],
        ["alerts", "list"],
        ["erase", "ada", "--yes"],
    ],
    ids=" ".join,
)
def test_an_answer_of_something_else_is_told_as_such(
    words: list[str], url: str, tmp_path: Path
) -> None:
    """It is no defect of Livetally, and the message says what came."""
    (tmp_path / "taps.csv").write_text("n\n1\n")
    done = subprocess.run(
        [sys.executable, "-m", "livetally", *words],
        cwd=tmp_path,
        env={**os.environ, "LIVETALLY_URL": url, "LIVETALLY_KEY": "lt_x"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "200 with text/html" in done.stderr
    assert "defect" not in done.stderr
