"""A server that speaks the language of S3, started for the tests and gone after them.

In the flow: started by the fixture ``buckets``, which tests of backups ask for a bucket.
Guarantee: it listens on this machine only, and what it keeps is in its memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from tests.brokers import Broker, free_port
from tests.needs import lacking

__all__ = ["S3_ENVIRONMENT", "bucket_server", "make_bucket"]

_PROGRAM = Path(__file__).parent.parent / ".venv-s3" / "bin" / "moto_server"

S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "the secret of somebody",
    "AWS_REGION": "eu-north-1",
    "AWS_ALLOW_HTTP": "true",
}
"""What a client needs to know besides the endpoint."""


@contextmanager
def bucket_server(folder: Path) -> Iterator[str]:
    """Run the server; return its address."""
    if not _PROGRAM.exists():
        lacking("there is no server for buckets: sh tests/s3_packages.sh")
    port = free_port()
    log = folder / "buckets.log"
    server = Broker([str(_PROGRAM), "-H", "127.0.0.1", "-p", str(port)], port, log)
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()


def make_bucket(address: str, name: str) -> None:
    """Make an empty bucket."""
    request = Request(f"{address}/{name}", b"", method="PUT")  # noqa: S310 - this machine
    request.add_header("Content-Type", "application/xml")
    urlopen(request, timeout=30).close()  # noqa: S310
