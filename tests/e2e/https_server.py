"""A server that speaks https, with a certificate made for the occasion.

In the flow: entered by the tests of https, which get an address and a context that trusts it.
Guarantee: it answers when the block is entered, and ends with code 0 when the block is left.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2

from tests.e2e.walls import SHOP
from tests.waiting import until

__all__ = ["OPENSSL", "HttpsServer", "https_server"]

OPENSSL = shutil.which("openssl")
_MAKE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"


class HttpsServer(NamedTuple):
    """Where the server is, how to trust it, and its operator's key."""

    url: str
    context: ssl.SSLContext
    key: str

    def client(self) -> httpx2.Client:
        """Return a client that trusts it."""
        return httpx2.Client(base_url=self.url, verify=self.context, trust_env=False)


@contextmanager
def https_server(place: Path, **settings: str) -> Iterator[HttpsServer]:
    """Run one in ``place``, with further ``settings`` from the environment."""
    assert OPENSSL, "openssl makes the certificate: apt-get install openssl"
    cert, key = place / "cert.pem", place / "key.pem"
    openssl = [OPENSSL, *_MAKE.split(), "-subj", "/CN=localhost"]
    openssl += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(openssl, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {
        "PATH": "/usr/bin:/bin",
        "LIVETALLY_ROOT_KEY": "root-of-the-tls-test",
        "LIVETALLY_TLS_CERT": str(cert),
        "LIVETALLY_TLS_KEY": str(key),
        **settings,
    }
    command = [sys.executable, "-m", "livetally", "serve", "--port", str(port)]
    command += ["--data", str(place / "data"), "--definitions", str(SHOP)]
    process = subprocess.Popen(command, env=env, cwd=place, stdout=subprocess.PIPE)
    context = ssl.create_default_context(cafile=str(cert))
    server = HttpsServer(f"https://127.0.0.1:{port}", context, env["LIVETALLY_ROOT_KEY"])
    try:
        with server.client() as client:
            until(lambda: _answers(client), "the server to answer over https", 30)
        yield server
    finally:
        process.terminate()
        told, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f"listens on {server.url}".encode() in told


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx2.HTTPError:
        return False
