"""A page of events or entities on the wire: JSON, CSV or Arrow, and "not modified".

In the flow: receives described rows from the routes, hands a response back.
Guarantee: a page that says the same has the same ``ETag``; in every form the cursor of the next
page is there, in JSON as ``next``, else in a ``Link`` header.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.accept import chosen_type, is_known
from livetally.api.answers import encode_value
from livetally.api.tables import ARROW, CSV, JSON, as_arrow, as_csv, content_type
from livetally.calendar import find_zone, parse_instant

__all__ = ["Page", "page_form", "page_response"]

_FORMS = (JSON, CSV, ARROW)
_UTC = find_zone("UTC")
_UTC_NAME = "UTC"


class Page(NamedTuple):
    """Rows as they are shown in JSON under ``name``, with what stands before them.

    ``instants`` are the members that are times, ``columns`` those of a page without rows.
    """

    name: str
    rows: Sequence[Mapping[str, Any]]
    position: int
    next: str
    head: Mapping[str, Any] = {}
    instants: Sequence[str] = ()
    columns: Sequence[str] = ()


def page_form(request: Request) -> str:
    """Return the form that a client asks for; JSON for whoever asks for none that there is."""
    return chosen_type(request.headers.get("accept", ""), _FORMS)


def page_response(request: Request, page: Page, left: Mapping[str, str]) -> Response:
    """Answer with a page, or say that the client has it already.

    Raises:
        UnsupportedMedia: Arrow, and pyarrow is not installed.

    Source: RFC 9110, sections 8.8.1 and 13.1.2; RFC 8288 for the link.
    """
    form = page_form(request)
    rows = encode_value(page.rows)
    head = encode_value(page.head)
    mark = blake2b(b"\0".join((form.encode(), page.next.encode(), head, rows)), digest_size=12)
    tag = f'W/"{mark.hexdigest()}"'
    headers = {"Cache-Control": "private, no-cache", "ETag": tag, "Vary": "Accept", **left}
    if page.next and form != JSON:
        following = request.url.include_query_params(cursor=page.next)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    if is_known(tag, request.headers.get("if-none-match", "")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(_body(page, form, rows), headers=headers, media_type=content_type(form))


def _body(page: Page, form: str, rows: bytes) -> bytes:
    if form == JSON:
        shown = {page.name: msgspec.Raw(rows), "next": page.next or None}
        return encode_value({**page.head, "position": page.position, **shown})
    columns = _columns(page.rows) or {name: [] for name in page.columns}
    if form == CSV:
        return as_csv(columns)
    times = [name for name in page.instants if name in columns]
    read = {name: [_instant(text) for text in columns[name]] for name in times}
    return as_arrow(columns | read, dict.fromkeys(times, _UTC_NAME), page.position)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return a page column by column; the members of an object are columns of their own.

    What a sender wrote stays one text, and a list's items are parted by blanks.
    """
    flat = [_flat(row) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    return {name: [row.get(name) for row in flat] for name in names}


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {f"{name}.{member}": inner for member, inner in value.items()}
        elif isinstance(value, msgspec.Raw):
            found[name] = bytes(value).decode()
        else:
            found[name] = " ".join(value) if isinstance(value, list) else value
    return found


def _instant(text: str | None) -> int | None:
    return None if text is None else parse_instant(text, _UTC, "time")
