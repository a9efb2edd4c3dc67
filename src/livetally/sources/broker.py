"""A connection to NATS: questions and answers over subjects.

In the flow: opened by ``dispatch`` in the server, by ``worker``, and by ``nats_messages``.
Guarantee: what nobody answers is an error of a known type, never an endless wait; a connection that
broke comes back by itself; no message of an error holds a password. What has to be encrypted is
never sent otherwise: a server that offers no TLS, or whose offer was taken away on the line, is not
told our password.

The client library is an extra: it is imported when a connection is opened.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import structlog

from livetally.errors import LivetallyError, SettingInvalid

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

__all__ = ["Answering", "Broker", "BrokerFailed", "Login", "Unanswered", "connected"]

_log = structlog.get_logger("livetally.sources")

_CONNECT_S_MAX = 5
_CLOSE_S_MAX = 1
_AGAIN_S = 1
_PING_S = 10
_SECRET = re.compile(r"//[^/@]*@")


class BrokerFailed(LivetallyError):
    """The broker can't be reached."""


class Unanswered(LivetallyError):
    """Nobody answered in time."""


Answer = Callable[[bytes], Awaitable[bytes | None]]


class Login(NamedTuple):
    """Who we are to a broker, and whom we trust to be it.

    Attributes:
        user: with a password; alone it is a token; "" where the address says it, or nobody asks.
        password: or "".
        ca: file (PEM) of authorities that are trusted besides the machine's own; "" for none.
        encrypted: whether ``nats://`` is to be encrypted too; ``tls://`` is in any case.
    """

    user: str = ""
    password: str = ""
    ca: str = ""
    encrypted: bool = False


class Answering:
    """A subject that is answered until ``end`` is called."""

    def __init__(self, subscription: Subscription) -> None:
        """Take the subscription over."""
        self._subscription = subscription

    async def end(self) -> None:
        """Answer no more; what ended with the connection has ended."""
        from nats.errors import Error

        try:
            await self._subscription.unsubscribe()
        except Error as error:
            _log.debug("subscription had ended", error=str(error))


class Broker:
    """A connection. For one event loop."""

    def __init__(self, url: str, name: str, ca: str = "") -> None:
        """Open nothing yet.

        Args:
            url: one address or several of a cluster, separated by commas; it may hold a secret.
            name: how the broker's own monitoring shows this process.
            ca: file (PEM) of authorities to trust besides the machine's own; with it nothing is
                sent that is not encrypted.
        """
        self._url = url
        self._name = name
        self._login = Login(ca=ca, encrypted=bool(ca))
        self._client: Client | None = None

    async def open(self) -> bool:
        """Connect; return whether this call did, False when it was connected before.

        Raises:
            SettingInvalid: the client library is not installed, or an address is none.
            BrokerFailed: the broker can't be reached, or refuses us.
        """
        if self._client is not None and not self._client.is_closed:
            return False
        self._client = await connected(self._url, self._name, self._login)
        return True

    @property
    def payload_bytes_max(self) -> int:
        """The longest message that the broker takes."""
        return self._open.max_payload

    async def request(self, subject: str, body: bytes, timeout_s: float) -> bytes:
        """Send a message and return the answer.

        Raises:
            Unanswered: nobody listens, or the answer did not come in time.
            BrokerFailed: it can't be sent.
        """
        from nats.errors import Error, NoRespondersError
        from nats.errors import TimeoutError as TooLate

        try:
            return (await self._open.request(subject, body, timeout=timeout_s)).data
        except NoRespondersError:
            raise Unanswered("Nobody listens.") from None
        except TooLate:
            raise Unanswered(f"No answer within {timeout_s:g} s.") from None
        except Error as error:
            raise BrokerFailed(f"The broker took no message: {_told(error)}.") from None

    async def publish(self, subject: str, body: bytes) -> None:
        """Send a message that needs no answer.

        Raises:
            BrokerFailed: it can't be sent.
        """
        from nats.errors import Error

        try:
            await self._open.publish(subject, body)
        except Error as error:
            raise BrokerFailed(f"The broker took no message: {_told(error)}.") from None

    async def hand_over(self, subject: str, body: bytes, number: str, timeout_s: float) -> None:
        """Send a message and wait until the broker has it; a stream takes each ``number`` once.

        Raises:
            BrokerFailed: the broker is not known to have it.
        """
        from nats.errors import Error
        from nats.errors import TimeoutError as TooLate

        try:
            await self._open.publish(subject, body, headers={"Nats-Msg-Id": number})
            await self._open.flush(max(1, round(timeout_s)))
        except TooLate:
            raise BrokerFailed(f"The broker said nothing within {timeout_s:g} s.") from None
        except Error as error:
            raise BrokerFailed(f"The broker took no message: {_told(error)}.") from None

    async def answer(self, subject: str, answer: Answer, *, queue: str = "") -> Answering:
        """Answer the messages of a subject, one after the other; of a queue's members only one.

        Raises:
            BrokerFailed: it can't be listened to.
        """
        from nats.errors import Error

        async def handle(message: Msg) -> None:
            said = await answer(message.data)
            if said is not None and message.reply:
                await message.respond(said)

        try:
            subscription = await self._open.subscribe(subject, queue=queue, cb=handle)
            await self._open.flush()
        except Error as error:
            raise BrokerFailed(f"The broker lets nobody listen: {_told(error)}.") from None
        return Answering(subscription)

    async def close(self) -> None:
        """Send what waits, and end the connection."""
        from nats.errors import Error

        if self._client is None:
            return
        try:
            await self._client.close()
        except (Error, OSError) as error:
            _log.debug("connection had ended", error=str(error))
        self._client = None

    @property
    def _open(self) -> Client:
        if self._client is None:
            raise BrokerFailed("The broker is not connected.")
        return self._client


