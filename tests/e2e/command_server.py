"""A server with a few payments, and commands run against it: fixtures for the commands' tests.

In the flow: named by test modules as a plugin; starts one server for each of them.
Guarantee: a command that prints a trace fails its test, whatever else it printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from livetally.cli import main
from livetally.client import Client
from livetally.testing import Server
from tests.e2e.command_told import SHOP, UNCOUNTED, Done, Run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the shop's definition and a few payments."""
    definition = tmp_path_factory.mktemp("definitions") / "shop.toml"
    definition.write_text(SHOP)
    with Server(definitions=[definition], env=UNCOUNTED) as running:
        with Client(running.url, running.key) as client:
            client.send_now(
                [
                    {
                        "type": "pay",
                        "id": f"p{n}",
                        "time": f"2026-03-{28 + n // 4:02}T{10 + n % 4}:00:00Z",
                        "data": {"value": Decimal("10.05"), "till": "ab"[n % 2]},
                    }
                    for n in range(10)
                ]
            )
        yield running


@pytest.fixture
def run(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command against the server."""
    monkeypatch.setenv("LIVETALLY_URL", server.url)
    monkeypatch.setenv("LIVETALLY_KEY", server.key)

    def call(*words: str) -> Done:
        capsys.readouterr()
        code = main(words)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(code, printed.out, printed.err)

    return call
