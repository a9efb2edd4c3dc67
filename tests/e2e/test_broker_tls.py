"""NATS over TLS with an authority of our own, and what is told to a server without it: nothing.

In the flow: real NATS servers with a certificate, passwords and tokens; a server and a worker.
Guarantee: no password goes over a line in the clear that was to be encrypted.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import nats
import pytest

from livetally.errors import SettingInvalid
from livetally.sources import Broker, BrokerFailed
from livetally.sources.broker import Login, Unanswered, connected
from livetally.testing import Server
from tests import brokers
from tests.certificates import Certificate, certificate
from tests.nobel import SOURCE, nobel
from tests.waiting import until, until_async

pytestmark = pytest.mark.anyio

SECRET = "hunter2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """An authority and a certificate."""
    return certificate(tmp_path_factory.mktemp("certificates"))


@contextmanager
def nats_server(folder: Path, *options: str) -> Iterator[brokers.Broker]:
    """Run a NATS server with ``options``."""
    broker = brokers.nats_broker(folder, *options)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@pytest.mark.parametrize(
    ("options", "login"),
    [
        (["--user", "ada", "--pass", SECRET], f"ada:{SECRET}@"),
        (["--auth", SECRET], f"{SECRET}@"),
        ([], ""),
    ],
    ids=["password", "token", "anybody"],
)
async def test_our_own_authority_is_trusted(
    made: Certificate, tmp_path: Path, options: list[str], login: str
) -> None:
    """With it the line is encrypted, whatever the address says; after a restart of NATS too."""
    with nats_server(tmp_path, *made.options, *options) as server:
        for scheme in ("tls", "nats"):
            broker = Broker(f"{scheme}://{login}127.0.0.1:{server.port}", "test", str(made.ca))
            assert await broker.open()
            await broker.answer("echo", _answer)
            assert await broker.request("echo", b"hello", 5) == b"hello"
            server.kill()
            server.start()
            await until_async(partial(_echoes, broker), "the connection to come back")
            await broker.close()


async def test_a_certificate_that_is_wrong_for_a_while(made: Certificate, tmp_path: Path) -> None:
    """A connection that broke comes back when the server's certificate is trusted again."""
    good, wrong = certificate(tmp_path / "good"), certificate(tmp_path / "wrong")
    kept = [(file, file.read_bytes()) for file in good[:2]]
    with nats_server(tmp_path, *good.options) as server:
        broker = Broker(f"tls://127.0.0.1:{server.port}", "test", str(good.ca))
        await broker.open()
        await broker.answer("echo", _answer)
        for ours, theirs in zip(good[:2], wrong[:2], strict=True):
            ours.write_bytes(theirs.read_bytes())
        server.kill()
        server.start()
        log = tmp_path / "nats.log"
        await until_async(partial(_refused, log), "the certificate to be refused")
        for file, content in kept:
            file.write_bytes(content)
        server.kill()
        server.start()
        await until_async(partial(_echoes, broker), "the connection to come back", 20)
        await broker.close()


async def _refused(log: Path) -> bool:
    return _handshakes(log) > 5  # the first ones are of the test, which looks whether it listens


def _handshakes(log: Path) -> int:
    return log.read_text().count("TLS handshake error")


async def _answer(body: bytes) -> bytes:
    return body


async def _echoes(broker: Broker) -> bool:
    try:
        return await broker.request("echo", b"again", 1) == b"again"
    except (BrokerFailed, Unanswered):
        return False


async def test_another_authority_is_not_trusted(made: Certificate, tmp_path: Path) -> None:
    """Nor is one that we were not told of; the reason is told, the password is not."""
    other = certificate(tmp_path)
    with nats_server(tmp_path, *made.options, "--user", "ada", "--pass", SECRET) as server:
        for ca in ("", str(other.ca)):
            url = f"tls://ada:{SECRET}@127.0.0.1:{server.port}"
            with pytest.raises(BrokerFailed) as refused:
                await Broker(url, "test", ca).open()
            assert "certificate verify failed" in refused.value.message
            assert SECRET not in refused.value.message


@pytest.mark.parametrize("what", ["nothing", "no certificate"])
async def test_a_file_that_holds_no_authority_is_named(tmp_path: Path, what: str) -> None:
    """As what the setting says."""
    file = tmp_path / "ca.pem"
    if what != "nothing":
        file.write_text("hello\n")
    with pytest.raises(SettingInvalid, match=r"LIVETALLY_NATS_CA: .*ca\.pem' can't be used"):
        await Broker("tls://127.0.0.1:4222", "test", str(file)).open()


