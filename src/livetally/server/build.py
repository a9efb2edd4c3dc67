"""The only place where things are wired.

In the flow: receives settings and an open data directory, hands running parts to ``run``.
Guarantee: what is opened here is closed here, in the opposite order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version

from starlette.types import ASGIApp

from livetally.alerts import Couriers, mail_server
from livetally.alerts import Keeper as Alerts
from livetally.api import Services, Sessions, WayIn, build_app
from livetally.api.bounds import FailedKeys, IngestRate
from livetally.api.guard import Guard
from livetally.api.live import problem_frame
from livetally.clock import Clock
from livetally.console import routes
from livetally.event import EventLimits
from livetally.ingest import Intake, IntakeLimits, Writer, WriterLimits, deliver_to
from livetally.live import Hub, HubLimits
from livetally.query import Extents, QueryLimits, Runner
from livetally.server.allowances import Allowances
from livetally.server.directory import DataDirectory
from livetally.server.erasing import Rooms
from livetally.server.memory import memory_bounds
from livetally.server.registry import Registry, read_files
from livetally.server.sourcing import declared_by, follow_of, process_name, runs_of
from livetally.server.upkeep import cleared, upkeep
from livetally.server.versions import Past
from livetally.settings import Settings, load_secrets
from livetally.sinks import Sinks, Store
from livetally.sources import Broker, Keeper, client
from livetally.store.catalog import Catalog, KeyCache, open_catalog
from livetally.store.events import Engine, create
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
        catalog, engine, index = _opened(stack, settings, directory, clock)
        registry = Registry(catalog, engine)
        registry.apply_shared(applications, "settings")
        found = cleared(directory, catalog, engine, index)
        limited = _writer_limits(settings)
        writer = Writer(engine, index, clock, limited, deliver_to(loop), found.position_min)
        writer.on_failure = on_failure
        runner = _runner(settings, engine, clock, writer)
        stack.callback(runner.close)
        hub = Hub(clock, catalog.recheck, problem_frame, _hub_limits(settings))
        stack.callback(catalog.subscribe(hub.keys_changed))
        stack.callback(catalog.listen())
        writer.listen(lambda notice: runner.note(notice.position, notice.touched))
        writer.listen(hub.notice)
        registry.listen(partial(_let_go, loop, hub))
        stack.callback((sinks := _started_sinks(registry, writer, runner, clock, directory)).close)
        writer.start()
        stack.callback(writer.close)
        allowances = Allowances(catalog, settings.queries_per_hour)
        stack.callback(allowances.close)
        keys = KeyCache(catalog, clock)
        stack.callback(keys.close)
        forget = partial(_let_go, loop, hub, None)
        rooms = Rooms(engine, index, catalog, writer, runner, registry, sinks, clock, forget)
        kept = upkeep(settings, rooms, found)
        stack.callback(kept.erasing.close)
        intake = Intake(writer, clock, registry.schema, *_bounds(settings))
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
            sources=_sources(settings, rooms, intake),
            alerts=_alerts(settings, registry, runner, clock),
            **kept._asdict(),
            log_requests=settings.log_requests,
            disk_free_bytes_min=settings.disk_free_bytes_min,
        )
        yield Guard(WayIn(build_app(services, routes()), services), services), services


def _opened(
    stack: ExitStack, settings: Settings, directory: DataDirectory, clock: Clock
) -> tuple[Catalog, Engine, IdentityIndex]:
    """Open what is on the disk; ``stack`` closes it."""
    catalog = open_catalog(settings.catalog or directory.catalog, clock)
    stack.callback(catalog.close)
    catalog.set_root_key(SecretText(settings.root_key) if settings.root_key else None)
    engine = Engine(directory.events)
    stack.callback(engine.close)
    engine.bounds.update(_limits(settings).page_settings)
    create(engine)
    index = IdentityIndex(directory.identities)
    stack.callback(index.close)
    return catalog, engine, index


def _runner(settings: Settings, engine: Engine, clock: Clock, writer: Writer) -> Runner:
    limits = _limits(settings)
    position = lambda: writer.position  # noqa: E731 - what it is when it is asked
    return Runner(engine, Extents(engine), clock, position, settings.query_threads, limits)


def _limits(settings: Settings) -> QueryLimits:
    return QueryLimits(memory_bytes_max=memory_bounds(settings).query)


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
    registry.listen(lambda _teams: sinks.declare(registry.sinks()))
    return sinks


def _let_go(loop: asyncio.AbstractEventLoop, hub: Hub, teams: frozenset[int] | None) -> None:
    """End the streams that were opened under other definitions; from any thread."""
    for team in (None,) if teams is None else teams:
        loop.call_soon_threadsafe(hub.forget, team)


def _sources(settings: Settings, rooms: Rooms, intake: Intake) -> Keeper:
    """Return what looks after the sources, in this process's name."""
    holder = process_name()
    registry, writer, clock = rooms.registry, rooms.writer, rooms.clock
    past = Past(rooms.engine, lambda: writer.position)
    if not settings.catalog:
        # The catalog is in the data directory, which is ours alone: who held a source has died.
        registry.catalog.free_sources()
    runs = runs_of(settings, intake, past, clock, holder)
    follow = follow_of(settings, registry, intake)
    return Keeper(registry.catalog, declared_by(registry), runs, clock, holder, follow)


def _alerts(settings: Settings, registry: Registry, runner: Runner, clock: Clock) -> Alerts:
    """Return what looks after the alerts, in this process's name."""
    http = partial(
        client,
        allow_private=settings.alerts_allow_private,
        version=version("livetally"),
        setting="LIVETALLY_ALERTS_ALLOW_PRIVATE",
    )
    mail = mail_server(settings.smtp_url, settings.smtp_from)
    name = process_name()
    broker = None
    if settings.nats:
        broker = Broker(settings.nats, f"livetally alerts {name}", settings.nats_ca)
    couriers = Couriers(http, mail, broker, load_secrets(), clock)
    return Alerts(
        registry.catalog,
        registry.alerts,
        runner,
        couriers,
        clock,
        name,
        settings.alert_history_days,
    )


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
        waiting_bytes_max=memory_bounds(settings).waiting,
    )


def _bounds(settings: Settings) -> tuple[EventLimits, IntakeLimits]:
    return _event_limits(settings), _intake_limits(settings)


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
