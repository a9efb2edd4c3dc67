"""A ClickHouse server for tests: the real engine, in a process of its own, behind its HTTP.

In the flow: started by ``event_store`` and by the tests of the server's engine; the child is this
module as a program.
Guarantee: what the real client sends is run by the real engine, and what that says comes back as
the server says it; a kill is a real one, and a restart finds the same port and the same files.

It has what the client uses of a server's HTTP and nothing else: one user, and a cluster that is
this one server, so that what goes through a distributed table is planned and run as on a cluster.
There is no keeper: statements for a cluster are run here, and a replicated table is a plain one.
"""

from __future__ import annotations

import base64
import gzip
import os
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit
from urllib.request import urlopen

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["CLUSTER", "PASSWORD", "USER", "ClickHouseServer"]

USER = "livetally"
PASSWORD = "open/sesame@8123:é"
CLUSTER = "of-one"
_CONFIGURATION = f"""<clickhouse>
<tcp_port>9000</tcp_port>
<remote_servers><{CLUSTER}><shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>
</{CLUSTER}></remote_servers>
<macros><shard>1</shard><replica>only</replica></macros>
</clickhouse>
"""
_NEEDS_KEEPER = (
    (re.compile(f" ON CLUSTER `{CLUSTER}`"), ""),
    (re.compile(r"ReplicatedMergeTree\([^)]*\)"), "MergeTree"),
    (
        re.compile(r"replicated_deduplication_window = (\d+), \w+_window_seconds = \d+"),
        r"non_replicated_deduplication_window = \1",
    ),
    # Nobody listens on the port: the replica is this process.
    (re.compile("prefer_localhost_replica = 0"), "prefer_localhost_replica = 1"),
)

_ROOT = Path(__file__).resolve().parents[1]
_STARTS_S = 60
_FIELD_MAX = 128 * 1024 + 1  # http_max_field_value_size
# Parameters of a request that are none of a query's settings.
_TRANSPORT = {
    "query",
    "database",
    "default_format",
    "wait_end_of_query",
    "query_id",
    "compress",
    "decompress",
    "client_protocol_version",
    "enable_http_compression",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
}
_INSERT = re.compile(rb"\s*(INSERT INTO .*?)\s+FORMAT Native\n", re.DOTALL)
_CODE = re.compile(r"Code: (\d+)")
_STATUS = {"60": 404, "81": 404, "62": 400, "516": 403}


class ClickHouseServer:
    """A server in a process of its own; ``url`` is its address for an engine."""

    def __init__(self, directory: Path) -> None:
        """Start it with its files in ``directory``, which must exist."""
        self.directory = directory
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        """The address, with user and password."""
        return self.url_of(PASSWORD)

    def url_of(self, password: str) -> str:
        """Return the address with another password."""
        return f"clickhouse://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/livetally"

    def start(self) -> None:
        """Start it, again on the same port, and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clickhouse_server", str(self.directory), str(self.port)],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(("src", str(_ROOT)))},
            stdin=subprocess.PIPE,  # which ends with this process, and the child with it
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the engine's process has ended"
        self.port = int(line)

    @property
    def pid(self) -> int:
        """The number of the running process."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send any signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would, but for what the system has still to write."""
        assert self._process is not None
        self._process.kill()
        self.wait()

    def wait(self) -> None:
        """Wait until it has ended."""
        assert self._process is not None
        self._process.wait(_STARTS_S)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def die_at_insert(self, moment: str, delay_ms: float = 0) -> None:
        """Have it killed at the next insert: ``before`` it, ``after`` it, or ``meanwhile``."""
        with urlopen(f"http://127.0.0.1:{self.port}/die/{moment}/{delay_ms}") as answer:
            assert answer.status == 200

    def close(self) -> None:
        """End it; its files stay."""
        self.kill()


class _Asked(NamedTuple):
    """A request, taken apart: statement, what follows an INSERT, parameters, settings, format."""

    sql: str
    block: bytes | None
    bound: dict[str, str]
    settings: dict[str, str]
    output_format: str


