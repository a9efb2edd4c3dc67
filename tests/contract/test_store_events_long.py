"""Fields whose columns have long names are kept and answered like any other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.event_store import KINDS, EventStore, event_store
from tests.query_model import Told

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00Z
PATHS = {
    "deep": ".".join(["a" * 24] * 8),
    "spelt": ".".join([f"{'a__' * 21}a"] * 3),
    "longest": ".".join([f"{'b__' * 20}b"] * 8),
}
"""The first makes a column of 217 characters, the last one of 1,167: longer than a file's name."""

SHOP = 'application = "shop"\n[event.sale]\n' + "".join(
    f'data.{path} = "decimal"\ndata.{path[:-1]}c = "string"\n' for path in PATHS.values()
)
METRICS = "".join(
    f"""
[metric.{name}]
event = "sale"
aggregate = "sum"
value = "{path}"
by = ["{path[:-1]}c"]
[entity.{name}]
key = "{path[:-1]}c"
events = ["sale"]
fields.total = {{ sum = "{path}" }}
"""
    for name, path in PATHS.items()
)


@pytest.fixture(scope="module", params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventStore]:
    """Open one store of each kind."""
    place = tmp_path_factory.mktemp("events")
    with event_store(place, SHOP + METRICS, kind=request.param) as opened:
        yield opened


def nested(path: str, amount: int) -> dict[str, Any]:
    """Return data that has an amount and a colour at the end of a path."""
    *above, last = path.split(".")
    data: dict[str, Any] = {last: amount, f"{last[:-1]}c": "red" if amount % 2 else "blue"}
    for key in reversed(above):
        data = {key: data}
    return data


@pytest.mark.parametrize("name", PATHS)
def test_long_names_are_answered(store: EventStore, name: str) -> None:
    """By projections and without, in parts of one file and in parts of a file for each column."""
    path, team = PATHS[name], next(store.teams)
    commits = [
        [Told("sale", T0, f"{i}-{j}", None, None, nested(path, 3 * i + j)) for j in range(3)]
        for i in range(2)
    ]

    def check(total: dict[str, int]) -> None:
        for raw in (False, True):
            rows = store.ask(team, name, raw=raw, by=f"{path[:-1]}c").rows
            assert {row.keys[0]: row.value for row in rows} == total
            rows = store.ask(team, name, raw=raw, where=f"{path}:>=2").rows
            assert [row.value for row in rows] == [sum(total.values()) - 1]

    store.commit(team, commits[0])
    check({"blue": 2, "red": 1})
    store.commit(team, commits[1])
    altering = store.engine.layout.altering
    store.engine.execute(f"{altering} MODIFY SETTING min_bytes_for_wide_part = 0")
    if not store.engine.layout.server:
        store.engine.execute(f"{altering} MODIFY SETTING min_bytes_for_full_part_storage = 0")
    store.merge()
    wide = "SELECT DISTINCT part_type FROM system.parts WHERE active AND "
    kinds = store.engine.read(wide + store.engine.layout.of_local)
    assert kinds == [["Wide"]]
    check({"blue": 6, "red": 9})
