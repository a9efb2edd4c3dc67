"""Reads what a source says of messages: of NATS, of MQTT, or on a channel of PostgreSQL.

In the flow: called by ``read_sources`` for an address that begins with nats://, mqtt:// or
postgresql://.

Guarantee: every message has an identity that it keeps when it comes again: its place in a stream,
or what ``map.id`` finds in it.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from livetally.definitions.source import Messages, MessagesKind, Schedule
from livetally.definitions.table import Table

__all__ = ["MESSAGE_SCHEMES", "read_messages"]

MESSAGE_SCHEMES: Final = {
    "nats": MessagesKind.NATS,
    "tls": MessagesKind.NATS,
    "mqtt": MessagesKind.MQTT,
    "mqtts": MessagesKind.MQTT,
    "postgresql": MessagesKind.POSTGRESQL,
}
_SUBJECT: Final = re.compile(r"[^\s.>*]+|[*]|>")
_STREAM: Final = re.compile(r"[^\s.*>/\\]{1,100}")
_VARIABLE: Final = re.compile(r"env:(?!LIVETALLY_)[A-Za-z_][A-Za-z0-9_]{0,99}")
_CHANNEL_BYTES_MAX: Final = 63
_SSL_MODES: Final = ("disable", "require", "verify-ca", "verify-full")
_SSL_QUERIES: Final = frozenset(f"sslmode={mode}" for mode in _SSL_MODES)
_QOS_MAX: Final = 2
_AGAIN_S: Final = 5
_OF_FETCHES: Final = ("every", "cron", "tz", "jitter", "query", "headers", "pages", "since")


def read_messages(table: Table, url: str) -> tuple[Messages, Schedule] | None:
    """Read them; None for an address that is fetched.

    Args:
        table: of the source.
        url: its address.

    Returns:
        The messages, and when to try again after a failure.
    """
    kind = MESSAGE_SCHEMES.get(_scheme(url))
    if kind is None:
        return None
    for key in _OF_FETCHES:
        if key in table:
            table.problem("is for addresses that are fetched; messages come by themselves", key)
    nats = kind is MessagesKind.NATS
    if kind is MessagesKind.POSTGRESQL:
        _check_database(table, url)
    qos = table.whole("qos", 0, _QOS_MAX) if kind is MessagesKind.MQTT else None
    messages = Messages(
        kind=kind,
        subject=_SUBJECTS[kind](table),
        stream=_stream(table) if nats else "",
        qos=1 if qos is None else qos,
        user=_variable(table, "user"),
        password=_variable(table, "password"),
    )
    mapped = table.raw("map")
    if not messages.stream and isinstance(mapped, dict) and "id" not in mapped:
        other = ", or name the 'stream' that keeps them" if nats else ""
        table.problem(
            "'id' is missing: a message may come twice, so which part of it tells it from every"
            f" other one? Say so as map.id{other}",
            "map",
        )
    return messages, Schedule(every_s=_AGAIN_S, text="as messages come")


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _subject(table: Table) -> str:
    subject = table.text("subject")
    parts = subject.split(".")
    if not subject:
        table.problem("'subject' is missing: which messages?")
    elif not all(_SUBJECT.fullmatch(part) for part in parts) or ">" in parts[:-1]:
        table.problem(
            "must be names with dots between them; '*' stands for one, '>' ends it", "subject"
        )
    return subject


def _stream(table: Table) -> str:
    stream = table.text("stream")
    if stream and not _STREAM.fullmatch(stream):
        table.problem("is no name of a stream", "stream")
    return stream


def _topic(table: Table) -> str:
    topic = table.text("topic")
    levels = topic.split("/")
    mixed = any(len(level) > 1 and ("+" in level or "#" in level) for level in levels)
    if not topic:
        table.problem("'topic' is missing: which messages?")
    elif mixed or "#" in levels[:-1] or "\0" in topic:
        table.problem(
            "must be names with '/' between them; '+' stands for one, '#' ends it", "topic"
        )
    return topic


def _channel(table: Table) -> str:
    channel = table.text("channel")
    if not channel:
        table.problem("'channel' is missing: which notifications?")
    elif len(channel.encode()) > _CHANNEL_BYTES_MAX or "\0" in channel:
        table.problem(f"must be a name of at most {_CHANNEL_BYTES_MAX} bytes", "channel")
    return channel


_SUBJECTS: Final = {
    MessagesKind.NATS: _subject,
    MessagesKind.MQTT: _topic,
    MessagesKind.POSTGRESQL: _channel,
}


def _check_database(table: Table, url: str) -> None:
    """Take nothing from the address that could lead elsewhere than its host says."""
    parts = urlsplit(url)
    if not parts.path.strip("/") or "/" in parts.path[1:]:
        table.problem("names no database: postgresql://HOST/DATABASE", "url")
    if parts.fragment or (parts.query and parts.query not in _SSL_QUERIES):
        modes = ", ".join(_SSL_MODES)
        table.problem(f"may have 'sslmode' behind its '?', and nothing else: one of {modes}", "url")


def _variable(table: Table, key: str) -> str:
    value = table.text(key)
    if value and not _VARIABLE.fullmatch(value):
        table.problem("must be 'env:NAME': no secret stands in a definition", key)
    return value
