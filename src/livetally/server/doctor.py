"""Looks at everything that a server needs before it is started, or while it runs.

In the flow: called by ``cli doctor``; looks at settings, files, disk, limits and the catalog.
Guarantee: changes nothing but a file of its own in the data directory, which it takes away; what it
can't look at is told of and never raised.
"""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import shutil
import socket
import statistics
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from livetally.backup import backups_in, open_place
from livetally.clock import US_PER_S, SystemClock
from livetally.errors import InvalidDefinition, LivetallyError
from livetally.server.certificate import seconds_left
from livetally.server.directory import DataDirectory, written_by_newer
from livetally.server.memory import memory_there_is
from livetally.server.registry import read_files
from livetally.settings import Settings
from livetally.store.catalog import SQLITE_VERSION, look_at_catalog

__all__ = ["Finding", "Grade", "examine"]

_MIB = 1024 * 1024
_FREE_BYTES_MIN = 1024 * _MIB
_FREE_SHARE_MIN = 0.1
_SYNCS = 12
_SYNC_BYTES = 4096
_SYNC_S_SLOW = 0.02
_SYNC_S_UNLIKELY = 0.00003
_FILES_MIN = 4096
_MEMORY_BYTES_MIN = 900 * _MIB
_PYTHON_MIN = (3, 11)
_KEYS_DAYS = 14
_CERTIFICATE_DAYS = 14
_DAY_US = 86_400 * US_PER_S
_AHEAD_US = 60 * US_PER_S
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")


class Grade(StrEnum):
    """How a finding is meant: it is well, somebody should look, or it can't work."""

    WELL = "ok"
    LOOK = "look"
    WRONG = "wrong"


class Finding(NamedTuple):
    """What was looked at, how it is, and in words."""

    subject: str
    grade: Grade
    told: str


_Findings = Iterator[Finding]


def examine(settings: Settings) -> list[Finding]:
    """Look at everything. Blocks, for a second or so."""
    looks: tuple[tuple[str, Callable[[Settings], _Findings]], ...] = (
        ("versions", _versions),
        ("settings", _settings),
        ("definitions", _definitions),
        ("data", _data),
        ("disk", _disk),
        ("fsync", _fsync),
        ("clock", _clock),
        ("limits", _limits),
        ("port", _port),
        ("catalog", _catalog),
        ("backups", _backups),
    )
    found: list[Finding] = []
    for subject, look in looks:
        try:
            found += look(settings)
        except (LivetallyError, OSError) as error:
            told = error.message if isinstance(error, LivetallyError) else str(error)
            found.append(Finding(subject, Grade.WRONG, told))
    return found


def _versions(_settings: Settings) -> _Findings:
    grade = Grade.WELL if sys.version_info[:2] >= _PYTHON_MIN else Grade.WRONG
    told = (
        f"Livetally {version('livetally')}, engine {version('chdb-core')}, Python"
        f" {platform.python_version()}, SQLite {SQLITE_VERSION}, {platform.platform()}"
    )
    yield Finding("versions", grade, told)


def _settings(settings: Settings) -> _Findings:
    if settings.host not in _THIS_MACHINE and not settings.tls_cert and not settings.behind_proxy:
        told = f"listens on {settings.host} without https: keys can be read on the way"
        yield Finding("settings", Grade.LOOK, told)
    elif settings.tls_cert:
        yield _certificate(settings.tls_cert, settings.tls_key)
    else:
        yield Finding("settings", Grade.WELL, f"listens on {settings.host}:{settings.port}")


def _certificate(cert: str, key: str) -> Finding:
    try:
        left_s = seconds_left(cert, key)
    except (OSError, ValueError) as error:
        return Finding("settings", Grade.WRONG, f"the certificate can't be used: {error}")
    days = left_s / 86_400
    grade = Grade.LOOK if days < _CERTIFICATE_DAYS else Grade.WELL
    return Finding("settings", grade, f"certificate and key fit, for {days:.0f} days more")


def _definitions(settings: Settings) -> _Findings:
    try:
        applications = read_files(settings.definitions)
    except InvalidDefinition as error:
        yield Finding("definitions", Grade.WRONG, error.message)
        return
    yield Finding("definitions", Grade.WELL, f"{len(applications)} files without a mistake")


def _data(settings: Settings) -> _Findings:
    directory = DataDirectory(Path(settings.data))
    if not directory.path.exists():
        told = f"{directory.path} is not there yet: the first start makes it"
        yield Finding("data", Grade.WELL, told)
        return
    if not os.access(directory.path, os.W_OK):
        yield Finding("data", Grade.WRONG, f"{directory.path} can't be written")
    elif directory.incomplete.exists():
        told = "a backup was being put back and is not whole: run 'livetally restore' again"
        yield Finding("data", Grade.WRONG, told)
    elif newer := written_by_newer(directory):
        yield Finding("data", Grade.WRONG, newer)
    else:
        yield Finding("data", Grade.WELL, f"{directory.path} can be used")


