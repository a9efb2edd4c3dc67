"""Takes notices out of the catalog and to whoever has to know: signed webhooks and e-mail.

In the flow: run by ``server`` beside ``watching``; the catalog says what is due.
Guarantee: a notice is tried until it is delivered or was refused for a day; one process tries at a
time. A process that dies between sending and noting it sends once more, under the same id, by which
a receiver knows it: ``webhook-id``, ``Message-ID``.

Source: Standard Webhooks 1.0 (headers and signature); RFC 5322 (e-mail).
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import httpx2
import msgspec
import structlog

from livetally.clock import US_PER_S, Clock
from livetally.errors import LivetallyError, SettingInvalid
from livetally.store.catalog import Catalog, Notice
from livetally.telemetry import ALERT_NOTICES

__all__ = ["Mail", "Outbox", "signature"]

_log = structlog.get_logger("livetally.alerts")

_LOOK_S = 0.5
_TIMEOUT_S = 15
_LEASE_S = 60
_BACK_OFF_S = 5
_BACK_OFF_S_MAX = 3_600
_GIVE_UP_S = 86_400
_OK_BELOW = 300


class Mail(NamedTuple):
    """The mail server, ``smtp://`` or ``smtps://`` with user and password, and the sender."""

    url: str = ""
    sender: str = ""


class _Refused(Exception):
    """A receiver did not take a notice."""


class Outbox:
    """Delivers notices."""

    def __init__(
        self,
        catalog: Catalog,
        clock: Clock,
        variable: Callable[[str], str | None],
        secret_of: Callable[[Notice], str],
        mail: Mail,
    ) -> None:
        """Deliver nothing yet.

        Args:
            catalog: where the notices are.
            clock: tells when they are due.
            variable: returns what a variable of the environment holds.
            secret_of: returns the variable of the secret that a notice's webhook is signed with.
            mail: how e-mail goes out.
        """
        self._catalog = catalog
        self._clock = clock
        self._variable = variable
        self._secret_of = secret_of
        self._mail = mail

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.deliver)
            except LivetallyError as error:
                _log.warning("notices: trying again later", error=error.message)
            await asyncio.sleep(_LOOK_S)

    def deliver(self) -> None:
        """Deliver what is due. Blocks.

        Raises:
            StoreFailed: the catalog can't be asked.
        """
        for notice in self._catalog.due_notices():
            until_us = self._clock.now_us() + _LEASE_S * US_PER_S
            if self._catalog.take_notice(notice, until_us):
                self._try(notice)

    def _try(self, notice: Notice) -> None:
        kind, _, to = notice.target.partition(":")
        try:
            if kind == "webhook":
                self._post(notice, to)
            else:
                self._send(notice, to)
        except (_Refused, httpx2.HTTPError, OSError, smtplib.SMTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
            ALERT_NOTICES.labels("failed").inc()
            _log.warning("notice not delivered", alert=notice.name, error=reason)
            self._catalog.end_notice(notice.id, reason, self._next_us(notice))
            return
        ALERT_NOTICES.labels("delivered").inc()
        self._catalog.end_notice(notice.id, "", None)

    def _next_us(self, notice: Notice) -> int | None:
        """Return when to try again; None to give up."""
        now_us = self._clock.now_us()
        if now_us - notice.at_us > _GIVE_UP_S * US_PER_S:
            return None
        wait_s = min(_BACK_OFF_S * 2**notice.attempts, _BACK_OFF_S_MAX)
        return now_us + int(wait_s * US_PER_S)

    def _post(self, notice: Notice, variable: str) -> None:
        url = self._variable(variable)
        if not url:
            raise _Refused(f"the variable {variable} is not set: it is to hold the webhook's URL")
        body = msgspec.json.encode(_told(notice))
        sent_s = self._clock.now_us() // US_PER_S
        headers = {
            "Content-Type": "application/json",
            "webhook-id": f"notice-{notice.id}",
            "webhook-timestamp": str(sent_s),
        }
        if name := self._secret_of(notice):
            secret = self._variable(name)
            if not secret:
                raise _Refused(f"the variable {name} is not set: it is to hold the secret")
            signed = signature(secret, headers["webhook-id"], sent_s, body)
            headers["webhook-signature"] = signed
        with httpx2.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            reply = client.post(url, content=body, headers=headers)
        if reply.status_code >= _OK_BELOW:
            raise _Refused(f"the webhook answered {reply.status_code}")

    def _send(self, notice: Notice, to: str) -> None:
        if not self._mail.url or not self._mail.sender:
            raise _Refused("e-mail needs the settings LIVETALLY_SMTP_URL and LIVETALLY_SMTP_FROM")
        message = EmailMessage()
        message["From"], message["To"] = self._mail.sender, to
        message["Subject"] = f"[{notice.state}] {notice.name}"
        domain = self._mail.sender.rpartition("@")[2].rstrip(">")
        message["Message-ID"] = f"<livetally-notice-{notice.id}@{domain}>"
        message["Date"] = datetime.fromtimestamp(notice.at_us / US_PER_S, UTC)
        message.set_content(f"{notice.message}\n")
        with _mail_server(self._mail.url) as server:
            server.send_message(message)


def signature(secret: str, notice_id: str, sent_s: int, body: bytes) -> str:
    """Return the header that shows who sent a webhook: HMAC-SHA256 over id, time and body.

    A secret that begins with ``whsec_`` is base64, any other is taken as it is.
    """
    key = secret.encode()
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret.removeprefix("whsec_"))
    told = b".".join((notice_id.encode(), str(sent_s).encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, told, 'sha256')).decode()}"


def _told(notice: Notice) -> dict[str, object]:
    at = datetime.fromtimestamp(notice.at_us / US_PER_S, UTC)
    return {
        "type": "alert",
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "data": {
            "alert": notice.name,
            "state": notice.state,
            "value": float(notice.value) if notice.value else None,
            "message": notice.message,
        },
    }


def _mail_server(url: str) -> smtplib.SMTP:
    """Connect to a mail server; what is sent to one elsewhere is encrypted, or not sent.

    Raises:
        SettingInvalid: the URL is none.
        OSError, smtplib.SMTPException: it can't be reached, or refuses.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise SettingInvalid("LIVETALLY_SMTP_URL must be smtp://… or smtps://…")
    if parts.scheme == "smtps":
        context = ssl.create_default_context()
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            parts.hostname, parts.port or 465, timeout=_TIMEOUT_S, context=context
        )
    else:
        server = smtplib.SMTP(parts.hostname, parts.port or 587, timeout=_TIMEOUT_S)
        if server.has_extn("starttls") or parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            server.starttls(context=ssl.create_default_context())
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server
