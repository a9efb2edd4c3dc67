"""``POST /v1/events`` without a task: the plain request, answered as ``events`` would.

In the flow: offered by ``server.quick`` each request that it has read; hands the events to
``ingest`` and, when their fate is on disk, the answer back.
Guarantee: every answer is the one that ``Guard`` and ``post_events`` would have given, is counted
as theirs are, and comes from them whenever anything about the request or its fate is unusual.

A task, a framework's messages and the frames that they pass through cost several times what is
done with one event. Nothing here waits: who sends is known from memory, or the request is declined.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from livetally.api.app import Asgi
from livetally.api.events import answer_of, send_noted
from livetally.api.guard import BEGAN_S, Guard, answered, completed
from livetally.api.requests import HEADER, name_for
from livetally.api.services import Services
from livetally.errors import ClientError
from livetally.event import Decoded, decode_json
from livetally.ingest import Accepted, Receipt, Share
from livetally.tenancy import Credential, Identity
from livetally.tenancy import Scope as KeyScope

__all__ = ["Exchange", "Quick", "WayOut"]

_PATH = b"/v1/events"
_KIND = "events"
_BEARER = b"Bearer "
_JSON = frozenset({b"application/json", b"application/json; charset=utf-8"})
# What the ordinary path looks at beyond what is looked at here.
_UNUSUAL = frozenset(
    {
        b"ce-specversion",
        b"content-encoding",
        b"cookie",
        b"expect",
        b"origin",
        b"transfer-encoding",
        b"upgrade",
        b"x-livetally-team",
    }
)
_BYTES_MAX = 64 * 1024
_DIGITS_MAX = 5


class WayOut(Protocol):
    """Where the answer to one request goes. One of its methods is called, once."""

    @property
    def is_held_up(self) -> bool:
        """Whether the client does not read what was sent to it: ``run`` waits until it does."""
        ...

    def send(self, lines: bytes, body: bytes) -> None:
        """Answer 200 with whole header lines and a body; drop it when the client has gone."""
        ...

    def run(self, app: ASGIApp) -> None:
        """Have the request answered by an application, in a task."""
        ...


class Quick:
    """Takes plain requests. Used on the event loop's thread only."""

    def __init__(self, services: Services) -> None:
        """Take them into ``services.intake``."""
        self._services = services
        self._bytes_max = min(_BYTES_MAX, services.intake.limits.body_bytes_max)
        # The last answer but for the request's name: a commit has many that are alike.
        self._last: tuple[tuple[int, int, int, bool], bytes, bytes] | None = None

    def admit(self, scope: Scope) -> Exchange | None:
        """Look at a request whose head was read.

        Args:
            scope: the request's ASGI scope.

        Returns:
            What takes its body; None: nothing was done, and the ordinary way is to answer it.
        """
        if (
            scope["raw_path"] != _PATH
            or scope["method"] != "POST"
            or scope["query_string"]
            or scope["http_version"] != "1.1"
        ):
            return None
        headers = scope["headers"]
        named = dict(headers)
        if len(named) != len(headers) or not _UNUSUAL.isdisjoint(named):
            return None
        length = named.get(b"content-length", b"")
        if not length.isdigit() or len(length) > _DIGITS_MAX or int(length) > self._bytes_max:
            return None
        if named.get(b"content-type") not in _JSON:
            return None
        began_s = self._services.clock.monotonic_s()
        who = self._sender(named)
        return None if who is None else Exchange(self, scope, named, who, began_s)

    def _sender(self, named: Mapping[bytes, bytes]) -> Identity | None:
        """Return who sent it, if that is remembered and they may send it now."""
        sent = named.get(b"authorization", b"")
        if not sent.startswith(_BEARER):
            return None
        who = self._services.keys.peek(sent[len(_BEARER) :].decode("latin-1").strip())
        if who is None or who.via is not Credential.KEY or KeyScope.WRITE not in who.scopes:
            return None
        try:
            self._services.ingest_rate.require(who.key_id)
        except ClientError:
            return None
        return who

    def hand_in(self, exchange: Exchange, body: bytes, way_out: WayOut) -> bool:
        """Give the body's events to ``ingest``; False: nothing was done."""
        try:
            decoded: Decoded = decode_json(body)
        except Exception:  # noqa: BLE001 - the ordinary way comes upon it too, and says so
            return False
        tell = partial(self._tell, exchange, way_out)
        return self._services.intake.hand_in(exchange.who.team, decoded, len(body), tell)

    def _tell(self, exchange: Exchange, way_out: WayOut, what: Share | Exception) -> None:
        """Answer, now that the fate of a request's events is known."""
        if isinstance(what, Exception) or way_out.is_held_up:
            self._tell_in_task(exchange, way_out, what)
            return
        receipt = what.receipt
        if receipt is None or receipt.differing or what.rejected:
            self._tell_in_task(exchange, way_out, what)
            return
        duplicates = len(receipt.repeated)
        services = self._services
        services.ingest_rate.note(exchange.who.key_id, receipt.stored + duplicates)
        answered(200, _KIND, services.clock.monotonic_s() - exchange.began_s)
        lines, body = self._plain(receipt, exchange.scope)
        sent = exchange.named.get(HEADER, b"")
        way_out.send(b"%s%s\r\n" % (lines, name_for(sent.decode("latin-1")).encode()), body)

    def _plain(self, receipt: Receipt, scope: Scope) -> tuple[bytes, bytes]:
        """Return the header lines, up to the request's name, and the body."""
        duplicates, https = len(receipt.repeated), scope["scheme"] == "https"
        about = (receipt.position, receipt.stored, duplicates, https)
        if self._last is None or self._last[0] != about:
            accepted = Accepted(receipt.position, receipt.stored, duplicates, [], [], 0, 0)
            _status, headers, body = answer_of(accepted)
            lines = [b"%s: %s\r\n" % line for line in completed(scope, headers)]
            self._last = (about, b"%s%s: " % (b"".join(lines), HEADER), body)
        return self._last[1:]

    def _tell_in_task(self, exchange: Exchange, way_out: WayOut, what: Share | Exception) -> None:
        """Have what is seldom answered by what answers it in the ordinary way."""

        async def endpoint(_scope: Scope, _receive: Receive, send: Send, our: Services) -> None:
            if isinstance(what, Exception):
                raise what
            await send_noted(send, our, exchange.who, await our.intake.counted(what))

        exchange.scope[BEGAN_S] = exchange.began_s
        way_out.run(Guard(Asgi(endpoint, self._services), self._services))


class Exchange:
    """A request that was admitted and waits for its body, then for its answer."""

    __slots__ = ("_quick", "began_s", "named", "scope", "who")

    def __init__(
        self,
        quick: Quick,
        scope: Scope,
        named: Mapping[bytes, bytes],
        who: Identity,
        began_s: float,
    ) -> None:
        """Remember the request's ASGI scope, its headers by name, its sender and its beginning."""
        self._quick = quick
        self.scope = scope
        self.named = named
        self.who = who
        self.began_s = began_s

    def take(self, body: bytes, way_out: WayOut) -> bool:
        """Take the whole body; False: nothing was done, and the ordinary way is to answer it.

        The answer goes to ``way_out``, at once only if it is one for ``run``.
        """
        return self._quick.hand_in(self, body, way_out)
