"""The only place where things are wired.

In the flow: receives settings and an open data directory, hands running parts to ``run``.
Guarantee: what is opened here is closed here, in the opposite order.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version

from starlette.types import ASGIApp

from livetally.alerts import Mail, Outbox, Watch
from livetally.api import Services, Sessions, WayIn, build_app
from livetally.api.bounds import FailedKeys, IngestRate
from livetally.api.guard import Guard
from livetally.api.live import problem_frame
from livetally.backup import Backups, Erasure, Plan, Retention, Source
from livetally.clock import Clock
from livetally.console import routes
from livetally.event import EventLimits
from livetally.ingest import Intake, IntakeLimits, Writer, WriterLimits, deliver_to
from livetally.live import Hub, HubLimits
from livetally.query import Extents, Runner
from livetally.server.allowances import Allowances
from livetally.server.directory import DataDirectory
from livetally.server.erasing import Erasing, Rooms, mend, position_min
from livetally.server.keeping import Keeping, read_horizons
from livetally.server.registry import Registry, read_files
from livetally.server.sourcing import RunsHere, declared_by
from livetally.settings import Settings, load_secrets
from livetally.sinks import Sinks, Store
from livetally.sources import Keeper, Puller, client
from livetally.store.catalog import KeyCache, Notice, open_catalog
from livetally.store.events import Engine, create
from livetally.store.events.snapshot import thaw_all
from livetally.store.identities import IdentityIndex
from livetally.tenancy import SecretText

__all__ = ["built"]

_DAY_S = 86_400


@contextmanager
def built(
    settings: Settings,
    directory: DataDirectory,
    clock: Clock,
    on_failure: Callable[[BaseException], None],
) -> Iterator[tuple[ASGIApp, Services]]:
    """Open every part of the server; to be entered on the event loop's thread.

    Args:
        settings: the process's settings.
        directory: the data directory, already taken.
        clock: the clock of every part.
        on_failure: called from the writer's thread when it has stopped for good.

    Raises:
        LivetallyError: a part can't be opened.
    """
    loop = asyncio.get_running_loop()
    applications = read_files(settings.definitions)
    with ExitStack() as stack:
        catalog = open_catalog(settings.catalog or directory.catalog, clock)
        stack.callback(catalog.close)
        catalog.set_root_key(SecretText(settings.root_key) if settings.root_key else None)
        engine = Engine(directory.events)
        stack.callback(engine.close)
        create(engine)
        thaw_all(engine)
        directory.note_form(version("livetally"))
        index = IdentityIndex(directory.identities)
        stack.callback(index.close)
        registry = Registry(catalog, engine)
        registry.apply_shared(applications, "settings")
        cut_off = mend(catalog, engine, index)
        limits = _writer_limits(settings)
        floor = position_min(catalog)
        writer = Writer(engine, index, clock, limits, deliver_to(loop), floor)
        writer.on_failure = on_failure
        extents = Extents(engine)
        runner = Runner(engine, extents, clock, lambda: writer.position, settings.query_threads)
        stack.callback(runner.close)
        hub = Hub(clock, catalog.recheck, problem_frame, _hub_limits(settings))
        stack.callback(catalog.subscribe(hub.keys_changed))
        stack.callback(catalog.listen())
        writer.listen(lambda notice: runner.note(notice.position, notice.touched))
        writer.listen(hub.notice)
        sinks = _started_sinks(registry, writer, runner, clock, directory)
        stack.callback(sinks.close)
        writer.start()
        stack.callback(writer.close)
        turn = threading.Lock()
        forget_streams = partial(loop.call_soon_threadsafe, hub.forget, None)
        rooms = Rooms(
            engine, index, catalog, writer, runner, registry, sinks, clock, forget_streams
        )
        erasing = Erasing(rooms, turn)
        stack.callback(erasing.close)
        erasing.resume(cut_off)
        runner.horizons.replace(read_horizons(catalog))
        keeping = Keeping(rooms, erasing, runner.horizons, settings.retention_look_s)
        allowances = Allowances(catalog, settings.queries_per_hour)
        stack.callback(allowances.close)
        keys = KeyCache(catalog, clock)
        stack.callback(keys.close)
        intake = Intake(
            writer, clock, registry.schema, _event_limits(settings), _intake_limits(settings)
        )
        services = Services(
            clock=clock,
            catalog=catalog,
            keys=keys,
            definitions=registry,
            writer=writer,
            intake=intake,
            runner=runner,
            hub=hub,
            sinks=sinks,
            version=version("livetally"),
            queries_per_hour=allowances.queries_per_hour,
            allowed_origins=allowances.allowed_origins,
            secret_of=_secrets(),
            failed_keys=FailedKeys(clock, settings.failed_keys_per_minute),
            ingest_rate=IngestRate(clock, settings.key_events_per_second),
            sessions=_sessions(settings),
            sources=_sources(settings, registry, intake, clock),
            backups=Backups(_backed_up(rooms), _backup_plan(settings), turn),
            erasing=erasing,
            keeping=keeping,
            watch=Watch(runner, catalog, clock, registry.alerts),
            outbox=_outbox(settings, registry, clock),
        )
        yield Guard(WayIn(build_app(services, routes()), services), services), services


def _secrets() -> Callable[[str], SecretText | None]:
    read = load_secrets()

    def secret_of(name: str) -> SecretText | None:
        text = read(name)
        return SecretText(text) if text else None

    return secret_of


def _started_sinks(
    registry: Registry, writer: Writer, runner: Runner, clock: Clock, directory: DataDirectory
) -> Sinks:
    """Keep the tables that the definitions declare, now and after each change of theirs."""
    store = Store(runner, clock, lambda: writer.position, registry.store_epoch)
    sinks = Sinks(store, load_secrets(), directory.sinks)
    writer.listen(sinks.notice)
    registry.listen(lambda: sinks.declare(registry.sinks()))
    return sinks


def _sources(settings: Settings, registry: Registry, intake: Intake, clock: Clock) -> Keeper:
    """Return what looks after the sources, in this process's name."""
    http = partial(
        client, allow_private=settings.sources_allow_private, version=version("livetally")
    )
    runs = RunsHere(Puller(http, load_secrets(), clock.now_us), intake)
    holder = f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"
    return Keeper(registry.catalog, declared_by(registry), runs, clock, holder)