def _disk(settings: Settings) -> _Findings:
    usage = shutil.disk_usage(_existing(Path(settings.data)))
    share = usage.free / usage.total
    low = usage.free < _FREE_BYTES_MIN or share < _FREE_SHARE_MIN
    told = f"{usage.free / _MIB / 1024:.1f} GiB free, {share:.0%} of the disk"
    yield Finding("disk", Grade.LOOK if low else Grade.WELL, told)


def _fsync(settings: Settings) -> _Findings:
    """Measure what each commit waits for."""
    clock = SystemClock()
    path = _existing(Path(settings.data)) / f".doctor-{os.getpid()}"
    took_s: list[float] = []
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(_SYNCS):
            os.write(descriptor, b"\0" * _SYNC_BYTES)
            began_s = clock.monotonic_s()
            os.fsync(descriptor)
            took_s.append(clock.monotonic_s() - began_s)
    finally:
        os.close(descriptor)
        path.unlink()
    middle_s = statistics.median(took_s)
    told = f"{middle_s * 1000:.2f} ms at the median, {max(took_s) * 1000:.2f} ms at most"
    if middle_s > _SYNC_S_SLOW:
        yield Finding("fsync", Grade.LOOK, f"{told}: slow, so commits are")
    elif middle_s < _SYNC_S_UNLIKELY:
        yield Finding("fsync", Grade.LOOK, f"{told}: no disk is so fast; is this one in memory?")
    else:
        yield Finding("fsync", Grade.WELL, told)


def _clock(settings: Settings) -> _Findings:
    now_us = SystemClock().now_us()
    newest_us = 0
    for path in (DataDirectory(Path(settings.data)).catalog, Path(__file__)):
        with contextlib.suppress(OSError):
            newest_us = max(newest_us, int(path.stat().st_mtime * US_PER_S))
    if newest_us > now_us + _AHEAD_US:
        told = "the machine's clock is behind what was written before: times of arrival will wait"
        yield Finding("clock", Grade.WRONG, told)
    else:
        yield Finding("clock", Grade.WELL, "not behind what was written before")


def _limits(settings: Settings) -> _Findings:
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(_FILES_MIN, settings.streams_max + _FILES_MIN)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        told = f"{soft} open files: too few for {settings.streams_max} streams; ulimit -n {wanted}"
        yield Finding("limits", Grade.LOOK, told)
    else:
        yield Finding("limits", Grade.WELL, "enough open files")
    memory = memory_there_is()
    grade = Grade.LOOK if memory < _MEMORY_BYTES_MIN else Grade.WELL
    yield Finding("limits", grade, f"{memory // _MIB:,} MiB of memory, {os.cpu_count()} processors")


def _port(settings: Settings) -> _Findings:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            yield _taken(settings, error)
            return
    yield Finding("port", Grade.WELL, f"{settings.port} is free")


def _taken(settings: Settings, error: OSError) -> Finding:
    """Tell whether it is our own server that has the port."""
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104 - compared only
    connection = HTTPConnection(host, settings.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        body = connection.getresponse().read(1000)
    except (OSError, HTTPException):
        body = b""
    finally:
        connection.close()
    if b'"position"' in body:
        ready = b'"ready":true' in body.replace(b" ", b"")
        grade = Grade.WELL if ready else Grade.WRONG
        return Finding("port", grade, f"a server answers on {settings.port}, ready: {ready}")
    return Finding("port", Grade.WRONG, f"{settings.port} can't be had: {error.strerror}")


def _catalog(settings: Settings) -> _Findings:
    directory = DataDirectory(Path(settings.data))
    if not settings.catalog and not directory.catalog.exists():
        yield Finding("catalog", Grade.WELL, "not there yet: the first start makes it")
        return
    now_us = SystemClock().now_us()
    standing = look_at_catalog(settings.catalog or directory.catalog, now_us + _KEYS_DAYS * _DAY_US)
    after = "" if standing.current else ": the next start brings it up to date"
    yield Finding("catalog", Grade.WELL, f"its form is {standing.form or 'not made yet'}{after}")
    soon = [name for name, at_us in standing.ending if at_us > now_us]
    if soon:
        told = f"{len(soon)} keys end within {_KEYS_DAYS} days: {', '.join(soon[:5])}"
        yield Finding("keys", Grade.LOOK, told)
    else:
        yield Finding("keys", Grade.WELL, f"none ends within {_KEYS_DAYS} days")


def _backups(settings: Settings) -> _Findings:
    if not settings.backup_to:
        yield Finding("backups", Grade.LOOK, "LIVETALLY_BACKUP_TO is not set: one disk is one disk")
        return
    backups = backups_in(open_place(settings.backup_to))
    if not backups:
        yield Finding("backups", Grade.LOOK, f"there is none in {settings.backup_to} yet")
        return
    age_h = (SystemClock().now_us() - backups[-1].made_us) / US_PER_S / 3600
    late = settings.backup_every_h and age_h > 2 * settings.backup_every_h
    told = f"{len(backups)}, the newest {age_h:.1f} hours old"
    yield Finding("backups", Grade.LOOK if late else Grade.WELL, told)


def _existing(path: Path) -> Path:
    """Return the path, or the nearest directory above that exists."""
    path = path.resolve()
    while not path.is_dir():
        path = path.parent
    return path
