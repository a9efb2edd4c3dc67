"""Which request comes after which page.

In the flow: asked by ``pull`` for the first request and after each page.
Guarantee: pure; a source that never ends is noticed: a cursor that was seen before, or a page that
is the same as the one before it, is an error and no further request.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urljoin

from livetally.definitions import PageKind, Pages, Source
from livetally.mapping import Evaluator, Expression
from livetally.sources.failures import SourceFailed

__all__ = ["Paging", "Request"]

# A parameter may be without a value, and empty: RFC 8288, section 3.
_VALUE = r"\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))"
_LINK = re.compile(rf"<([^>]*)>((?:\s*;\s*(?:[\w*-]+(?:{_VALUE})?)?)*)")
_PARAMETER = re.compile(rf";\s*([\w*-]+){_VALUE}")


class Request(NamedTuple):
    """A request to make: an address and what to add to its query."""

    url: str
    query: dict[str, str]


class Paging:
    """The way through a source's pages. For one run."""

    def __init__(self, source: Source, query: dict[str, str]) -> None:
        """Begin; ``query`` is what every request carries."""
        self._source = source
        self._query = query
        self._seen: set[str] = set()
        self._records = 0
        self._number = source.pages.first if source.pages else 0
        self._lines = b""
        self.count = 0
        """How many pages have come."""

    def first(self) -> Request:
        """Return the first request."""
        pages, query = self._source.pages, dict(self._query)
        if pages is not None:
            if pages.size_parameter:
                query[pages.size_parameter] = str(pages.size)
            if pages.kind is PageKind.PAGE:
                query[pages.parameter] = str(self._number)
            elif pages.kind is PageKind.OFFSET:
                query[pages.parameter] = "0"
        return Request(self._source.url, query)

    def after(
        self, request: Request, lines: bytes, payload: Any, records: int, link: str, url: str
    ) -> Request | None:
        """Return the request after a page; None when it was the last one.

        Args:
            request: what was asked.
            lines: the events that were made of the page.
            payload: the page, decoded.
            records: how many records it has, before any of them is left out or unfolded.
            link: its header ``Link``, or "".
            url: where it came from in the end.

        Raises:
            SourceFailed: the source would never end.
        """
        pages = self._source.pages
        self.count += 1
        if pages is None:
            return None
        self._records += records
        following = self._following(pages, request, payload, records, link, url)
        if following is not None and lines and lines == self._lines:
            raise SourceFailed(
                f"Page {self.count} is the same as the one before it: does the source know the"
                f" parameter '{pages.parameter}'?"
            )
        if following is not None and self.count >= self._source.pages_max:
            raise SourceFailed(
                f"There are more than {self.count} pages (pages_max); those that came are kept."
            )
        self._lines = lines
        return following

    def _following(
        self, pages: Pages, request: Request, payload: Any, records: int, link: str, url: str
    ) -> Request | None:
        match pages.kind:
            case PageKind.LINK:
                target = _next_link(link)
                if target is None:
                    return None
                return Request(self._new(urljoin(url, target)), {})
            case PageKind.CURSOR:
                cursor = _cursor(pages.next, payload)
                if cursor is None:
                    return None
                return request._replace(query={**request.query, pages.parameter: self._new(cursor)})
        if self._is_last(pages, payload, records):
            return None
        self._number += 1
        at = self._number if pages.kind is PageKind.PAGE else self._records
        return request._replace(query={**request.query, pages.parameter: str(at)})

    def _is_last(self, pages: Pages, payload: Any, records: int) -> bool:
        if records == 0:
            return True
        total = str(_found(pages.total, payload))
        # A total of 0 beside records is none.
        if total.isdecimal() and int(total):
            return self._records >= int(total)
        return records < pages.size

    def _new(self, cursor: str) -> str:
        """Return a cursor that has not been used in this run."""
        if cursor in self._seen:
            raise SourceFailed(
                f"Page {self.count} leads back to a page that came before: the cursor does not move"
            )
        self._seen.add(cursor)
        return cursor


def _found(expression: Expression | None, payload: Any) -> Any:
    """Return what an expression finds in a page; None where it can't be worked out."""
    if expression is None:
        return None
    try:
        return expression.of(payload, Evaluator(payload))
    except ValueError:
        return None


def _cursor(expression: Expression | None, payload: Any) -> str | None:
    """Return the cursor of the next page; None when a page names none.

    Raises:
        SourceFailed: what is there can't be one.
    """
    found = _found(expression, payload)
    if found is None or found is False or found == "":
        return None  # but 0, which equals False, is a cursor
    if isinstance(found, (dict, list, bool)):
        kind = {dict: "an object", list: "a list", bool: "true"}[type(found)]
        raise SourceFailed(f"pages.next: must find a text or a number, not {kind}.")
    return str(found)


def _next_link(header: str) -> str | None:
    """Return the address of the next page.

    Source: RFC 8288, section 3; RFC 8288, section 3.3 (several relations in one parameter).
    """
    for found in _LINK.finditer(header):
        # Of several rel, the first one is meant.
        relations = (one[2] or one[3] for one in _PARAMETER.finditer(found[2]) if _is_rel(one[1]))
        if "next" in next(relations, "").lower().split():
            return found[1]
    return None


def _is_rel(name: str) -> bool:
    return name.lower() == "rel"
