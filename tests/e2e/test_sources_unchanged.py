"""What a source keeps from one run to the next, and what a run must not believe of it.

In the flow: a real catalog and a real HTTP server in the Nobel Prize API's shape.
Guarantee: no record is missed because an earlier run was answered, and none because a source wants
to be left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from livetally.definitions import Source, read_toml
from livetally.sources import Known
from livetally.sources.wire import read_source, written_source
from tests.e2e.source_process import MINUTE, Begin, Process
from tests.nobel import PAGES, SOURCE, Nobel, nobel, prize

pytest_plugins = ("tests.e2e.source_fixtures",)
pytestmark = pytest.mark.anyio

Answer: TypeAlias = tuple[int, dict[str, str], bytes]

_CATEGORY = 'map.data.category = "category.en"'
_LOOKED_UP = """
map.data.category = {{ from = "category.en", lookup = "fields", required = true }}
[lookup.fields.rows]
Chemistry = "matter"
Literature = "letters"
{more}
[lookup.others.rows]
{others}
"""


def looked_up(more: str = "", others: str = "") -> str:
    """Return the source with a category that is looked up."""
    lines = [line for line in SOURCE.splitlines() if line != _CATEGORY]
    return "\n".join(lines) + _LOOKED_UP.format(more=more, others=others)


def each_page_tagged(api: Nobel) -> Callable[[str, int], Answer]:
    """Return answers whose ETag is that of the page alone; it tells nothing of the others."""

    def answer(path: str, _: int) -> Answer:
        query = parse_qs(urlsplit(path).query)
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        body = json.dumps({"nobelPrizes": api.prizes[offset : offset + limit]}).encode()
        tag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
        if api.headers[-1].get("If-None-Match") == tag:
            return 304, {"ETag": tag}, b""
        return 200, {"ETag": tag}, body

    return answer


def source_at(api: Nobel, change: str = "", by: str = "") -> Source:
    """Return the source, changed."""
    toml = SOURCE.replace(change, by).replace("URL", api.url)
    return read_toml(toml, "nobel.toml").sources["nobel"]


async def later(process: Process) -> None:
    """Look again when the source is due."""
    process.clock.advance(s=300)
    await process.look()


async def test_a_first_page_does_not_speak_for_the_others(begin: Begin, api: Nobel) -> None:
    """It stays the same while later ones grow; they are fetched."""
    api.instead = each_page_tagged(api)
    api.prizes = api.prizes[:6]
    process = begin()
    await process.look()
    assert len(process.events) == 6
    api.prizes += [prize(1950 + i, "Peace") for i in range(5)]
    await later(process)
    assert len(process.events) == 11


async def test_what_an_earlier_version_kept_does_not_hide_pages(begin: Begin, api: Nobel) -> None:
    """A cursor that it stored goes on; its validators may be those of a first page."""
    old = '{"cursor":"1902","etag":"x","modified":null,"mark":"0123456789abcdef"}'
    source = source_at(api, "every =", 'since = { parameter = "from", cursor = "at" }\nevery =')
    process = begin()
    known = msgspec.json.decode(old, type=Known)
    outcome = await process._puller.run(source, known, process.deliver)
    assert "from=1902" in api.asked[0]
    assert "If-None-Match" not in api.headers[0]
    assert outcome.known is not None
    assert outcome.known.cursor == "1902"


async def test_a_rejected_record_is_asked_for_again(begin: Begin, api: Nobel) -> None:
    """The answer is the same, and so is the error: it is not forgotten by a 304."""
    api.etags = True
    api.prizes = api.prizes[:3]
    api.prizes[2] = prize(1901, "Peace") | {"awardYear": "soon"}
    process = begin()
    await process.look()
    process.clock.advance(s=300)
    state = await process.look()
    assert (state.rejected, len(api.asked)) == (2, 2)
    assert "1 records gave no event" in state.last_error


async def test_a_row_that_is_added_is_looked_up(begin: Begin, api: Nobel) -> None:
    """A table that the mapping uses is part of what was asked; any other is not."""
    api.etags = True
    api.prizes = api.prizes[:2]
    await begin(SOURCE, looked_up()).look()
    same = begin(SOURCE, looked_up(others='Peace = "people"'), name="two")
    await later(same)
    assert same.events == {}
    changed = begin(SOURCE, looked_up('Peace = "people"'), name="three")
    await later(changed)
    assert len(changed.events) == 2


async def test_a_worker_asks_as_the_server_does(begin: Begin, api: Nobel) -> None:
    """What it reads of a source names the same validators."""
    api.etags = True
    api.prizes = api.prizes[:2]
    process = begin()
    toml = looked_up().replace("URL", api.url)
    source = read_toml(toml, "nobel.toml").sources["nobel"]
    outcome = await process._puller.run(source, Known(), process.deliver)
    assert outcome.known is not None
    again = read_source(written_source(source))
    assert (await process._puller.run(again, outcome.known, process.deliver)).unchanged


@pytest.mark.parametrize("at", ["offset=0", "offset=4"])
async def test_an_unasked_304_is_an_error(begin: Begin, api: Nobel, at: str) -> None:
    """In the middle of the pages it would hide all that follow."""
    process = begin()
    api.instead = lambda path, _: (304, {}, b"") if at in path else None
    state = await process.look()
    assert "answered 304 Not Modified, but was not asked" in state.last_error
    assert state.failures == 1


@pytest.mark.parametrize(
    "since",
    [
        '{ parameter = "after", cursor = "max(nobelPrizes[].awardYear)", start = "1900" }',
        '{ parameter = "from", cursor = "max(nobelPrizes[].dateAwarded)", start = "1900" }',
    ],
    ids=["parameter", "expression"],
)
async def test_another_since_begins_anew(begin: Begin, api: Nobel, since: str) -> None:
    """A cursor is sent only where the same expression found it for the same parameter."""
    first = 'since = { parameter = "from", cursor = "max(nobelPrizes[].awardYear)" }\nevery ='
    await begin("every =", first).look()
    same = begin("every =", first, name="two")
    await later(same)
    assert "from=1902" in api.asked[-1]
    await later(begin("every =", f"since = {since}\nevery =", name="three"))
    assert "=1900" in api.asked[-1]


async def test_a_source_that_wants_to_be_left_alone_is(begin: Begin, api: Nobel) -> None:
    """Until Retry-After is over; then it comes at its own time, and within a day at last."""
    process = begin("5 minutes", "5 seconds")
    asked_for = {"Retry-After": "120"}
    api.instead = lambda *_: (429, asked_for, b"")
    state = await process.look()
    assert "answered 429" in state.last_error
    assert process.clock.now_us() + 2 * MINUTE < state.next_us
    assert state.next_us <= process.clock.now_us() + 2 * MINUTE + MINUTE // 12
    asked_for["Retry-After"] = "999999999"
    process.clock.advance(s=130)
    state = await process.look()
    assert state.runs == 2
    assert state.next_us <= process.clock.now_us() + 24 * 60 * MINUTE + MINUTE // 12
    api.instead = None
    process.clock.advance(s=25 * 3_600)
    state = await process.look()
    assert state.next_us <= process.clock.now_us() + MINUTE // 12


async def test_no_cookie_of_one_source_is_sent_for_another(begin: Begin, api: Nobel) -> None:
    """They share a host and a client; not even the same source gets it back."""
    api.instead = lambda *_: (200, {"Set-Cookie": "team=red; Path=/"}, b"[]")
    process = begin()
    one = source_at(api, PAGES, "")
    two = source_at(api, "/2.1/nobelPrizes", "/2.1/others")
    for source in (one, two, one):
        await process._puller.run(source, Known(), process.deliver)
    assert len(api.headers) == 3
    assert not any("Cookie" in headers for headers in api.headers)


async def test_a_link_to_another_origin_gets_no_secret(begin: Begin, api: Nobel) -> None:
    """The next page may be anywhere; the headers go to the source's own origin only."""
    source = source_at(
        api, PAGES, 'pages = { kind = "link" }\nheaders = { X-Key = "env:NOBEL_KEY" }\n'
    )
    process = begin()
    process.variables["NOBEL_KEY"] = "hidden"
    with nobel() as elsewhere:
        api.instead = lambda _, number: (
            200,
            {"Link": f'<{"/two" if number == 1 else elsewhere.url}>; rel="next"'},
            json.dumps({"nobelPrizes": api.prizes[number : number + 1]}).encode(),
        )
        outcome = await process._puller.run(source, Known(), process.deliver)
        assert outcome.error == ""
        assert [headers["X-Key"] for headers in api.headers] == ["hidden", "hidden"]
        assert len(elsewhere.headers) == 1
        assert "X-Key" not in elsewhere.headers[0]


async def test_an_empty_answer_is_a_page_without_records(begin: Begin, api: Nobel) -> None:
    """Many APIs say 204 when there is nothing new."""
    process = begin("every =", 'since = { parameter = "from", cursor = "max(x[].y)" }\nevery =')
    api.instead = lambda *_: (204, {}, b"")
    state = await process.look()
    assert (state.runs, state.last_error, state.rejected) == (1, "", 0)
    assert len(api.asked) == 1