@pytest.mark.parametrize(
    ("url", "login"),
    [
        (f"tls://ada:{SECRET}@127.0.0.1:PORT", Login()),
        ("tls://127.0.0.1:PORT", Login("ada", SECRET)),
        (f"nats://ada:{SECRET}@127.0.0.1:PORT", Login(encrypted=True)),
    ],
    ids=["address", "user and password", "authority"],
)
async def test_nothing_is_said_in_the_clear(url: str, login: Login) -> None:
    """To a server that offers no TLS, or whose offer somebody on the line took away."""
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"auth_required":true,"max_payload":1000,"version":"2.12.0"}\r\n')
        while part := await reader.read(1000):
            heard.extend(part)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerFailed, match="it offers no TLS"):
            await connected(url.replace("PORT", str(port)), "test", login)
    assert bytes(heard) == b""


async def test_a_token_alone_lets_in(tmp_path: Path) -> None:
    """As the user of a source of messages, whose address holds no secret."""
    with nats_server(tmp_path, "--auth", SECRET) as server:
        url = f"nats://127.0.0.1:{server.port}"
        client = await connected(url, "test", Login(SECRET))
        assert client.is_connected
        await client.close()
        with pytest.raises(BrokerFailed, match="Authorization"):
            await connected(url, "test", Login("wrong"))


async def test_what_the_broker_said_is_told_though_the_line_broke() -> None:
    """The second attempt is reset before the answer to the password is read."""
    attempts = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.write(b'INFO {"auth_required":true,"max_payload":1000,"version":"2.12.0"}\r\n')
        await reader.readline()
        if attempts == 1:
            writer.write(b"-ERR 'Authorization Violation'\r\n")
            await writer.drain()
        else:  # a reset instead of an end
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerFailed, match="Authorization"):
            await connected(f"nats://127.0.0.1:{port}", "test", Login("wrong"))
    assert attempts == 2


async def test_a_broker_that_hangs_up_without_a_word_is_not_connected() -> None:
    """Though the client library takes the end of the line for an answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload":1000,"version":"2.12.0"}\r\n')
        await reader.readuntil(b"PING\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerFailed, match="it hung up"):
            await connected(f"nats://127.0.0.1:{port}", "test")


_MESSAGES = """
[source.told]
url = "tls://127.0.0.1:PORT"
subject = "told"
user = "env:NATS_TOKEN"
map.type = "'prize'"
map.id = "n"
map.data.category = "category"
map.data.year = "`1901`"
"""


def test_a_server_a_worker_and_messages(made: Certificate, tmp_path: Path) -> None:
    """All of them over TLS with our own authority and a token."""
    with nobel() as api, nats_server(tmp_path, *made.options, "--auth", SECRET) as broker:
        address = f"127.0.0.1:{broker.port}"
        file = tmp_path / "nobel.toml"
        messages = _MESSAGES.replace("127.0.0.1:PORT", address)
        file.write_text(SOURCE.replace("URL", api.url) + messages)
        env = {
            "LIVETALLY_NATS": f"tls://{SECRET}@{address}",
            "LIVETALLY_NATS_CA": str(made.ca),
            "LIVETALLY_SOURCES_ALLOW_PRIVATE": "true",
            "LIVETALLY_SOURCES_ON": "workers",
            "NATS_TOKEN": SECRET,
        }
        given = [f"{name}={value}" for name, value in env.items()]
        command = ["/usr/bin/env", *given, sys.executable, "-m", "livetally", "worker"]
        log = (tmp_path / "worker.log").open("wb")
        worker = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
        try:
            with Server(definitions=[file], env=env) as server:
                until(lambda: _source(server, "nobel")["stored"] == 10, "the prizes", 30)
                until(lambda: _source(server, "told")["fetching"], "the listener", 30)

                def told() -> bool:
                    asyncio.run(_tell(f"tls://{SECRET}@{address}", made))
                    return bool(_source_events(server))

                until(told, "the message", 30)
        finally:
            worker.kill()
            worker.wait()
            log.close()


async def _tell(url: str, made: Certificate) -> None:
    client = await nats.connect(url, tls=ssl.create_default_context(cafile=str(made.ca)))
    await client.publish("told", b'{"n": "1", "category": "Peace"}')
    await client.close()


def _source(server: Server, name: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {server.key}"}
    return dict(httpx2.get(f"{server.url}/v1/sources/{name}", headers=headers).json())


def _source_events(server: Server) -> list[Any]:
    headers = {"Authorization": f"Bearer {server.key}"}
    rows = httpx2.get(f"{server.url}/v1/events?limit=100", headers=headers).json()["events"]
    return [one for one in rows if one["source"] == "source/told"]
