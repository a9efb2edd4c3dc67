"""What can go wrong with a source, said for the person who runs it.

In the flow: raised while fetching, kept as the source's last error by ``keeper``.
Guarantee: a message names what was asked for without its query, and holds no secret.
"""

from __future__ import annotations

from livetally.errors import LivetallyError

__all__ = ["SourceFailed", "TryAgain"]


class SourceFailed(LivetallyError):
    """The source could not be fetched."""


class TryAgain(SourceFailed):
    """The source can't be fetched now; another attempt may help."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        """Say what is wrong and, if the source said so, after how many seconds to try again."""
        super().__init__(message)
        self.retry_after_s = retry_after_s
