"""Whether the server can keep its promises now: what ``/readyz`` asks.

In the flow: asked by ``health`` at each look of a supervisor; looks at the writer, the catalog and
the disk.
Guarantee: every look is of this moment and takes microseconds; what is not well is named.
"""

from __future__ import annotations

import shutil

from livetally.api.services import Services

__all__ = ["troubles"]

_COMMIT_S_MAX = 30.0
_CATALOG_S_MAX = 10.0


def troubles(services: Services) -> dict[str, str]:
    """Return what keeps the server from its work, by part; empty when it is ready.

    A part that is slow, but may recover by itself, is told of as well: a balancer should send
    requests elsewhere meanwhile.
    """
    found = services.troubles()
    writer = services.writer
    if writer.failure is not None:
        found["writer"] = "has stopped: events can't be made durable"
    elif writer.commit_s > _COMMIT_S_MAX:
        found["writer"] = f"a commit takes {writer.commit_s:.0f} s"
    silent_s = services.clock.monotonic_s() - services.catalog.polled_at_s
    if silent_s > _CATALOG_S_MAX:
        found["catalog"] = f"has not answered for {silent_s:.0f} s"
    directory = services.runner.engine.directory
    if directory is None:  # the disk is a server's, which is looked at where it stands
        return found
    try:
        free = shutil.disk_usage(directory).free
    except OSError as error:
        found["disk"] = f"can't be asked: {error.strerror}"
    else:
        if free < services.disk_free_bytes_min:
            found["disk"] = f"has {free:,} bytes left, fewer than {services.disk_free_bytes_min:,}"
    return found
