"""Brings one message to one channel: a signed webhook, a letter, or a message on NATS.

In the flow: called by ``keeper`` for each message that is due.
Guarantee: a webhook goes to a public address only, unless the settings allow others; every attempt
at a message has the same id, so that the receiver can tell a repetition; no secret is logged.

Source: Standard Webhooks 1.0 (headers and signature); RFC 2104; RFC 5321 by ``smtplib``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import httpx2
import msgspec
from anyio.to_thread import run_sync

from livetally.alerts.messages import subject_of, text_of
from livetally.calendar import from_us
from livetally.clock import US_PER_S, Clock
from livetally.definitions import Channel, ChannelKind
from livetally.errors import LivetallyError, SettingInvalid
from livetally.sources import Broker

__all__ = ["Couriers", "MailServer", "NotDelivered", "mail_server"]

_TIMEOUT_S = 10.0
_ENV = "env:"
_ENCODED_SECRET = "whsec_"  # noqa: S105 - what a secret begins with, not one
_OK = range(200, 300)
_DEFAULT_PORT = 25
_SCHEMES = {"smtp": _DEFAULT_PORT, "smtps": 465, "smtp+starttls": 587}


class NotDelivered(LivetallyError):
    """A message did not arrive, or is not known to have."""


class MailServer(NamedTuple):
    """Who takes letters, and from whom they are."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    sender: str


def mail_server(url: str, sender: str) -> MailServer | None:
    """Read the setting ``smtp_url``: ``smtp+starttls://user:password@host:587``; None for "".

    Raises:
        SettingInvalid: it is no such address, or there is no sender.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise SettingInvalid(f"LIVETALLY_SMTP_URL must begin with one of {known} and name a host.")
    if "@" not in sender or any(char.isspace() for char in sender):
        raise SettingInvalid("LIVETALLY_SMTP_FROM must be the address that letters come from.")
    return MailServer(
        parts.scheme,
        parts.hostname,
        port or _SCHEMES[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        sender,
    )


class Couriers:
    """Delivers messages. For one event loop."""

    def __init__(
        self,
        http: Callable[[], httpx2.AsyncClient],
        mail: MailServer | None,
        broker: Broker | None,
        variable: Callable[[str], str | None],
        clock: Clock,
    ) -> None:
        """Send webhooks by what ``http`` makes, letters by ``mail``.

        Args:
            http: makes the client, when the first webhook is sent.
            mail: who takes letters; None: nobody.
            broker: who takes messages on NATS; None: nobody.
            variable: returns what a variable of the environment holds.
            clock: for the time of an attempt.
        """
        self._http = http
        self._client: httpx2.AsyncClient | None = None
        self._mail = mail
        self._broker = broker
        self._variable = variable
        self._clock = clock

    async def deliver(self, number: str, channel: Channel, body: str) -> None:
        """Deliver a message; returns when the other side has taken it.

        Args:
            number: the message's id, the same at every attempt.
            channel: where to.
            body: its JSON.

        Raises:
            NotDelivered: with the reason.
        """
        if channel.kind is ChannelKind.NATS:
            await self._publish(number, self._meant(channel.to), body)
        elif channel.kind is ChannelKind.EMAIL:
            await run_sync(self._send_letter, number, self._meant(channel.to), body)
        else:
            await self._post(number, channel, body)

    async def close(self) -> None:
        """End the connections."""
        if self._client is not None:
            await self._client.aclose()
        if self._broker is not None:
            await self._broker.close()

    async def _publish(self, number: str, subject: str, body: str) -> None:
        if self._broker is None:
            raise NotDelivered("no NATS server is set: LIVETALLY_NATS is empty")
        try:
            await self._broker.open()
            await self._broker.hand_over(subject, body.encode(), number, _TIMEOUT_S)
        except LivetallyError as error:
            raise NotDelivered(error.message) from None

    async def _post(self, number: str, channel: Channel, body: str) -> None:
        if self._client is None:
            self._client = self._http()
        content = body.encode()
        headers = {"content-type": "application/json", **self._signed(number, channel, content)}
        url = self._meant(channel.to)
        try:
            # A redirect would send the signature elsewhere.
            answer = await self._client.post(
                url, content=content, headers=headers, timeout=_TIMEOUT_S, follow_redirects=False
            )
        except LivetallyError as error:
            raise NotDelivered(error.message) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NotDelivered(f"{_host(url)}: {type(error).__name__}: {error}") from None
        if answer.status_code not in _OK:
            raise NotDelivered(f"{_host(url)} answered {answer.status_code}")

    def _signed(self, number: str, channel: Channel, content: bytes) -> dict[str, str]:
        at_s = str(self._clock.now_us() // US_PER_S)
        headers = {"webhook-id": number, "webhook-timestamp": at_s}
        if channel.secret:
            secret = _secret_bytes(self._meant(channel.secret))
            signed = b".".join((number.encode(), at_s.encode(), content))
            mark = base64.b64encode(hmac.new(secret, signed, "sha256").digest()).decode()
            headers["webhook-signature"] = f"v1,{mark}"
        return headers

    def _meant(self, text: str) -> str:
        """Return what a text of a definition stands for."""
        if not text.startswith(_ENV):
            return text
        name = text.removeprefix(_ENV)
        value = self._variable(name)
        if not value:
            raise NotDelivered(f"the variable {name} is not set in the server's environment")
        return value

    def _send_letter(self, number: str, to: str, body: str) -> None:
        mail = self._mail
        if mail is None:
            raise NotDelivered("no mail server is set: LIVETALLY_SMTP_URL is empty")
        try:
            letter = _letter(number, mail.sender, to, msgspec.json.decode(body), self._clock)
            _hand_over(mail, letter)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # What the server says of a login may repeat it.
            said = "refused the login" if isinstance(error, smtplib.SMTPAuthenticationError) else ""
            raise NotDelivered(
                f"{mail.host}: {said or f'{type(error).__name__}: {error}'}"
            ) from None


def _hand_over(mail: MailServer, letter: EmailMessage) -> None:
    context = ssl.create_default_context()
    if mail.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            mail.host, mail.port, timeout=_TIMEOUT_S, context=context
        )
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=_TIMEOUT_S)
    with server:
        if mail.scheme == "smtp+starttls":
            server.starttls(context=context)
        if mail.user:
            server.login(mail.user, mail.password)
        server.send_message(letter)


def _letter(number: str, sender: str, to: str, body: dict[str, Any], clock: Clock) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = sender
    letter["To"] = to
    letter["Subject"] = subject_of(body)
    letter["Date"] = format_datetime(from_us(clock.now_us()))
    letter["Message-ID"] = make_msgid(number, sender.rpartition("@")[2])
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Livetally-Message"] = number
    letter.set_content(text_of(body))
    return letter


def _secret_bytes(secret: str) -> bytes:
    """Return what signs: ``whsec_`` and base64, or the text as it stands."""
    if not secret.startswith(_ENCODED_SECRET):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_ENCODED_SECRET), validate=True)
    except binascii.Error:
        raise NotDelivered("the webhook's secret begins with whsec_ and is no base64") from None


def _host(url: str) -> str:
    """Return whom a URL names; its path and query may be secret."""
    try:
        return urlsplit(url).hostname or "the webhook's address"
    except ValueError:
        return "the webhook's address"
