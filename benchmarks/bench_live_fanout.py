"""How soon a commit is on every open page, and what an open page costs.

In the flow: starts a server, a process that holds the streams, and senders; prints one line for
each number of streams and of distinct questions.
Guarantee: every figure is measured in this run; the last column compares with sse-starlette sending
frames of the same size to as many clients at the same rate, and doing nothing else.

    python benchmarks/bench_live_fanout.py [--quick] [--streams 100,1000] [--questions 1,100]

Milliseconds are to an event's value at the client: from when it was ``sent``, commit included, and
from when its sender had the answer that it is ``stored``. The oldest event that a frame brings
counts, of those that its question counts. The rival's are from sending: it commits nothing.
Deliveries are frames at clients.
``KiB`` is the server's memory for each stream, and the kernel's: half of what the kernel's caches
grew by, as both ends of every connection are on this machine.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_HERE = Path(__file__).parent
_KEY = "root-key-of-the-benchmark-0123456789"
_SHOPS = 100
_BATCH = 10
_EVENTS_PER_S = 1_000
_DEFINITION = """
application = "bench"
[event.sale]
data.shop = "string"
[metric.sales]
event = "sale"
aggregate = "count"
by = ["shop"]
"""
_SERVE = (
    "import sys; from livetally.server import serve; from livetally.settings import load_settings;"
    "sys.exit(serve(load_settings({'port': int(sys.argv[1]), 'data': sys.argv[2],"
    f" 'definitions': (sys.argv[3],), 'root_key': '{_KEY}', 'log_level': 'error'}})))"
)


class Figures(NamedTuple):
    """What one run measured."""

    sent_p50_ms: float
    sent_p99_ms: float
    stored_p50_ms: float
    stored_p99_ms: float
    deliveries_s: float
    stream_kib: float
    kernel_kib: float
    cpu: float

    @property
    def cpu_us(self) -> float:
        """Return the processor's time for each delivery, microseconds."""
        return self.cpu * 1e6 / max(self.deliveries_s, 1)


class Sender(threading.Thread):
    """Sends events at a steady rate; notes when each position's were sent, and when stored."""

    def __init__(self, url: str) -> None:
        """Send to ``url``."""
        super().__init__(daemon=True)
        self._url = url
        self._stopping = threading.Event()
        self.sent: dict[int, int] = {}
        self.stored: dict[int, int] = {}
        self.shops: dict[int, set[int]] = {}

    def run(self) -> None:
        """Send until stopped; late batches are sent at once, so that the rate holds."""
        step_s = _BATCH / _EVENTS_PER_S
        started = time.monotonic()
        number = 0
        while not self._stopping.is_set():
            number += 1
            shops = {(number * _BATCH + i) % _SHOPS for i in range(_BATCH)}
            events = [{"type": "sale", "data": {"shop": f"s{shop}"}} for shop in shops]
            now = time.monotonic_ns()
            reply = post(f"{self._url}/v1/events", json.dumps(events).encode())
            stored, position = time.monotonic_ns(), int(json.loads(reply)["position"])
            self.sent.setdefault(position, now)
            self.stored.setdefault(position, stored)
            self.shops.setdefault(position, shops)
            self._stopping.wait(max(0.0, started + number * step_s - time.monotonic()))

    def stop(self) -> None:
        """Stop, and wait for the last reply."""
        self._stopping.set()
        self.join()


class Publisher(Sender):
    """Makes the rival send one frame to everybody, as often as Livetally did."""

    def __init__(self, url: str, rate: float) -> None:
        """Send ``rate`` times a second."""
        super().__init__(url)
        self._rate = rate

    def run(self) -> None:
        """Publish until stopped."""
        while not self._stopping.is_set():
            now = time.monotonic_ns()
            position = int(post(f"{self._url}/publish", b""))
            self.sent[position] = self.stored[position] = now
            spent_s = (time.monotonic_ns() - now) / 1e9
            self._stopping.wait(max(0.0, 1 / self._rate - spent_s))


def post(url: str, body: bytes) -> bytes:
    """Send one request; return the body of the answer."""
    headers = {"Content-Type": "application/json", "X-API-Key": _KEY}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - this machine
    with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
        return bytes(reply.read())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def serving(arguments: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends."""
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONHASHSEED": "0"}
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the server does not start")
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def used_kib(pid: int) -> int:
    """Return the memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.split("VmRSS:")[1].split()[0])


def kernel_kib() -> int:
    """Return the kernel's caches, sockets among them."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    return int(text.split("\nSlab:")[1].split()[0])


def cpu_s(pid: int) -> float:
    """Return the processor's time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def reading(url: str, streams: int, paths: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Hold streams open until the block ends."""
    arguments = [sys.executable, str(_HERE / "live_reader.py"), url, _KEY, str(streams), *paths]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        said(process)
        yield process
    finally:
        process.kill()
        process.wait()


