"""One run of a source: every page, mapped and handed on, and how far it came.

In the flow: called by ``keeper`` in the server, or by a worker; hands lines to ``deliver``.
Guarantee: a page is handed on before the next one is asked for; when the run fails, what came is
kept, and the next run asks for the same again, which counts once. How far it came is told only
after the last page. Whether anything has changed is asked only where the answer stands for all that
a run would bring. A source's headers go to its own origin only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any, TypeAlias

import httpx2
import msgspec

from livetally.definitions import Changes, Source
from livetally.mapping import Context, Evaluator, EventMapping, Mapped, encode_items
from livetally.sources.failures import SourceFailed, TryAgain
from livetally.sources.fetching import Page, Patience, fetch_page, same_origin
from livetally.sources.paging import Paging, Request
from livetally.sources.versions import version_id

__all__ = [
    "Counts",
    "Deliver",
    "Known",
    "Outcome",
    "Puller",
    "identified",
    "mapped_lines",
    "mapped_records",
]

_FAULTS_MAX = 20
_NOTHING = Mapped([], [], [], 0), b""
_encoder = msgspec.json.Encoder(decimal_format="number", order="deterministic")


class Known(msgspec.Struct, frozen=True):
    """What a source remembers between runs: how far it came, and the validators of its page."""

    cursor: str | None = None
    etag: str | None = None
    modified: str | None = None
    mark: str = ""
    """Names what the validators are of: the address, the definition and its look-up tables."""
    since: str = ""
    """Names what the cursor is of; "" in what an earlier version has stored."""


class Counts(msgspec.Struct):
    """What became of the records of a run."""

    pages: int = 0
    records: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    reasons: list[str] = []

    def add(self, other: Counts) -> None:
        """Add the counts of a page."""
        self.pages += other.pages
        self.records += other.records
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.rejected += other.rejected
        self.reasons += other.reasons[: _FAULTS_MAX - len(self.reasons)]

    def taken(self) -> Counts:
        """Return the counts so far, and begin anew."""
        so_far = Counts()
        so_far.add(self)
        self.pages = self.records = self.stored = self.duplicates = self.rejected = 0
        self.reasons = []
        return so_far


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended: what to remember (when it came to its end), and why it did not."""

    counts: Counts
    known: Known | None
    error: str = ""
    unchanged: bool = False
    retry_after_s: float = 0.0
    """How long the source wants to be left alone, when it said so and the run failed by that."""


Deliver: TypeAlias = Callable[[bytes], Awaitable[Counts]]
"""Takes events as lines of JSON; returns once they are safe, with what became of them."""


