"""Reads ``[source.NAME]``: places that records are fetched from.

In the flow: receives the definition's root ``Table`` and the ``Scope`` from ``reading``, hands back
sources.

Guarantee: a source that came out of a definition without problems can be fetched; no secret stands
in a definition, only the name of the variable that holds it.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from livetally.definitions.plain import jsonable
from livetally.definitions.read_draws import number
from livetally.definitions.read_messages import MESSAGE_SCHEMES, read_messages
from livetally.definitions.read_schedule import read_schedule
from livetally.definitions.scope import Scope
from livetally.definitions.source import (
    Changes,
    PageKind,
    Pages,
    Since,
    Source,
)
from livetally.definitions.table import Table
from livetally.mapping import BadExpression, EventMapping, Expression, Lookups, read_mapping

__all__ = ["read_sources"]

_PAIRS_MAX: Final = 50
_PAGES_MAX: Final = 100_000
_BYTES_MAX: Final = 1024 * 1024 * 1024
_SIZE_MAX: Final = 100_000
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# No setting of the server's own, such as its root key, is sent anywhere.
_VARIABLE: Final = re.compile(r"env:(?!LIVETALLY_)[A-Za-z_][A-Za-z0-9_]{0,99}")
_SCHEMES: Final = ("http", "https", *MESSAGE_SCHEMES)
_SECRETIVE: Final = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})


def read_sources(
    root: Table, application: str, scope: Scope, lookups: Lookups
) -> dict[str, Source]:
    """Read the sources by name."""
    sources: dict[str, Source] = {}
    for name, table in root.named("source"):
        mapping = _mapping(table, scope, lookups)
        raw = jsonable(root.table("source").raw(name))
        source = _source(name, application, table, mapping, raw)
        table.finish()
        if source is not None:
            sources[name] = source
    return sources


def _source(
    name: str, application: str, table: Table, mapping: EventMapping | None, raw: dict[str, Any]
) -> Source | None:
    url = _url(table)
    taken = read_messages(table, url)
    messages, schedule = taken or (None, read_schedule(table))
    query, headers = _pairs(table, "query"), _headers(table)
    pages, since = _pages(table), _since(table)
    timeout_s = number(table, "timeout_s", 0.1, 600)
    source = Source(
        name=name,
        application=application,
        mapping=mapping or EventMapping(Expression("@"), None, (), (), {}),
        url=url,
        schedule=schedule,
        start=table.flag("start") if "start" in table else True,
        query=query,
        headers=headers,
        pages=pages,
        since=since,
        changes=table.choice("changes", Changes, required=False) or Changes.NEW,
        timeout_s=30.0 if timeout_s is None else timeout_s,
        pages_max=table.whole("pages_max", 1, _PAGES_MAX) or 1_000,
        bytes_max=table.whole("bytes_max", 1, _BYTES_MAX) or 32 * 1024 * 1024,
        messages=messages,
        raw=raw,
        title=table.text("title"),
        description=table.text("description"),
    )
    return source if mapping is not None else None


def _mapping(table: Table, scope: Scope, lookups: Lookups) -> EventMapping | None:
    # What a message came as can be asked for; a fetched page has nothing of the kind.
    params = [name for name in ("subject", "topic", "channel") if name in table.given()]
    mapping = read_mapping(
        table.raw("map"), (*table.path, "map"), scope.problems, lookups, params=params
    )
    if mapping is not None and (kind := mapping.constant_type):
        scope.event((*table.path, "map", "type"), kind)
    return mapping


def _url(table: Table) -> str:
    url = table.text("url")
    if not url:
        table.problem("'url' is missing: where do the records come from?")
        return ""
    parts = _parts(url)
    if parts is None or parts.scheme not in _SCHEMES or not parts.hostname:
        table.problem(
            "must be an address that begins with http:// or https://, or one of a broker or a"
            " database, with nats://, mqtt:// or postgresql://",
            "url",
        )
    elif parts.username or parts.password:
        instead = (
            "user and password" if parts.scheme in MESSAGE_SCHEMES else "headers.Authorization"
        )
        table.problem(f"holds a password; give it as {instead} = 'env:NAME' instead", "url")
    return url


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read only here: a wrong one raises
    except ValueError:
        return None
    return parts


def _pairs(table: Table, key: str) -> dict[str, str]:
    """Read a table of texts; numbers and booleans are written as such."""
    below = table.table(key)
    found: dict[str, str] = {}
    for name in below.given():
        value = below.raw(name)
        if isinstance(value, bool):
            found[name] = "true" if value else "false"
        elif isinstance(value, (str, int)):
            found[name] = str(value)
        else:
            below.problem("must be a text", name)
        if found.get(name, "").startswith("env:") and not _VARIABLE.fullmatch(found[name]):
            below.problem("must be env: and the name of a variable", name)
    if len(found) > _PAIRS_MAX:
        table.problem(f"takes at most {_PAIRS_MAX} entries", key)
    return found


def _headers(table: Table) -> dict[str, str]:
    headers = _pairs(table, "headers")
    below = table.table("headers")
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            below.problem("is no name of a header", name)
        elif "\n" in value or "\r" in value or not value.isascii():
            below.problem("has characters that a header can't have", name)
        elif name.lower() in _SECRETIVE and not value.startswith("env:"):
            below.problem("is a secret: write 'env:NAME' and set that variable", name)
    return headers


def _pages(table: Table) -> Pages | None:
    if "pages" not in table:
        return None
    below = table.table("pages")
    kind = below.choice("kind", PageKind)
    parameter = below.text("parameter")
    size = below.whole("size", 1, _SIZE_MAX)
    pages = Pages(
        kind=kind or PageKind.PAGE,
        parameter=parameter,
        size_parameter=below.text("size_parameter"),
        size=size or 100,
        first=1 if (first := below.whole("first", 0, 1)) is None else first,
        total=_expression(below, "total"),
        next=_expression(below, "next"),
    )
    if kind is not None and kind is not PageKind.LINK and not parameter:
        below.problem("'parameter' is missing: which one of the query says which page?")
    if kind is PageKind.CURSOR and pages.next is None:
        below.problem("'next' is missing: where does a page say the cursor of the next one?")
    if kind is PageKind.OFFSET and size is None:
        below.problem("'size' is missing: how many records does a page have?")
    below.finish()
    return pages


def _since(table: Table) -> Since | None:
    if "since" not in table:
        return None
    below = table.table("since")
    parameter, cursor = below.text("parameter"), _expression(below, "cursor")
    start = below.text("start")
    if not parameter:
        below.problem("'parameter' is missing: which one of the query says from when on?")
    if cursor is None and "cursor" not in below:
        below.problem("'cursor' is missing: where in a page stands how far it reaches?")
    below.finish()
    return Since(parameter, cursor, start) if cursor is not None else None


def _expression(table: Table, key: str) -> Expression | None:
    text = table.text(key)
    if not text:
        return None
    try:
        return Expression(text)
    except BadExpression as error:
        table.problem(str(error), key)
        return None