def said(process: subprocess.Popen[str]) -> Any:
    """Return what the reader says next."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the reader has ended")
    return json.loads(line)


def asked(process: subprocess.Popen[str], command: str, seconds: float) -> Any:
    """Tell the reader what to do for so long; return what it says of it."""
    assert process.stdin is not None
    process.stdin.write(f"{command} {seconds}\n")
    process.stdin.flush()
    return said(process)


def latencies_ms(notes: list[list[int]], at: dict[int, int], of: list[list[int]]) -> list[float]:
    """Return for each piece read how old the oldest event in it was.

    ``at`` is when each position's events were sent or stored, ``of`` the positions, in order, that
    each question counts.
    """
    found = []
    for question, arrived, before, after in notes:
        positions = of[question]
        place = bisect.bisect_right(positions, before)
        if before >= 0 and place < len(positions) and positions[place] <= after:
            found.append((arrived - at[positions[place]]) / 1e6)
    return sorted(found)


def counted(sender: Sender, questions: int) -> list[list[int]]:
    """Return the positions that each question counts: the only one counts all, others one shop."""
    positions = sorted(sender.sent)
    if questions == 1:
        return [positions]
    return [[at for at in positions if shop in sender.shops[at]] for shop in range(questions)]


def run(
    pid: int, url: str, streams: int, paths: list[str], sender: Sender, seconds: float
) -> Figures:
    """Open the streams, send, and measure."""
    before = used_kib(pid), kernel_kib()
    with reading(url, streams, paths) as reader:
        after = used_kib(pid), kernel_kib()
        sender.start()
        asked(reader, "read", seconds)  # to warm up
        cpu = cpu_s(pid)
        told = asked(reader, "measure", seconds)
        cpu = cpu_s(pid) - cpu
        sender.stop()
    of = counted(sender, len(paths))
    sent = latencies_ms(told["notes"], sender.sent, of) or [float("nan")]
    stored = latencies_ms(told["notes"], sender.stored, of) or [float("nan")]
    return Figures(
        sent_p50_ms=sent[len(sent) // 2],
        sent_p99_ms=sent[int(len(sent) * 0.99)],
        stored_p50_ms=stored[len(stored) // 2],
        stored_p99_ms=stored[int(len(stored) * 0.99)],
        deliveries_s=told["frames"] / told["seconds"],
        stream_kib=(after[0] - before[0]) / streams,
        kernel_kib=(after[1] - before[1]) / 2 / streams,
        cpu=cpu / told["seconds"],
    )


def ours(streams: int, questions: int, seconds: float) -> Figures:
    """Measure Livetally on a fresh store."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    ask = "/v1/metrics/sales?interval=minute"
    paths = [ask] if questions == 1 else [f"{ask}&where=shop:s{n}" for n in range(questions)]
    with tempfile.TemporaryDirectory() as folder:
        definition = Path(folder, "bench.toml")
        definition.write_text(_DEFINITION, encoding="utf-8")
        arguments = [sys.executable, "-c", _SERVE, str(port), f"{folder}/data", str(definition)]
        with serving(arguments, port) as process:
            warm = Sender(url)
            warm.start()
            with reading(url, 20, paths) as reader:
                asked(reader, "read", 1)
            warm.stop()
            return run(process.pid, url, streams, paths, Sender(url), seconds)


def rival(streams: int, rate: float, seconds: float) -> Figures | None:
    """Measure sse-starlette at the same rate of frames for each client; None without it."""
    try:
        import sse_starlette  # noqa: F401
    except ImportError:
        return None
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with serving([sys.executable, str(_HERE / "live_rival.py"), str(port)], port) as process:
        with reading(url, 20, ["/stream"]):
            pass
        return run(process.pid, url, streams, ["/stream"], Publisher(url, rate), seconds)


def main() -> None:
    """Measure each combination and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two small runs")
    parser.add_argument("--streams", default="")
    parser.add_argument("--questions", default="")
    parser.add_argument("--seconds", type=float, default=0.0, help="length of each measurement")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sizes = options.streams or ("100,1000" if options.quick else "100,1000,5000,10000")
    counts = options.questions or ("1,10" if options.quick else "1,10,100")
    seconds = options.seconds or (3.0 if options.quick else 10.0)
    print("                  |   sent, ms    |  stored, ms")
    print("streams questions |   p50     p99 |   p50     p99  deliveries/s   CPU  us each    KiB")
    for streams in (int(text) for text in sizes.split(",")):
        for questions in (int(text) for text in counts.split(",")):
            mine = ours(streams, questions, seconds)
            theirs = rival(streams, max(1.0, mine.deliveries_s / streams), seconds)
            print(line(streams, questions, mine, theirs), flush=True)


def line(streams: int, questions: int, mine: Figures, theirs: Figures | None) -> str:
    """Return one line of the table."""
    text = (
        f"{streams:7d} {questions:9d} | {mine.sent_p50_ms:5.0f} {mine.sent_p99_ms:7.0f} |"
        f" {mine.stored_p50_ms:5.0f} {mine.stored_p99_ms:7.0f} "
        f"{mine.deliveries_s:13,.0f} {mine.cpu:5.2f} {mine.cpu_us:8.1f} "
        f"{mine.stream_kib:6.1f}, kernel {mine.kernel_kib:.1f} | "
    )
    if theirs is None:
        return text + "sse-starlette is not installed"
    return text + (
        f"p99 {theirs.sent_p99_ms:.0f} ms, {theirs.deliveries_s:,.0f}/s, {theirs.cpu_us:.1f} us,"
        f" {theirs.stream_kib:.1f} KiB; ours: {theirs.cpu_us / mine.cpu_us:.1f}x less CPU for each,"
        f" {theirs.stream_kib / max(mine.stream_kib, 0.1):.1f}x less memory"
    )


if __name__ == "__main__":
    main()
