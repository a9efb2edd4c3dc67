"""``POST /v1/events`` without a task: the plain request, answered as ``events`` would.

In the flow: offered by ``server.quick`` each request that it has read; hands the events to
``ingest`` and, when their fate is on disk, the answer back.
Guarantee: every answer is the one that ``Guard`` and ``post_events`` would have given, is counted
as theirs are, and comes from them whenever anything about the request or its fate is unusual.

A task, a framework's messages and the frames that they pass through cost several times what is
done with one event. Nothing here waits: who sends is known from memory, or the request is declined.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from livetally.api.app import Asgi
from livetally.api.events import answer_of, send_noted
from livetally.api.guard import Guard, answered, answered_alike, completed
from livetally.api.requests import HEADER, name_for
from livetally.api.services import Services
from livetally.errors import ClientError
from livetally.event import decode_json
from livetally.ingest import Accepted, Asker, Receipt, Share
from livetally.tenancy import Credential, Identity
from livetally.tenancy import Scope as KeyScope

__all__ = ["LENGTH_DIGITS_MAX", "Exchange", "Plain", "Quick", "WayOut"]

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
# Of a larger body it costs more to decode it than to do that by itself; many would hold others up.
_TOGETHER_BYTES_MAX = 4 * 1024
_OK = 200
LENGTH_DIGITS_MAX = 5
"""How long the length of a plain request's body is, written out."""


class Plain(NamedTuple):
    """What matters of a plain request's headers.

    ``sender`` is the fingerprint of the key, "" for none; ``name`` is what the sender calls it.
    """

    sender: bytes
    name: str


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

    def decline(self) -> None:
        """Have the request answered the ordinary way, as if it had never been taken."""
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

    def plain(self, headers: Sequence[tuple[bytes, bytes]]) -> Plain | None:
        """Return what matters of headers that are those of a plain ``POST`` to ``PATH``."""
        named = dict(headers)
        if len(named) != len(headers) or not _UNUSUAL.isdisjoint(named):
            return None
        length = named.get(b"content-length", b"")
        if not length.isdigit() or len(length) > LENGTH_DIGITS_MAX or not self.takes(int(length)):
            return None
        if named.get(b"content-type") not in _JSON:
            return None
        sent = named.get(b"authorization", b"")
        sender = b""
        if sent.startswith(_BEARER):
            text = sent[len(_BEARER) :].decode("latin-1").strip()
            sender = self.services.keys.fingerprint(text)
        return Plain(sender, named.get(HEADER, b"").decode("latin-1"))

    def takes(self, length: int) -> bool:
        """Tell whether a body of ``length`` bytes is one that a plain request may have."""
        return length <= self._bytes_max

    def admit(self, plain: Plain, *, https: bool) -> Exchange | None:
        """Look at who sends a plain request.

        Returns:
            What takes its body; None: nothing was done, and the ordinary way is to answer it.
        """
        who = self.services.keys.peek_by(plain.sender)
        if who is None or who.via is not Credential.KEY or KeyScope.WRITE not in who.scopes:
            return None
        try:
            self.services.ingest_rate.require(who.key_id)
        except ClientError:
            return None
        return Exchange(self, plain.name, who, https=https)

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

    __slots__ = ("_quick", "began_s", "https", "name", "way_out", "who")

    def __init__(self, quick: Quick, name: str, who: Identity, *, https: bool) -> None:
        """Remember what the sender calls the request, and the sender."""
        self._quick = quick
        self.https = https
        self.name = name
        self.who = who
        self.began_s = quick.services.clock.monotonic_s()

    def take(self, body: bytes, way_out: WayOut) -> bool:
        """Take the whole body; False: nothing was done, and the ordinary way is to answer it.

        The answer goes to ``way_out``, at once only if it is one for ``run`` or ``decline``.
        """
        self.way_out = way_out
        intake = self._quick.services.intake
        if body[:1] == b"{" and len(body) <= _TOGETHER_BYTES_MAX:
            intake.hand_in_one(self.who.team, body, self)
            return True
        try:
            decoded = decode_json(body)
        except Exception:  # noqa: BLE001 - the ordinary way comes upon it too, and says so
            return False
        return intake.hand_in(self.who.team, decoded, len(body), self.told)

    def told(self, what: Share | Exception) -> None:
        """Answer, now that the fate of the request's events is known."""
        way_out, services = self.way_out, self._quick.services
        receipt = None if isinstance(what, Exception) or what.rejected else what.receipt
        if receipt is None or receipt.differing or way_out.is_held_up:
            endpoint = Asgi(partial(_endpoint, self.who, what), services)
            way_out.run(Guard(endpoint, services, self.began_s))
            return
        services.ingest_rate.note(self.who.key_id, receipt.stored + len(receipt.repeated))
        answered(_OK, _KIND, services.clock.monotonic_s() - self.began_s)
        self.send(*self._quick.answer(receipt, https=self.https))

    def told_alike(self, askers: Sequence[Asker], share: Share) -> None:
        """Answer all of ``askers``, each of whom has sent one event, which is stored now."""
        exchanges = cast("Sequence[Exchange]", askers)  # nobody else hands in one event
        services = self._quick.services
        plain: list[Exchange] = []
        held_up: list[Exchange] = []
        for one in exchanges:
            (held_up if one.way_out.is_held_up else plain).append(one)
        for key_id, events in Counter([one.who.key_id for one in plain]).items():
            services.ingest_rate.note(key_id, events)
        now_s = services.clock.monotonic_s()
        answered_alike(_OK, _KIND, [now_s - one.began_s for one in plain])
        assert share.receipt is not None
        answers = {
            https: self._quick.answer(share.receipt, https=https)
            for https in {one.https for one in plain}
        }
        for one in plain:
            _guarded(one.send, *answers[one.https])
        for one in held_up:
            _guarded(one.told, share)

    def declined(self) -> None:
        """Have it answered the ordinary way: its body can't be read."""
        self.way_out.decline()

    def send(self, lines: bytes, body: bytes) -> None:
        """Answer with whole header lines, up to the request's name, and a body."""
        self.way_out.send_quick(b"%s%s\r\n" % (lines, name_for(self.name).encode()), body)


def _guarded(tell: Callable[..., None], *what: Any) -> None:
    """Tell one of several: what fails for one must not keep the others from their answers."""
    try:
        tell(*what)
    except Exception as error:  # noqa: BLE001 - whatever it was
        context = {"message": "could not answer a request", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


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
