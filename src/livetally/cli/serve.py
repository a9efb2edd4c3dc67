"""``livetally serve``: starts the server and stays until it is told to stop.

In the flow: receives options, hands settings to ``server``.
Guarantee: an option wins over the environment and ``.env``; one that is not given leaves them be.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

__all__ = ["Bounds", "serve"]


@Parameter(name="*", group="Bounds")
@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Settings that keep the server within its machine; their defaults fit most."""

    query_threads: int | None = None
    """Questions that run at the same time."""
    body_bytes_max: int | None = None
    """Longest body that is read whole (JSON), after unpacking."""
    stream_bytes_max: int | None = None
    """Longest body that is read as a stream (NDJSON), after unpacking."""
    event_data_bytes_max: int | None = None
    """Longest data of one event."""
    event_future_days_max: int | None = None
    """Days in the future that an event's time may lie at most."""
    waiting_events_max: int | None = None
    """Events that may wait for the writer before requests are answered 503."""
    waiting_bytes_max: int | None = None
    """Bytes of events that may wait for the writer before requests are answered 503."""
    commit_events_max: int | None = None
    """Most events in one commit."""
    streams_max: int | None = None
    """Most live streams open at a time."""


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    definitions: list[Path] | None = None,
    catalog: str | None = None,
    log_level: str | None = None,
    session_days: int | None = None,
    cookie_secure: Annotated[bool | None, Parameter(negative=())] = None,
    bounds: Bounds = Bounds(),
) -> int:
    """Start the server. Blocks until SIGTERM or SIGINT; then returns 0.

    Args:
        host: Address to listen on; 127.0.0.1 by default.
        port: Port to listen on; 8080 by default, 0 takes a free one.
        data: Directory of everything that is kept; ./livetally-data by default.
        definitions: Definition file to apply at start, for all teams; may be repeated.
        catalog: URL of the catalog: sqlite://, postgresql:// or mariadb://; in the data directory
            by default.
        log_level: debug, info, warning or error.
        session_days: Days that the console stays signed in.
        cookie_secure: Send the console's cookie over https only.
        bounds: Settings that keep the server within its machine.

    Raises:
        LivetallyError: it can't start; names the setting, file or directory and the reason.
    """
    from livetally.server.run import serve as serve_settings
    from livetally.settings import load_settings

    overrides: dict[str, Any] = {
        "host": host,
        "port": port,
        "data": None if data is None else str(data),
        "definitions": tuple(map(str, definitions)) if definitions else None,
        "catalog": catalog,
        "log_level": log_level,
        "session_days": session_days,
        "cookie_secure": cookie_secure,
    }
    return serve_settings(load_settings(overrides | asdict(bounds)))
