"""The server that tests start: ready when entered, gone when left, and deaf to its surroundings."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from livetally.client import Call, Client, Unreachable
from livetally.errors import BodyTooLarge
from livetally.testing import Server, ServerFailed


def test_it_is_ready_and_then_gone() -> None:
    """Its address answers inside the block; the process has ended after it."""
    with Server() as server:
        with Client(server.url, server.key) as client:
            assert client.send_now([{"type": "tap"}]).stored == 1
        data = server.data
        assert data.is_dir()
        pid = server.pid
    assert not server.running
    assert not data.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_stopping_in_order_is_code_0_and_killing_is_not(tmp_path: Path) -> None:
    """What was acknowledged is there after both; port and key stay."""
    with Server(tmp_path / "data") as server:
        url = server.url
        with Client(server.url, server.key) as client:
            position = client.send_now([{"type": "tap"}]).position
        assert server.stop() == 0
        server.start()
        assert server.url == url
        server.kill()
        assert not server.running
        with Client(server.url, server.key) as client, pytest.raises(Unreachable):
            client.query("anything")
        server.restart()
        with Client(server.url, server.key) as client:
            assert client.send_now([{"type": "tap"}]).position > position
        assert server.signal(signal.SIGINT) == 0
    assert (tmp_path / "data").is_dir()


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    """The error holds the log."""
    broken = tmp_path / "broken.toml"
    broken.write_text('application = "b"\n[metric.x]\naggregate = "summ"\n')
    with pytest.raises(ServerFailed, match="did you mean 'sum'"), Server(definitions=[broken]):
        pass


def test_an_error_in_the_block_is_told_with_the_log() -> None:
    """So that a failing test shows what the server thought."""

    def program() -> None:
        with Server():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        program()
    assert "listens on" in caught.value.__notes__[0]


def test_nothing_of_the_users_settings_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the environment nor a .env file in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVETALLY_CATALOG", "postgresql://production/catalog")
    monkeypatch.setenv("LIVETALLY_LOG_LEVEL", "nonsense")
    (tmp_path / ".env").write_text("LIVETALLY_HOST=not-an-address\n")
    with Server() as server:
        assert server.running


def test_settings_and_options_can_be_given() -> None:
    """By environment and by option."""
    body = b'[{"type":"tap","id":"long enough"}]'
    call = Call("POST", "/v1/events", (), {"Content-Type": "application/json"}, body)
    with (
        Server(env={"LIVETALLY_BODY_BYTES_MAX": "10"}, options=["--log-level", "debug"]) as server,
        Client(server.url, server.key) as client,
        pytest.raises(BodyTooLarge),
    ):
        client.request(call, again_s=0)
