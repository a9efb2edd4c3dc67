"""Livetally turns a stream of events into exact, live statistics.

``livetally serve`` starts a server. Programs talk to it through ``livetally.Client`` and
``livetally.AsyncClient``; tests start one with ``livetally.testing.Server``.

In the flow: the package's own door; hands out the clients, imported when first asked for.
Guarantee: importing it costs nothing and starts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livetally.client import AsyncClient, Client

    __version__: str

__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: a program may need one small room of this package."""
    if name in ("AsyncClient", "Client"):
        from livetally import client

        return getattr(client, name)
    if name == "__version__":
        from importlib.metadata import version

        return version("livetally")
    raise AttributeError(f"module 'livetally' has no attribute '{name}'")