def _backed_up(rooms: Rooms) -> Source:
    """Return what a backup holds."""
    return Source(
        engine=rooms.engine,
        between=rooms.writer.between,
        position=lambda: rooms.writer.position,
        dump=rooms.catalog.dump,
        epoch=lambda: rooms.registry.store_epoch,
        erasures=lambda: tuple(
            Erasure(one.team, one.fingerprint, one.position)
            for one in rooms.catalog.list_erasures()
        ),
        version=version("livetally"),
        now_us=rooms.clock.now_us,
    )


def _backup_plan(settings: Settings) -> Plan:
    return Plan(
        settings.backup_to,
        settings.backup_every_h,
        Retention(settings.backup_keep_newest, settings.backup_keep_days),
    )


def _outbox(settings: Settings, registry: Registry, clock: Clock) -> Outbox:
    """Return what delivers the notices of alerts."""

    def secret_of(notice: Notice) -> str:
        return next(
            (
                target.secret
                for one in registry.alerts()
                if (one.team, one.alert.name) == (notice.team, notice.name)
                for target in one.alert.notify
                if f"{target.kind.value}:{target.to}" == notice.target
            ),
            "",
        )

    mail = Mail(settings.smtp_url, settings.smtp_from)
    return Outbox(registry.catalog, clock, load_secrets(), secret_of, mail)


def _sessions(settings: Settings) -> Sessions:
    return Sessions(
        ttl_s=settings.session_days * _DAY_S,
        secure=settings.cookie_secure or bool(settings.tls_cert),
        stream_token_s_max=settings.stream_token_s_max,
    )


def _hub_limits(settings: Settings) -> HubLimits:
    return HubLimits(streams_max=settings.streams_max, key_streams_max=settings.key_streams_max)


def _writer_limits(settings: Settings) -> WriterLimits:
    return WriterLimits(
        commit_events_max=settings.commit_events_max,
        waiting_events_max=settings.waiting_events_max,
        waiting_bytes_max=settings.waiting_bytes_max,
    )


def _event_limits(settings: Settings) -> EventLimits:
    return EventLimits(
        data_bytes_max=settings.event_data_bytes_max,
        future_days_max=settings.event_future_days_max,
    )


def _intake_limits(settings: Settings) -> IntakeLimits:
    return IntakeLimits(
        body_bytes_max=settings.body_bytes_max,
        stream_bytes_max=settings.stream_bytes_max,
    )
