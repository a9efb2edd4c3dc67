"""Which request follows a page: what a page is counted by, and what a cursor and a link may be.

In the flow: asks ``sources.paging`` and the mapping about pages that are made up.
Guarantee: no record is missed because of how ``each`` is written or a cursor looks.
"""

from __future__ import annotations

from typing import Any

import pytest

from livetally.definitions import Source, read_toml
from livetally.mapping import decode_payload
from livetally.sources.failures import SourceFailed
from livetally.sources.paging import Paging, Request
from livetally.sources.pull import mapped_lines

URL = "https://one.example/records"
_SOURCE = """
application = "shop"
[event.line]
[source.shop]
url = "{url}"
every = "1 hour"
pages = {pages}
map.each = "{each}"
map.type = "'line'"
"""
OFFSET = '{ kind = "offset", parameter = "skip", size = 2, total = "total" }'
PAGE = '{ kind = "page", parameter = "page", size = 2 }'
CURSOR = '{ kind = "cursor", parameter = "after", next = "next" }'


def source(pages: str, each: str = "items") -> Source:
    """Return a source that is paged like this."""
    toml = _SOURCE.format(url=URL, pages=pages, each=each)
    return read_toml(toml, "shop.toml").sources["shop"]


def after(source: Source, payload: Any, link: str = "") -> Request | None:
    """Return what is asked after the first page, as a run would ask it."""
    paging = Paging(source, {})
    mapped, lines = mapped_lines(source, payload)
    listed = source.mapping.listed(payload)
    records = mapped.records if listed is None else listed
    return paging.after(paging.first(), lines, payload, records, link, URL)


def order(*lines: int, ok: bool = True) -> dict[str, Any]:
    """Return a record with records inside."""
    return {"ok": ok, "lines": [{"n": n} for n in lines]}


@pytest.mark.parametrize(
    ("each", "page"),
    [
        ("items", {"items": [order(), order()]}),
        ("items[]", {"items": [order(), order()]}),
        ("items[].lines[]", {"items": [order(1), order()]}),
        ("items[].lines[]", {"items": [order(1, 2, 3, 4), order(5)]}),
        ("items[*].missing", {"items": [order(), order()]}),
        ("items[?ok]", {"items": [order(), order(ok=False)]}),
        ("items[?ok].lines[] | [0:1]", {"items": [order(1, 2), order(ok=False)]}),
        ("items[0:1]", {"items": [order(), order()]}),
        ("data.items[?ok]", {"data": {"items": [order(ok=False), order(ok=False)]}}),
        ("[?ok]", [order(ok=False), order(ok=False)]),
        ("[1][?ok]", [{"page": 1}, [order(ok=False), order()]]),
        ("[1]", [{"page": 1}, [order(), order()]]),
        ("data[0].lines[?n > `1`]", {"data": [order(1, 2), order(), order()]}),
        ("reverse(items)[?ok]", {"items": [order(), order(ok=False)]}),
        ("[first, second][]", {"first": order(), "second": order()}),
        ("[first, second, third][]", {"first": [order()], "third": [order()]}),
    ],
)
def test_a_page_is_counted_by_its_own_list(each: str, page: Any) -> None:
    """It is full with two, whatever becomes of them: another one follows, two farther."""
    following = after(source(OFFSET, each), page)
    assert following is not None
    assert following.query["skip"] == "2"


@pytest.mark.parametrize(
    ("each", "page"),
    [
        ("items[].lines[]", {"items": [order(1, 2)]}),
        ("items[?ok]", {"items": [order()]}),
        ("[1]", [{"page": 1}, [order()]]),
        ("items[].lines[]", {"items": []}),
        ("[first, second][]", {"first": order()}),
    ],
)
def test_a_shorter_list_is_the_last_page(each: str, page: Any) -> None:
    """As many lines as a page has orders do not make it a full one."""
    assert after(source(PAGE, each), page) is None


def test_a_total_is_compared_with_the_same_records() -> None:
    """Three lines in the first two of five orders are not the end."""
    page = {"items": [order(1, 2), order(3, 4, 5)], "total": 5}
    following = after(source(OFFSET, "items[].lines[]"), page)
    assert following is not None
    assert following.query["skip"] == "2"
    assert after(source(OFFSET, "items[].lines[]"), page | {"total": 2}) is None


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("0", "0"),
        ('"0"', "0"),
        ("0.0", "0.0"),
        ("17", "17"),
        ('"c"', "c"),
        ("null", None),
        ('""', None),
        ("false", None),
    ],
)
def test_a_cursor_ends_a_run_only_where_there_is_none(written: str, sent: str | None) -> None:
    """0 is the number of a record or a page."""
    page = decode_payload(f'{{"items": [], "next": {written}}}'.encode())
    following = after(source(CURSOR), page)
    assert (following.query["after"] if following else None) == sent


def test_a_cursor_that_is_missing_ends_a_run() -> None:
    """A last page need not say that it is."""
    assert after(source(CURSOR), {"items": []}) is None


@pytest.mark.parametrize(
    ("found", "kind"), [({"id": 1}, "an object"), ([1], "a list"), ([], "a list"), (True, "true")]
)
def test_what_can_be_no_cursor_is_told(found: Any, kind: str) -> None:
    """It would end the run without a word, and further pages would be missed."""
    with pytest.raises(SourceFailed, match=rf"pages\.next: .*, not {kind}\."):
        after(source(CURSOR), {"items": [], "next": found})


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ('</two>; rel="next"', "/two"),
        ("</one>; rel=prev, </two>;rel=next", "/two"),
        ('</two>; preload; rel="last next"', "/two"),
        ('</two>; ; preload ; REL = "Next";', "/two"),
        ('</two>; title="a, <b>"; rel=next', "/two"),
        ('</one>; title="; rel=next"; rel=prev', None),
        ("</one>; rel=prev; rel=next", None),
        ('</one>; rel="nextish"', None),
        ("</one>; next", None),
        ("", None),
    ],
)
def test_a_link_is_read_by_its_relation(link: str, target: str | None) -> None:
    """Parameters may have no value, and a relation may be one of several."""
    following = after(source('{ kind = "link" }'), {"items": [order()]}, link)
    assert (following.url if following else None) == (target and f"https://one.example{target}")
