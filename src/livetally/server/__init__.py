"""Where everything is wired together, and the life of the process."""

from __future__ import annotations

from livetally.server.run import serve

__all__ = ["serve"]
