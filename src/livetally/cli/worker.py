"""``livetally worker``: fetches the sources of servers, as a process of its own, on any host.

In the flow: receives options, hands settings to ``server.working``.
Guarantee: an option wins over the environment and ``.env``; one that is not given leaves them be.
"""

from __future__ import annotations

from livetally.cli.argument_secrets import refuse_secret

__all__ = ["worker"]


def worker(
    *,
    nats: str | None = None,
    nats_prefix: str | None = None,
    runs_max: int | None = None,
    log_level: str | None = None,
) -> int:
    """Fetch the sources that servers offer. Blocks until SIGTERM or SIGINT; then returns 0.

    Args:
        nats: Address of the NATS server; one with a password belongs into LIVETALLY_NATS.
        nats_prefix: What the subjects begin with; livetally by default.
        runs_max: Sources to fetch at the same time; 8 by default.
        log_level: debug, info, warning or error.

    Raises:
        LivetallyError: it can't start; names the setting and the reason.
    """
    from livetally.server.working import work
    from livetally.settings import load_settings

    refuse_secret("--nats", "nats", nats)
    overrides = {
        "nats": nats,
        "nats_prefix": nats_prefix,
        "worker_runs_max": runs_max,
        "log_level": log_level,
    }
    return work(load_settings(overrides))
