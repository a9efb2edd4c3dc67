"""The only place where things are wired.

In the flow: receives settings and an open data directory, hands running parts to ``run``.
Guarantee: what is opened here is closed here, in the opposite order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import NamedTuple

from starlette.types import ASGIApp

from livetally.alerts import Couriers, mail_server
from livetally.alerts import Keeper as Alerts
from livetally.api import Quick, Services, Sessions, WayIn, build_app
from livetally.api.bounds import FailedKeys, IngestRate
from livetally.api.guard import Guard
from livetally.api.live import problem_frame
from livetally.clock import Clock
from livetally.console import routes
from livetally.event import EventLimits
from livetally.ingest import Commits, Intake, IntakeLimits
from livetally.live import Hub, HubLimits
from livetally.query import Extents, Runner
from livetally.server.allowances import Allowances
from livetally.server.clustering import begun_anew, beyond, cluster_loops
from livetally.server.directory import DataDirectory
from livetally.server.erasing import Rooms
from livetally.server.ground import Ground, query_limits, stood_on
from livetally.server.loading import OperationsOnly
from livetally.server.registry import Registry, read_files
from livetally.server.sourcing import declared_by, follow_of, process_name, runs_of
from livetally.server.upkeep import upkeep
from livetally.server.versions import Past
from livetally.settings import Settings, load_secrets
from livetally.sinks import Sinks, Store
from livetally.sources import Broker, Keeper, client
from livetally.store.catalog import KeyCache
from livetally.store.events import Engine
from livetally.tenancy import SecretText

__all__ = ["Built", "built", "quick_for"]

_DAY_S = 86_400

Loops = dict[str, Callable[[], Awaitable[None]]]


class Built(NamedTuple):
    """A server that only has to be run: what takes requests, and what runs beside it."""

    app: ASGIApp
    services: Services
    loops: Loops
    quick: Quick | None
    """What takes plain requests before ``app`` does."""


@asynccontextmanager
async def built(
    settings: Settings,
    directory: DataDirectory,
    clock: Clock,
    on_failure: Callable[[BaseException], None],
) -> AsyncIterator[Built]:
    """Open every part of the server.

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
    async with AsyncExitStack() as stack:
        ground = await stood_on(stack, settings, directory, clock)
        catalog, engine, registry = ground.catalog, ground.engine, ground.registry
        registry.apply_shared(applications, "settings")
        writer = ground.writer
        writer.on_failure = on_failure
        runner = _runner(settings, engine, clock, writer)
        stack.callback(runner.close)
        hub = Hub(clock, catalog.recheck, problem_frame, _hub_limits(settings))
        _told(stack, loop, ground, runner, hub)
        sinks = _sinks(registry, writer, runner, clock, directory)
        stack.callback(sinks.close)
        if ground.cluster is None:  # otherwise one process at a time keeps them
            registry.listen(lambda _teams: sinks.declare(registry.sinks()))
        writer.start()
        stack.callback(writer.close)
        allowances = Allowances(catalog, settings.queries_per_hour)
        stack.callback(allowances.close)
        keys = KeyCache(catalog, clock)
        stack.callback(keys.close)
        forget = partial(_let_go, loop, hub, None)
        rooms = Rooms(
            engine, ground.identities, catalog, writer, runner, registry, sinks, clock, forget
        )
        kept = upkeep(settings, rooms, ground.found)
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
            alerts=_alerts(settings, rooms),
            **kept._asdict(),
            **beyond(ground.cluster),
            log_requests=settings.log_requests,
            disk_free_bytes_min=settings.disk_free_bytes_min,
        )
        yield _runnable(settings, services, ground, rooms)


def _told(
    stack: AsyncExitStack,
    loop: asyncio.AbstractEventLoop,
    ground: Ground,
    runner: Runner,
    hub: Hub,
) -> None:
    """Tell those who answer of every commit, and of what changes in the catalog."""
    stack.callback(ground.catalog.subscribe(hub.keys_changed))
    stack.callback(ground.catalog.listen())
    ground.writer.listen(lambda one: runner.note(one.position, one.touched), first=True)
    ground.writer.listen(hub.notice)
    ground.registry.listen(partial(_let_go, loop, hub))


def _runnable(settings: Settings, services: Services, ground: Ground, rooms: Rooms) -> Built:
    loops = _loops(settings, services, ground, rooms)
    return Built(_app(settings, services), services, loops, quick_for(settings, services))


def _app(settings: Settings, services: Services) -> ASGIApp:
    app: ASGIApp = Guard(WayIn(build_app(services, routes()), services), services)
    return OperationsOnly(app) if settings.role == "loader" else app


def quick_for(settings: Settings, services: Services) -> Quick | None:
    """Return what takes plain requests, unless there is more to tell of each, or to ask."""
    is_more = settings.log_requests or settings.traces or settings.behind_proxy
    return None if is_more or settings.role == "loader" else Quick(services)


def _loops(settings: Settings, services: Services, ground: Ground, rooms: Rooms) -> Loops:
    """Return what runs beside the server, by name."""
    loops: Loops = {"live hub": services.hub.run, "alerts": services.alerts.run}
    if settings.sources_on != "nowhere":  # unless another process is to
        loops["sources"] = services.sources.run
    if ground.cluster is None:
        return loops | {"backups": services.backups.run, "retention": services.keeping.run}
    rooms.registry.on_anew = partial(begun_anew, rooms)
    return loops | cluster_loops(settings, ground.cluster, rooms, services.keeping.run)


def _runner(settings: Settings, engine: Engine, clock: Clock, writer: Commits) -> Runner:
    position = lambda: writer.position  # noqa: E731 - what it is when it is asked
    limits = query_limits(settings)
    return Runner(engine, Extents(engine), clock, position, settings.query_threads, limits)


def _secrets() -> Callable[[str], SecretText | None]:
    read = load_secrets()

    def secret_of(name: str) -> SecretText | None:
        text = read(name)
        return SecretText(text) if text else None

    return secret_of


def _sinks(
    registry: Registry, writer: Commits, runner: Runner, clock: Clock, directory: DataDirectory
) -> Sinks:
    store = Store(runner, clock, lambda: writer.position, registry.store_epoch)
    sinks = Sinks(store, load_secrets(), directory.sinks)
    writer.listen(sinks.notice)
    return sinks


def _let_go(loop: asyncio.AbstractEventLoop, hub: Hub, teams: frozenset[int] | None) -> None:
    """End the streams that were opened under other definitions; from any thread."""
    for team in (None,) if teams is None else teams:
        loop.call_soon_threadsafe(hub.forget, team)


def _sources(settings: Settings, rooms: Rooms, intake: Intake) -> Keeper:
    """Return what looks after the sources, in this process's name."""
    holder = process_name()
    registry, writer, clock = rooms.registry, rooms.writer, rooms.clock
    past = Past(rooms.engine, writer.caught_up)
    if not settings.catalog:
        # The catalog is in the data directory, which is ours alone: who held a source has died.
        registry.catalog.free_sources()
    runs = runs_of(settings, intake, past, clock, holder)
    follow = follow_of(settings, registry, intake)
    return Keeper(registry.catalog, declared_by(registry), runs, clock, holder, follow)


def _alerts(settings: Settings, rooms: Rooms) -> Alerts:
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
    couriers = Couriers(http, mail, broker, load_secrets(), rooms.clock)
    return Alerts(
        rooms.catalog,
        rooms.registry.alerts,
        rooms.runner,
        rooms.writer.caught_up,
        couriers,
        rooms.clock,
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
