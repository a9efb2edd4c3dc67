"""Sources page by page: cursors, links, what never ends, and only what is new.

In the flow: a real catalog and a real HTTP server in the Nobel Prize API's shape.
Guarantee: a run ends, whatever the source says, and what came is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.source_process import Begin
from tests.nobel import PAGES, Nobel, prize

pytest_plugins = ("tests.e2e.source_fixtures",)
pytestmark = pytest.mark.anyio


def _page(path: str) -> int:
    return int(path.rpartition("page=")[2])


@pytest.mark.parametrize(
    ("pages", "answer", "reason"),
    [
        (
            'pages = { kind = "offset", parameter = "skip", size = 4 }',
            lambda _: None,
            "the same as the one before it",
        ),
        (
            'pages = { kind = "cursor", parameter = "after", next = "meta.count" }',
            lambda _: None,
            "the cursor does not move",
        ),
        (
            'pages_max = 3\npages = { kind = "page", parameter = "page", size = 1 }',
            lambda path: json.dumps({"nobelPrizes": [prize(1900 + _page(path), "Peace")]}),
            "more than 3 pages",
        ),
        ("bytes_max = 100\n", lambda _: None, "more than 100 bytes"),
    ],
    ids=["same page", "same cursor", "endless", "too long"],
)
async def test_a_source_that_never_ends_is_left(
    begin: Begin,
    api: Nobel,
    pages: str,
    answer: Callable[[str], str | None],
    reason: str,
) -> None:
    """With the reason; what came is kept."""
    process = begin(PAGES, pages + "\n")

    def instead(path: str, _: int) -> tuple[int, dict[str, str], bytes] | None:
        said = answer(path)
        return None if said is None else (200, {}, said.encode())

    api.instead = instead
    state = await process.look()
    assert reason in state.last_error
    assert len(api.asked) <= 4
    assert (state.stored > 0) == ("bytes" not in pages)


async def test_pages_by_link(begin: Begin, api: Nobel) -> None:
    """The link is followed, relative to where it stood."""

    def by_link(path: str, number: int) -> tuple[int, dict[str, str], bytes]:
        link = f'<?page={number + 1}>; rel="next", </2.1/nobelPrizes>; rel="first"'
        body = json.dumps({"nobelPrizes": [api.prizes[number]]})
        if number == 3:
            return 200, {}, json.dumps({"nobelPrizes": [api.prizes[3]]}).encode()
        return 200, {"Link": link}, body.encode()

    api.instead = by_link
    state = await begin(PAGES, 'pages = { kind = "link" }\n').look()
    assert (state.stored, state.last_error) == (3, "")
    assert [path.partition("?")[2] for path in api.asked[1:]] == ["page=2", "page=3"]


async def test_pages_by_cursor(begin: Begin, api: Nobel) -> None:
    """Until a page names no further one."""

    def by_cursor(path: str, number: int) -> tuple[int, dict[str, str], bytes]:
        meta = {"next": f"c{number}"} if number < 3 else {"next": None}
        return 200, {}, json.dumps({"nobelPrizes": [api.prizes[number]], "meta": meta}).encode()

    api.instead = by_cursor
    pages = 'pages = { kind = "cursor", parameter = "after", next = "meta.next" }'
    state = await begin(PAGES, pages + "\n").look()
    assert (state.stored, state.last_error) == (3, "")
    assert [path.partition("?")[2] for path in api.asked] == [
        "sort=asc",
        "sort=asc&after=c1",
        "sort=asc&after=c2",
    ]


async def test_only_what_is_new_is_asked_for(begin: Begin, api: Nobel) -> None:
    """The farthest cursor of a good run is sent by the next one, in another process too."""
    since = 'since = { parameter = "from", cursor = "max(nobelPrizes[].awardYear)" }\nevery ='
    process = begin("every =", since)
    state = await process.look()
    assert json.loads(state.known or "")["cursor"] == "1902"
    later = begin("every =", since, name="two")
    later.clock.advance(s=300)
    await later.look()
    assert "from=1902" in api.asked[-1]
    # A run that fails does not move it.
    api.prizes.append(prize(1999, "Peace"))
    api.instead = lambda path, _: (500, {}, b"") if "offset=4" in path else None
    later.clock.advance(s=300)
    state = await later.look()
    assert state.failures == 1
    assert json.loads(state.known or "")["cursor"] == "1902"
