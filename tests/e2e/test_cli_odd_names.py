"""Names and keys that an address could take for something else, from a command to the server."""

from __future__ import annotations

from contextlib import aclosing

import anyio
import pytest

from livetally.client import AsyncClient, Client
from livetally.testing import Server
from tests.e2e.command_told import Run

pytest_plugins = ("tests.e2e.command_server",)

KEYS = (".", "..", "...", "/", "a/..", "%2E", "?", "#")


@pytest.fixture(scope="module")
def known(server: Server) -> Server:
    """The server, with an entity of each key."""
    with Client(server.url, server.key) as client:
        client.send_now([{"type": "pay", "data": {"value": 1, "till": key}} for key in KEYS])
    return server


@pytest.mark.parametrize("key", KEYS)
def test_one_entity_is_the_one_that_is_asked_for(key: str, known: Server, run: Run) -> None:
    """And neither the list of all nor another resource; of the command and of both clients."""
    words = ("watch", "--entity", "till", "--one", key, "--updates", "1", "--json")
    assert [row["key"] for row in run(*words).json["rows"]] == [key]

    async def ask() -> str:
        async with (
            AsyncClient(known.url, known.key) as client,
            aclosing(client.watch_entities("till", key=key)) as updates,
        ):
            return str((await anext(updates)).rows[0]["key"])

    assert anyio.run(ask) == key


@pytest.mark.parametrize("name", [".", ".."])
@pytest.mark.parametrize(
    "words",
    [
        ("query",),
        ("sources", "start"),
        ("sinks", "rebuild"),
        ("alerts", "changes"),
        ("teams", "set", "--no-origins"),
    ],
    ids=" ".join,
)
def test_a_name_of_dots_is_a_name(words: tuple[str, ...], name: str, run: Run) -> None:
    """There is none that is called so, and the answer says that."""
    done = run(*words, name)
    assert done.code == 1
    assert f"is called '{name}'" in done.err
