"""Every setting: its name, its default, its unit in the name, and where it is read from.

In the flow: read once by ``server`` and ``cli``; every other room gets values, not settings.
Guarantee: a value that can't be used is refused at start by name; a secret is never shown.

From weakest to strongest: the default, a ``.env`` file in the working directory, the environment
(``LIVETALLY_PORT=8080``), the command line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from livetally.errors import SettingInvalid

__all__ = ["PREFIX", "Settings", "load_secrets", "load_settings"]

_PORT_MAX = 65_535
# Up to the last @, and as a parameter: a password may hold any letter, also where it must not.
_PASSWORD = re.compile(r"(?<=:)(?!//).*(?=@)|(?<=password=)[^&]*")
_USER = re.compile(r"(?<=//)[^,]*(?=@)")

PREFIX = "LIVETALLY_"

_AT_LEAST_ONE = (
    "backup_keep_newest",
    "retention_look_s",
    "queries_per_hour",
    "session_days",
    "streams_max",
    "key_streams_max",
    "key_events_per_second",
    "failed_keys_per_minute",
    "stream_token_s_max",
    "body_stall_s_max",
    "body_bytes_per_second_min",
    "header_s_max",
    "header_bytes_max",
    "alert_history_days",
    "worker_silence_s_max",
    "worker_free_s_max",
    "worker_runs_max",
    "connections_max",
    "log_replicas",
    "log_keep_h",
    "lease_s",
)
_ROLES = ("all", "api", "loader")
_SOURCES_ON = ("server", "workers", "nowhere")
_SUBJECT = re.compile(r"[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one server process."""

    host: str = "127.0.0.1"
    """Address to listen on; another than this machine's own needs a decision of yours."""
    port: int = 8080
    """Port to listen on; 0 takes a free one."""
    data: str = "./livetally-data"
    """Directory of everything that is kept."""
    definitions: tuple[str, ...] = ()
    """Definition files to apply at start, for all teams; comma-separated in the environment."""
    catalog: str = ""
    """URL of the catalog: ``sqlite://``, ``postgresql://``, ``mariadb://``; empty: in ``data``."""
    store: str = ""
    """Where events are kept beyond one machine: ``clickhouse://user:password@host:8123``."""
    log: str = ""
    """NATS servers whose JetStream acknowledges events: addresses, comma-separated."""
    role: str = "all"
    """With ``store``: ``api`` answers requests, ``loader`` fills the store, ``all`` does both."""
    log_replicas: int = 3
    """On how many of its servers the log has each message before it is acknowledged."""
    log_partitions: int = 0
    """Parts of the log that are loaded side by side; 0: as the log was made, else 1."""
    log_sync: str = "check"
    """``check`` that the log's servers sync before they acknowledge, or ``trust`` them."""
    log_monitors: str = ""
    """Monitoring addresses of the log's servers, for the check: ``http://a:8222``, by comma."""
    log_keep_h: int = 72
    """Hours for which the log keeps what is in the store already."""
    log_copies: bool = False
    """Publish a copy of each stored event as a CloudEvent, to ``PREFIX.copies.TEAM.TYPE``."""
    lease_s: int = 5
    """Seconds of silence after which another process takes a loader's place."""
    root_key: str = ""
    """An operator's key that is accepted as it stands, for automation."""
    log_level: str = "info"
    """``debug``, ``info``, ``warning`` or ``error``."""
    log_format: str = "auto"
    """``logfmt``, ``json``, or ``auto``: for people on a terminal, else logfmt."""
    log_requests: bool = False
    """Log a line for each request: method, kind of path, status, milliseconds, and its id."""
    traces: str = ""
    """Address of an OpenTelemetry collector (OTLP over HTTP): `http://127.0.0.1:4318`."""
    disk_free_bytes_min: int = 256 * 1024 * 1024
    """Bytes that the disk must have left for ``/readyz`` to say that the server is ready."""
    query_threads: int = 4
    """How many questions run at the same time."""
    body_bytes_max: int = 32 * 1024 * 1024
    """Longest body that is read whole (JSON), after unpacking."""
    stream_bytes_max: int = 4 * 1024 * 1024 * 1024
    """Longest body that is read as a stream (NDJSON), after unpacking."""
    body_stall_s_max: int = 30
    """Seconds that the server waits for more of a body, beside those that it has earned."""
    body_bytes_per_second_min: int = 1_000
    """Bytes of a body that earn it one second more; over a thinner line it is answered 408."""
    header_s_max: int = 20
    """Seconds in which the headers of a request must have come, before it is answered 408."""
    header_bytes_max: int = 64 * 1024
    """Longest address and headers of a request, together; longer ones are answered 431."""
    event_data_bytes_max: int = 256 * 1024
    """Longest ``data`` of one event."""
    event_future_days_max: int = 3650
    """How far in the future an event's time may lie."""
    waiting_events_max: int = 200_000
    """Events that may wait for the writer before requests are answered 503."""
    waiting_bytes_max: int = 256 * 1024 * 1024
    """Bytes of events that may wait for the writer before requests are answered 503."""
    memory_bytes_max: int = 0
    """Memory that the server is to fit in; 0: what the machine, its cgroup or ulimit allow."""
    commit_events_max: int = 50_000
    """Most events in one commit."""
    connections_max: int = 30_000
    """Most connections open at a time, streams among them; one more is answered 503."""
    streams_max: int = 20_000
    """Most live streams open at a time."""
    key_streams_max: int = 12_000
    """Most live streams that one key may have open."""
    key_events_per_second: int = 1_000_000
    """Events a second that one key may send, on average, before it is answered 429."""
    failed_keys_per_minute: int = 20
    """Wrong keys in any minute from one address, before it is answered 429."""
    stream_token_s_max: int = 3_600
    """Seconds that a token for streams of other origins may live."""
    queries_per_hour: int = 100
    """Charged queries of each key in any hour, for teams without a setting of their own."""
    session_days: int = 30
    """How long the console stays signed in."""
    tls_cert: str = ""
    """File of the certificate and its chain (PEM); with ``tls_key`` the server speaks https."""
    tls_key: str = ""
    """File of the certificate's private key (PEM)."""
    behind_proxy: str = ""
    """Addresses of proxies, comma-separated, whose ``X-Forwarded-*`` headers are believed."""
    sources_allow_private: bool = False
    """Let sources fetch from addresses in your own network; refused by default."""
    sources_on: str = "server"
    """Where sources are fetched: in the ``server``, by ``workers``, or ``nowhere``."""
    backup_to: str = ""
    """Directory (absolute) or `s3://BUCKET/PREFIX` for backups; requests may then name no other."""
    backup_every_h: int = 0
    """Hours after which the next backup is taken to ``backup_to``; 0: only when asked for."""
    backup_keep_newest: int = 7
    """How many of the newest backups on schedule stay."""
    backup_keep_days: int = 30
    """For how many days the last backup of each day stays besides."""
    retention_look_s: int = 3_600
    """Seconds between two looks for events that are older than their type's ``keep`` says."""
    nats: str = ""
    """NATS servers between servers and workers, and for alerts: addresses, comma-separated."""
    nats_ca: str = ""
    """File (PEM) of who signs NATS servers' certificates; with it ``nats`` is encrypted always."""
    nats_prefix: str = "livetally"
    """What the subjects of this Livetally begin with, on NATS servers that several share."""
    worker_silence_s_max: int = 10
    """Seconds that a worker may be silent before its run is given to another one."""
    worker_free_s_max: int = 30
    """Seconds that a run waits for a worker that is free, before it fails."""
    worker_runs_max: int = 8
    """Sources that one worker fetches at the same time."""
    alerts_allow_private: bool = False
    """Let alerts post to addresses in your own network; refused by default."""
    alert_history_days: int = 90
    """How long the changes of alerts, and what became of their messages, are kept."""
    smtp_url: str = ""
    """Who takes the letters of alerts: ``smtp+starttls://user:password@host:587``, ``smtps://``."""
    smtp_from: str = ""
    """The address that letters of alerts come from."""
    cookie_secure: bool = False
    """Send the console's cookie over https only."""

    def __repr__(self) -> str:
        """Show every setting but the secrets."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["root_key"] = "set" if self.root_key else ""
        shown["smtp_url"] = _PASSWORD.sub("***", self.smtp_url)
        shown["catalog"] = _PASSWORD.sub("***", self.catalog)
        shown["nats"] = _USER.sub("***", self.nats)
        shown["log"] = _USER.sub("***", self.log)
        shown["store"] = _PASSWORD.sub("***", self.store)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def load_settings(
    overrides: Mapping[str, Any] | None = None, directory: Path | None = None
) -> Settings:
    """Read the settings.

    Args:
        overrides: what the command line says; None values don't count.
        directory: where the ``.env`` file is; the working directory by default.

    Raises:
        SettingInvalid: names the setting and the reason.
    """
    texts = {**_dotenv((directory or Path.cwd()) / ".env"), **os.environ}
    values: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        text = texts.get(PREFIX + name.upper())
        if text is not None and text != "":
            values[name] = _parsed(name, text)
    values.update({k: v for k, v in (overrides or {}).items() if v is not None})
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingInvalid(_reason(str(error))) from None
    _check(settings)
    return settings


def load_secrets(directory: Path | None = None) -> Callable[[str], str | None]:
    """Read the environment once; return what gives the secret of a name that a definition says.

    Args:
        directory: where the ``.env`` file is; the working directory by default.

    Raises:
        SettingInvalid: the ``.env`` file can't be read.
    """
    return {**_dotenv((directory or Path.cwd()) / ".env"), **os.environ}.get


def _check(settings: Settings) -> None:
    """Refuse what no part of the server could work with.

    Raises:
        SettingInvalid: names the setting and the reason.
    """
    if not 0 <= settings.port <= _PORT_MAX:
        raise SettingInvalid(f"{PREFIX}PORT must be from 0 to 65535.")
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise SettingInvalid(f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY belong together.")
    for name in _AT_LEAST_ONE:
        if getattr(settings, name) < 1:
            raise SettingInvalid(f"{PREFIX}{name.upper()} must be 1 or more.")
    if settings.sources_on not in _SOURCES_ON:
        raise SettingInvalid(f"{PREFIX}SOURCES_ON must be server, workers or nowhere.")
    if settings.sources_on == "workers" and not settings.nats:
        raise SettingInvalid(f"{PREFIX}SOURCES_ON=workers needs {PREFIX}NATS=nats://HOST:4222.")
    _check_cluster(settings)
    if not _SUBJECT.fullmatch(settings.nats_prefix):
        raise SettingInvalid(f"{PREFIX}NATS_PREFIX must be names with dots between them.")
    if settings.log_format not in ("auto", "json", "logfmt"):
        raise SettingInvalid(f"{PREFIX}LOG_FORMAT must be auto, json or logfmt.")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        raise SettingInvalid(f"{PREFIX}LOG_LEVEL must be debug, info, warning or error.")


def _check_cluster(settings: Settings) -> None:
    if settings.role not in _ROLES:
        raise SettingInvalid(f"{PREFIX}ROLE must be all, api or loader.")
    if settings.log_sync not in ("check", "trust"):
        raise SettingInvalid(f"{PREFIX}LOG_SYNC must be check or trust.")
    if not settings.store and not settings.log:
        if settings.role != "all":
            raise SettingInvalid(f"{PREFIX}ROLE={settings.role} needs {PREFIX}STORE.")
        return
    if not (settings.store and settings.log):
        raise SettingInvalid(f"{PREFIX}STORE and {PREFIX}LOG belong together.")
    if not settings.catalog or settings.catalog.startswith("sqlite"):
        raise SettingInvalid(
            f"{PREFIX}STORE needs a catalog that all processes share:"
            f" {PREFIX}CATALOG=postgresql://… or mariadb://…"
        )
    if settings.backup_to or settings.backup_every_h:
        raise SettingInvalid(
            f"{PREFIX}BACKUP_TO is for the embedded store: with {PREFIX}STORE, back up the"
            " ClickHouse server by its own BACKUP, and the catalog's database by its own means."
        )


def _parsed(name: str, text: str) -> Any:
    if name == "definitions":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _reason(message: str) -> str:
    reason, _, at = message.partition(" - at `$.")
    name = at.rstrip("`").split("[")[0]
    return f"{PREFIX}{name.upper()}: {reason[:1].lower()}{reason[1:]}." if name else message


def _dotenv(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines; quotes around a value are taken off, ``#`` starts a comment."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"{path.name} can't be read: {error}.") from None
    values: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.lstrip().startswith("#"):
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        values[name.strip()] = value
    return values
