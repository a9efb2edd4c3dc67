"""The exit codes, and the error that means the command was called wrongly.

In the flow: returned or raised by commands, turned into the process's exit code by ``entry``.
Guarantee: 0 done, 1 failed, 2 wrong usage; there are no others.
"""

from __future__ import annotations

from livetally.errors import LivetallyError

__all__ = ["DONE", "FAILED", "WRONG_USAGE", "WrongUsage"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2


class WrongUsage(LivetallyError):
    """The options don't go together."""