async def connected(url: str, name: str, login: Login | None = None) -> Client:
    """Connect once; a connection that breaks later comes back by itself, however long it takes.

    Raises:
        SettingInvalid: the client library is not installed, or the file of authorities is none.
        BrokerFailed: the broker can't be reached, or refuses us.
    """
    try:
        import nats
        from nats.aio.client import Client
    except ModuleNotFoundError:
        raise SettingInvalid(
            "NATS needs a further package: pip install 'livetally[nats]'"
        ) from None
    login = login or Login()
    encrypted = login.encrypted or "tls://" in url
    client = _encrypting(Client)() if encrypted else Client()
    shown = _SECRET.sub("//", url)
    reasons: list[Exception] = []
    tried = anyio.Event()

    async def note_error(error: Exception) -> None:
        reasons.append(error)
        if client.is_connected:
            _log.warning("broker", error=_told(error))
        elif isinstance(error, ssl.SSLError) and not tried.is_set():
            # The library would wait for ever for the end of a connection that was none.
            raise error

    try:
        await client.connect(
            [part.strip() for part in url.split(",")],
            name=name,
            **_credentials(login),
            tls=_trusting(login.ca) if login.ca else None,
            connect_timeout=_CONNECT_S_MAX,
            allow_reconnect=True,
            # Each address is tried twice at first, so that the reason is told; see below.
            max_reconnect_attempts=1,
            reconnect_time_wait=_AGAIN_S,
            ping_interval=_PING_S,
            error_cb=note_error,
            disconnected_cb=_noted(client, shown, "the broker is gone"),
            reconnected_cb=_noted(client, shown, "the broker is back"),
        )
    except (nats.errors.Error, OSError, ValueError, ssl.SSLError) as error:
        await _let_go(client)
        reason = _why(reasons, error)
        raise BrokerFailed(f"The broker at {shown} can't be used: {reason}.") from None
    if not client.is_connected:  # the library takes the end of a line for an answer
        await _let_go(client)
        raise BrokerFailed(f"The broker at {shown} can't be used: it hung up.")
    tried.set()
    client.options["max_reconnect_attempts"] = -1
    return client


def _why(reasons: list[Exception], error: Exception) -> str:
    """Return the last reason; one that the broker gave before one of the line.

    A broker that refuses a password says so and hangs up, and what it said is lost when we were
    just sending to it: the other attempt heard it.
    """
    told = [one for one in reasons if str(one)]
    given = [one for one in told if not isinstance(one, OSError)]
    return _told((given or told or [error])[-1])


def _credentials(login: Login) -> dict[str, Any]:
    if login.user and not login.password:
        return {"token": login.user}
    return {"user": login.user or None, "password": login.password or None}


def _trusting(ca: str) -> ssl.SSLContext:
    """Return a context that trusts the authorities in a file as well as the machine's own."""
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca)
    except OSError as error:
        reason = error.strerror or "it holds no certificate in PEM"
        raise SettingInvalid(f"LIVETALLY_NATS_CA: '{ca}' can't be used: {reason}.") from None
    return context


def _encrypting(kind: type[Client]) -> type[Client]:
    """Return a client that sends nothing, its password least of all, to a server without TLS.

    The library encrypts when the server's first line, which is not encrypted, asks for it; and goes
    on in the clear when it does not, whatever the address says.
    """
    from nats.errors import Error

    class Encrypting(kind):  # type: ignore[misc,valid-type] # a base that is imported late
        async def _process_info(self, info: dict[str, Any], **of: bool) -> None:
            if of.get("initial_connection") and not info.get("tls_required"):
                raise Error("nats: it offers no TLS")
            await super()._process_info(info, **of)

    return Encrypting


async def _let_go(client: Client) -> None:
    try:
        with anyio.move_on_after(_CLOSE_S_MAX):
            await client.close()
    except Exception as error:  # noqa: BLE001 - of a connection that never was
        _log.debug("connection had ended", error=str(error))


def _noted(client: Client, shown: str, what: str) -> Callable[[], Awaitable[None]]:
    async def note() -> None:
        if not client.is_closed:  # it was not us who ended it
            _log.warning(what, broker=shown)

    return note


def _told(error: Exception) -> str:
    return _SECRET.sub("//", str(error) or type(error).__name__).removeprefix("nats: ").rstrip(".")
