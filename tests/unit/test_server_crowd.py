"""How many files the process may open decides how many connections it takes.

In the flow: asks ``places`` with the limits that a system could set.
Guarantee: the store's own files are never taken by connections.
"""

from __future__ import annotations

import resource

import pytest

from livetally.server.crowd import places

UNBOUND = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "raised_to"),
    [
        (1_024, 524_288, 30_000, 31_200),
        (1_024, UNBOUND, 30_000, 31_200),
        (524_288, 524_288, 30_000, None),
        (UNBOUND, UNBOUND, 30_000, None),
        (1_024, 20_000, 18_800, 20_000),
        (1_024, 1_024, 512, 1_024),
    ],
    ids=["raised", "raised without end", "enough", "unbound", "too few", "very few"],
)
def test_connections_leave_files_for_the_store(
    soft: int, hard: int, allowed: int, raised_to: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The soft limit is raised as far as needed; where that is too little, fewer are taken."""
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, given: limits.append(given))
    assert places(30_000) == allowed
    assert limits[1:] == ([] if raised_to is None else [(raised_to, hard)])
