"""Each example keeps its promise in its own database, whatever is killed while events arrive."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from livetally.cli.demo_examples import find_examples
from livetally.testing import Server
from tests.fault.example_checker import RECOUNTS, check

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)

DATABASES = {
    "circular": ("postgresql", "CIRCULAR_DATABASE_URL"),
    "revenue": ("postgresql", "REVENUE_DATABASE_URL"),
    "incidents": ("mariadb", "INCIDENTS_DATABASE_URL"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", DATABASES)
def test_every_table_equals_the_entity_and_the_recount_after_kills(
    name: str, request: pytest.FixtureRequest
) -> None:
    """The server, its database, and the server again are killed; no row is wrong or missing."""
    seed = int(os.environ.get("EXAMPLE_SEED", random.randrange(10**6)))
    print(f"seed {seed}: repeat with EXAMPLE_SEED={seed}")  # noqa: T201 - shown when it fails
    kind, variable = DATABASES[name]
    database: Database = request.getfixturevalue(f"{kind}_server")
    place = database.make_database(f"livetally_{name}_killed")
    (shown,) = find_examples([name])
    with Server(definitions=[shown.definitions], env={variable: place}) as server:
        print(check(server, database.process, place, shown.example, RECOUNTS[name], seed))  # noqa: T201