class Puller:
    """Fetches sources. Safe for several runs at once on one event loop."""

    def __init__(
        self,
        http: Callable[[], httpx2.AsyncClient],
        variable: Callable[[str], str | None],
        now_us: Callable[[], int],
        patience: Patience | None = None,
    ) -> None:
        """Fetch through what ``http`` makes; ``variable`` finds a secret by its name."""
        self._make = http
        self._http: httpx2.AsyncClient | None = None
        self._variable = variable
        self._now_us = now_us
        self._patience = patience or Patience()

    async def run(self, source: Source, known: Known, deliver: Deliver) -> Outcome:
        """Fetch a source once; never raises ``SourceFailed``, but tells of it.

        Raises:
            LivetallyError: the events can't be handed on now.
        """
        counts = Counts()
        try:
            return await self._pages(source, _tied(source, known), deliver, counts)
        except TryAgain as error:
            return Outcome(counts, None, error.message, retry_after_s=error.retry_after_s or 0.0)
        except SourceFailed as error:
            return Outcome(counts, None, error.message)

    async def close(self) -> None:
        """End the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _pages(
        self, source: Source, known: Known, deliver: Deliver, counts: Counts
    ) -> Outcome:
        headers = self._filled(source.headers)
        paging = Paging(source, self._query(source, known))
        request: Request | None = paging.first()
        mark = _mark(source, paging.first())
        validators = _validators(known, mark)
        cursor = known.cursor
        last: Mapping[str, str] = {}
        while request is not None:
            asked = validators if paging.count == 0 else {}
            sent = headers if same_origin(request.url, source.url) else {}
            page = await self._fetch(source, request, sent | asked)
            if page.unchanged:
                if asked:
                    return Outcome(counts, known, unchanged=True)
                raise SourceFailed(_unasked(request))
            last = page.headers
            mapped, lines = _NOTHING if page.empty else mapped_lines(source, page.payload)
            counts.add(_counted(mapped))
            if lines:
                counts.add(await deliver(lines))
            cursor = _farther(cursor, _cursor(source, page))
            link = page.headers.get("link", "")
            listed = source.mapping.listed(page.payload)
            records = mapped.records if listed is None else listed
            request = paging.after(request, lines, page.payload, records, link, page.url)
        if paging.count > 1 or counts.rejected:
            # The first page does not speak for the others, and an unchanged one would hide that a
            # record was rejected, also when it would no longer be.
            last = {}
        etag, modified = last.get("etag"), last.get("last-modified")
        return Outcome(counts, Known(cursor, etag, modified, mark, known.since))

    async def _fetch(self, source: Source, request: Request, headers: Mapping[str, str]) -> Page:
        # Made late: a server without sources needs no certificates.
        self._http = self._http or self._make()
        return await fetch_page(
            self._http,
            request,
            headers,
            timeout_s=source.timeout_s,
            bytes_max=source.bytes_max,
            now_us=self._now_us,
            patience=self._patience,
        )

    def _query(self, source: Source, known: Known) -> dict[str, str]:
        query = self._filled(source.query)
        if source.since is not None and (begin := known.cursor or source.since.start):
            query[source.since.parameter] = begin
        return query

    def _filled(self, values: Mapping[str, str]) -> dict[str, str]:
        """Put in the secrets that values name."""
        return {name: self._secret(name, value) for name, value in values.items()}

    def _secret(self, name: str, value: str) -> str:
        if not value.startswith("env:"):
            return value
        variable = value.removeprefix("env:")
        found = self._variable(variable)
        if not found:
            raise SourceFailed(f"{name}: the variable {variable} is not set where this runs.")
        return found


def mapped_lines(source: Source, payload: Any) -> tuple[Mapped, bytes]:
    """Return the events of a payload, also as lines of JSON; every one has an id of its own.

    The id follows from the record's key and content, or from its key alone when changes are to be
    ignored, so that what comes again counts once. That of a record which changes back is made where
    the events are: ``server.versions``.
    """
    mapped = mapped_records(source, payload, Context(content_ids=True))
    return mapped, bytes(encode_items(mapped.items)) if mapped.items else b""


def mapped_records(source: Source, payload: Any, context: Context) -> Mapped:
    """Return the events of a payload, each with its id and where it is from."""
    mapped = source.mapping.events(payload, context)
    for item in mapped.items:
        identified(source, item)
    return mapped


def identified(source: Source, item: dict[str, Any]) -> dict[str, Any]:
    """Say of an event where it is from, and make its id tell a change of it from the first one."""
    item.setdefault("source", f"source/{source.name}")
    if source.changes is Changes.NEW and _has_key(source.mapping) and "id" in item:
        item["id"] = version_id(item["id"], _encoder.encode(item))
    return item


def _has_key(mapping: EventMapping) -> bool:
    return any(name == "id" for name, _ in mapping.members)


def _counted(mapped: Mapped) -> Counts:
    reasons = [f"record {one.index}: {one.field}: {one.reason}" for one in mapped.faults]
    return Counts(1, mapped.records, 0, 0, len(mapped.faults), reasons[:_FAULTS_MAX])


def _mark(source: Source, request: Request) -> str:
    """Return what ``Known.mark`` is: other than that of versions which kept a first page's."""
    tables = {name: one.digest for name, one in source.mapping.lookups_used.items()}
    told = msgspec.json.encode((source.raw, request, tables), order="deterministic")
    return blake2b(told, digest_size=8).hexdigest()


def _unasked(request: Request) -> str:
    shown = request.url.partition("?")[0]
    return f"{shown} answered 304 Not Modified, but was not asked whether anything has changed."


def _tied(source: Source, known: Known) -> Known:
    """Return what is known, without a cursor that another ``since`` has found."""
    if source.since is None:
        return known
    told = msgspec.json.encode((source.since.parameter, source.since.cursor.text))
    tie = blake2b(told, digest_size=8).hexdigest()
    cursor = known.cursor if known.since in ("", tie) else None
    return msgspec.structs.replace(known, cursor=cursor, since=tie)


def _validators(known: Known, mark: str) -> dict[str, str]:
    """Return the headers that ask whether anything has changed."""
    if known.mark != mark:
        return {}
    pairs = (("If-None-Match", known.etag), ("If-Modified-Since", known.modified))
    return {name: value for name, value in pairs if value}


def _cursor(source: Source, page: Page) -> str | None:
    if source.since is None or page.empty:
        return None
    try:
        found = source.since.cursor.of(page.payload, Evaluator(page.payload))
    except ValueError as error:
        raise SourceFailed(f"since.cursor: {error}.") from None
    if found is None or found == "":
        return None
    if isinstance(found, (dict, list, bool)):
        raise SourceFailed("since.cursor: must be a text or a number.")
    return str(found)


def _farther(held: str | None, found: str | None) -> str | None:
    """Return the later of two cursors: pages may come in any order."""
    if held is None or found is None:
        return found or held
    try:
        return max(held, found, key=Decimal)
    except ArithmeticError:
        return max(held, found)
