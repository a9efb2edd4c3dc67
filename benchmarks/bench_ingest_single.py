"""How many requests a second with one durable event each, against the same server doing nothing.

In the flow: run by hand: ``python benchmarks/bench_ingest_single.py [--quick]``.
Guarantee: the baseline is the same uvicorn, loop and parser, that reads the body and answers an
empty 200, in the same run with the same sender. The sender takes one of the cores.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from ingest_load import SHOP, send_singly

from livetally.testing import Server

QUICK = "--quick" in sys.argv
FOR_S = 2.0 if QUICK else 15.0
CONNECTIONS = (1, 16, 64, 256)
_EMPTY = """
import socket, sys, uvicorn, uvloop
async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(app, loop="none", http="httptools", ws="none", lifespan="off",
                        log_config=None, access_log=False, server_header=False)
uvloop.run(uvicorn.Server(config).serve(sockets=[listener]))
"""


def baseline() -> dict[int, float]:
    """Return the requests/s of the empty server for each number of connections."""
    process = subprocess.Popen([sys.executable, "-c", _EMPTY], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        return {n: send_singly(url, "/", "x", n, FOR_S, 9)[0] for n in CONNECTIONS}
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Print a line for each number of connections."""
    empty = baseline()
    with tempfile.TemporaryDirectory() as place:
        definition = Path(place) / "shop.toml"
        definition.write_text(SHOP)
        with Server(definitions=[definition]) as server:
            for number, connections in enumerate(CONNECTIONS):
                rate, p50, p99 = send_singly(
                    server.url, "/v1/events", server.key, connections, FOR_S, number
                )
                print(
                    f"{connections:>4} connections: {rate:>7,.0f} requests/s,"
                    f" p50 {p50:.1f} ms, p99 {p99:.1f} ms,"
                    f" {rate / empty[connections]:.2f} of an empty 200"
                    f" ({empty[connections]:,.0f}/s)"
                )


if __name__ == "__main__":
    main()