class _Failed(Exception):
    """What the server answers with an error."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client; ``path`` and ``dying`` are the program's."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    path_of_engine = ""
    dying: tuple[str, float] | None = None

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer ``/ping``, what tests order, and statements in the address."""
        if self.path == "/ping":
            self._send(200, b"Ok.\n", {})
        elif self.path.startswith("/die/"):
            _, _, moment, delay_ms = self.path.split("/")
            _Handler.dying = moment, float(delay_ms)
            self._send(200, b"", {})
        else:
            self.do_POST()

    def do_POST(self) -> None:
        """Run a statement."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self._require_user()
            asked = self._taken_apart(body)
            answer = self._inserted(asked) if asked.block is not None else self._answered(asked)
        except (_Failed, RuntimeError) as error:
            text = str(error)
            found = _CODE.search(text)
            code = found[1] if found else "1001"
            status = _STATUS.get(code, 500)
            self._send(status, text.encode(), {"X-ClickHouse-Exception-Code": code})
        else:
            self._send(200, answer, {"X-ClickHouse-Format": asked.output_format})

    def _require_user(self) -> None:
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            raise _Failed(
                f"Code: 516. DB::Exception: {USER}: Authentication failed: password is incorrect,"
                " or there is no user with such name. (AUTHENTICATION_FAILED)"
            )

    def _taken_apart(self, body: bytes) -> _Asked:
        body = _unpacked(body, self.headers.get("Content-Encoding", ""))
        fields = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            fields |= _form(body, kind.partition("boundary=")[2])
            body = b""
        text = fields.get("query", "").encode()
        whole = text + b"\n" + body if text and body else text or body
        insert = _INSERT.match(whole)
        bound = {
            name.removeprefix("param_"): value
            for name, value in fields.items()
            if name.startswith("param_")
        }
        others = fields.keys() - _TRANSPORT - {"prefer_localhost_replica"}
        sql = (insert[1] if insert else whole).decode()
        for pattern, instead in _NEEDS_KEEPER:
            sql = pattern.sub(instead, sql)
        return _Asked(
            sql,
            whole[insert.end() :] if insert else None,
            bound,
            {name: fields[name] for name in others if not name.startswith("param_")},
            fields.get("default_format")
            or self.headers.get("X-ClickHouse-Format")
            or "TabSeparated",
        )

    def _connection(self, asked: _Asked) -> Any:
        from chdb.state.sqlitelike import Connection

        opened = Connection(self.path_of_engine)
        for name, value in asked.settings.items():
            opened.query(f"SET {name} = '{value}'", "Null")
        return opened

    def _answered(self, asked: _Asked) -> bytes:
        opened = self._connection(asked)
        try:
            answer = opened.query(asked.sql, asked.output_format, params=asked.bound)
            return bytes(answer.bytes())
        finally:
            opened.close()

    def _inserted(self, asked: _Asked) -> bytes:
        moment, delay_ms = _Handler.dying or ("", 0.0)
        if moment == "before":
            _die()
        if moment == "meanwhile":
            threading.Thread(target=_die_in, args=(delay_ms,), daemon=True).start()
        opened = self._connection(asked)
        try:
            with opened.send_insert(asked.sql, "Native") as stream:
                stream.append(asked.block)
                stream.finish()
        finally:
            opened.close()
        if moment:
            _die_in(0 if moment == "after" else 1_000)
        return b""

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_in(delay_ms: float) -> None:
    time.sleep(delay_ms / 1000)  # sleeps: the crash falls somewhere into what runs meanwhile
    _die()


def _unpacked(body: bytes, encoding: str) -> bytes:
    match encoding:
        case "":
            return body
        case "zstd":
            return zstd.decompress(body)
        case "gzip":
            return gzip.decompress(body)
        case other:
            raise _Failed(f"Code: 89. DB::Exception: Unknown encoding {other}.")


def _form(body: bytes, boundary: str) -> dict[str, str]:
    """Return the fields of a form; of files only what is in them."""
    fields = {}
    for part in body.split(f"--{boundary}".encode())[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        assert name is not None
        value = value.removesuffix(b"\r\n")
        if len(value) > _FIELD_MAX:
            raise _Failed("Code: 1000. DB::Exception: HTML Form Exception: Field value too long.")
        fields[name[1].decode()] = value.decode()
    return fields


def _end_with_parent() -> None:
    sys.stdin.read()
    _die()


def main(directory: str, port: str) -> None:
    """Serve the engine's files in ``directory`` until killed; tell the port when ready."""
    from chdb.state.sqlitelike import Connection

    configuration = Path(directory, "configuration.xml")
    configuration.write_text(_CONFIGURATION)
    _Handler.path_of_engine = f"{directory}?config-file={configuration}"
    kept = Connection(
        _Handler.path_of_engine
    )  # the engine stops when the last connection is closed
    kept.query("SELECT 1", "Null")
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), _Handler)
    server.daemon_threads = True
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
