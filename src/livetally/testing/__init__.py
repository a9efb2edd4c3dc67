"""What users' tests and our own use: a clock to set by hand, and a real server to start and break.

In the flow: imported by tests only; starts a server as a process of its own.
Guarantee: nothing of the surroundings reaches it: no setting, no ``.env`` file, no port in use.
"""

from __future__ import annotations

from livetally.testing.clock import ManualClock
from livetally.testing.server import Server, ServerFailed

__all__ = ["ManualClock", "Server", "ServerFailed"]
