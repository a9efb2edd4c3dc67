"""A server in the shape of the Nobel Prize API, version 2.1: prizes in pages by offset and limit.

In the flow: started by tests of sources; what it says can be changed while it runs.
Guarantee: answers come from this process, at once unless told otherwise; every request is noted.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["PAGES", "SOURCE", "Nobel", "nobel", "prize"]

SOURCE = """
application = "nobel"

[event.prize]
data.category = { type = "string", required = true }
data.year = { type = "integer", required = true }
data.amount = "decimal"
data.laureates = "integer"

[metric.prizes]
event = "prize"
aggregate = "count"
by = ["category"]

[source.nobel]
url = "URL/2.1/nobelPrizes"
every = "5 minutes"
query = { sort = "asc" }
pages.kind = "offset"
pages.parameter = "offset"
pages.size_parameter = "limit"
pages.size = 4
pages.total = "meta.count"
map.each = "nobelPrizes"
map.type = "'prize'"
map.id = "join('-', [awardYear, category.en])"
map.time = "join('', [awardYear, '-12-10T00:00:00Z'])"
map.data.category = "category.en"
map.data.year = { from = "awardYear", as = "integer" }
map.data.amount = { from = "prizeAmount", as = "decimal" }
map.data.laureates = "length(laureates || `[]`)"
"""

PAGES = "".join(f"{line}\n" for line in SOURCE.splitlines() if line.startswith("pages."))
"""The part of the source that says how it is paged."""


def prize(year: int, category: str, amount: int = 150_782) -> dict[str, Any]:
    """Return a prize as the API gives it."""
    return {
        "awardYear": str(year),
        "category": {"en": category, "no": category, "se": category},
        "categoryFullName": {"en": f"The Nobel Prize in {category}"},
        "dateAwarded": f"{year}-11-12",
        "prizeAmount": amount,
        "prizeAmountAdjusted": amount * 60,
        "links": [{"rel": "nobelPrize", "href": f"/nobelPrize/{category[:3]}/{year}"}],
        "laureates": [
            {
                "id": f"{year}{len(category)}",
                "knownName": {"en": "A Laureate"},
                "fullName": {"en": "A. Laureate"},
                "portion": "1",
                "sortOrder": "1",
                "motivation": {"en": "for what was found"},
            }
        ],
    }


class Nobel:
    """What the server says, and what it was asked."""

    def __init__(self) -> None:
        """Start with ten prizes."""
        self.prizes = [prize(1901 + i // 5, _CATEGORIES[i % 5]) for i in range(10)]
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.instead: Callable[[str, int], tuple[int, dict[str, str], bytes] | None] | None = None
        """Answers in place of the API, given the path and the number of the request from 1."""
        self.etags = False
        self.url = ""

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Answer one request."""
        self.asked.append(path)
        self.headers.append(headers)
        if self.instead is not None:
            said = self.instead(path, len(self.asked))
            if said is not None:
                return said
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 25))
        body = json.dumps(
            {
                "nobelPrizes": self.prizes[offset : offset + limit],
                "meta": {
                    "offset": offset,
                    "limit": limit,
                    "count": len(self.prizes),
                    "terms": "https://www.nobelprize.org/about/terms-of-use",
                    "license": "https://www.nobelprize.org/about/terms-of-use",
                },
                "links": {"first": "", "self": path, "last": ""},
            }
        ).encode()
        sent = {"Content-Type": "application/json"}
        if self.etags:
            tag = f'"{blake2b(json.dumps(self.prizes).encode(), digest_size=8).hexdigest()}"'
            sent["ETag"] = tag
            if headers.get("If-None-Match") == tag:
                return 304, sent, b""
        return 200, sent, body


_CATEGORIES = ("Chemistry", "Literature", "Peace", "Physics", "Physiology or Medicine")


class _Quiet(ThreadingHTTPServer):
    """Says nothing of clients that went away, as those do that a test kills."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def nobel() -> Iterator[Nobel]:
    """Run the server while the block runs."""
    said = Nobel()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = said.answer(self.path, dict(self.headers.items()))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited
            pass

    server = _Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    said.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(
        target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.05}
    )
    thread.start()
    try:
        yield said
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
