"""``POST /v1/events`` without a task: the plain request, answered as ``events`` would.

In the flow: offered by ``server.quick`` each request that it has read; hands the events to
``ingest`` and, when their fate is on disk, the answer back.
Guarantee: every answer is the one that ``Guard`` and ``post_events`` would have given, is counted
as theirs are, and comes from them whenever anything about the request or its fate is unusual.

A task, a framework's messages and the frames that they pass through cost several times what is
done with one event. Nothing here waits: who sends is known from memory, or the request is declined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from livetally.api.app import Asgi
from livetally.api.events import answer_of, send_noted
from livetally.api.guard import Guard, answered, completed
from livetally.api.requests import HEADER, name_for
from livetally.api.services import Services
from livetally.errors import ClientError
from livetally.event import decode_json
from livetally.ingest import Accepted, Receipt, Share
from livetally.tenancy import Credential, Identity
from livetally.tenancy import Scope as KeyScope

__all__ = ["Exchange", "Quick", "WayOut"]

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
_OK = 200
_Named = Mapping[bytes, bytes]


class WayOut(Protocol):
    """Where the answer to one request goes. One of its methods is called, once."""

    @property
    def is_held_up(self) -> bool:
        """Whether the client does not read what was sent to it: ``run`` waits until it does."""
        ...

    def send_quick(self, lines: bytes, body: bytes) -> None:
        """Answer 200 with whole header lines and a body; drop it when the client has gone."""
        ...

    def run(self, app: ASGIApp) -> None:
        """Have the request answered by an application, in a task."""
        ...


class Quick:
    """Takes plain requests. Used on the event loop's thread only."""

    PATH = b"/v1/events"

    def __init__(self, services: Services) -> None:
        """Take them into the intake of ``services``."""
        self.services = services
        self._bytes_max = min(_BYTES_MAX, services.intake.limits.body_bytes_max)
        # The last answer but for the request's name: a commit has many that are alike.
        self._last: tuple[tuple[int, int, int, bool], bytes, bytes] | None = None

    def plain(self, headers: Sequence[tuple[bytes, bytes]]) -> _Named | None:
        """Return the headers by name if they are those of a plain ``POST`` to ``PATH``."""
        named = dict(headers)
        if len(named) != len(headers) or not _UNUSUAL.isdisjoint(named):
            return None
        length = named.get(b"content-length", b"")
        if not length.isdigit() or len(length) > _DIGITS_MAX or int(length) > self._bytes_max:
            return None
        return named if named.get(b"content-type") in _JSON else None

    def admit(self, named: _Named, *, https: bool) -> Exchange | None:
        """Look at who sends a request whose headers are ``plain``.

        Returns:
            What takes its body; None: nothing was done, and the ordinary way is to answer it.
        """
        who = self._sender(named)
        return None if who is None else Exchange(self, named, who, https=https)

    def _sender(self, named: _Named) -> Identity | None:
        """Return who sent it, if that is remembered and they may send it now."""
        sent = named.get(b"authorization", b"")
        if not sent.startswith(_BEARER):
            return None
        who = self.services.keys.peek(sent[len(_BEARER) :].decode("latin-1").strip())
        if who is None or who.via is not Credential.KEY or KeyScope.WRITE not in who.scopes:
            return None
        try:
            self.services.ingest_rate.require(who.key_id)
        except ClientError:
            return None
        return who

    def answer(self, receipt: Receipt, *, https: bool) -> tuple[bytes, bytes]:
        """Return the header lines, up to the request's name, and the body of a plain answer."""
        about = (receipt.position, receipt.stored, len(receipt.repeated), https)
        if self._last is None or self._last[0] != about:
            accepted = Accepted(*about[:3], [], [], 0, 0)
            _status, headers, body = answer_of(accepted)
            scheme = {"scheme": "https" if https else "http"}
            lines = [b"%s: %s\r\n" % line for line in completed(scheme, headers)]
            self._last = (about, b"%s%s: " % (b"".join(lines), HEADER), body)
        return self._last[1:]


class Exchange:
    """A request that was admitted and waits for its body, then for its answer."""

    __slots__ = ("_began_s", "_https", "_named", "_quick", "_way_out", "_who")

    def __init__(self, quick: Quick, named: _Named, who: Identity, *, https: bool) -> None:
        """Remember the request's headers by name, and its sender."""
        self._quick = quick
        self._https = https
        self._named = named
        self._who = who
        self._began_s = quick.services.clock.monotonic_s()

    def take(self, body: bytes, way_out: WayOut) -> bool:
        """Take the whole body; False: nothing was done, and the ordinary way is to answer it.

        The answer goes to ``way_out``, at once only if it is one for ``run``.
        """
        try:
            decoded = decode_json(body)
        except Exception:  # noqa: BLE001 - the ordinary way comes upon it too, and says so
            return False
        self._way_out = way_out
        return self._quick.services.intake.hand_in(self._who.team, decoded, len(body), self._tell)

    def _tell(self, what: Share | Exception) -> None:
        """Answer, now that the fate of the request's events is known."""
        way_out, services = self._way_out, self._quick.services
        receipt = None if isinstance(what, Exception) or what.rejected else what.receipt
        if receipt is None or receipt.differing or way_out.is_held_up:
            endpoint = Asgi(partial(_endpoint, self._who, what), services)
            way_out.run(Guard(endpoint, services, self._began_s))
            return
        services.ingest_rate.note(self._who.key_id, receipt.stored + len(receipt.repeated))
        answered(_OK, _KIND, services.clock.monotonic_s() - self._began_s)
        lines, body = self._quick.answer(receipt, https=self._https)
        name = name_for(self._named.get(HEADER, b"").decode("latin-1"))
        way_out.send_quick(b"%s%s\r\n" % (lines, name.encode()), body)


async def _endpoint(
    who: Identity,
    what: Share | Exception,
    _scope: Scope,
    _receive: Receive,
    send: Send,
    services: Services,
) -> None:
    """Answer with a fate that is not plain, as ``post_events`` does."""
    if isinstance(what, Exception):
        raise what
    await send_noted(send, services, who, await services.intake.counted(what))
