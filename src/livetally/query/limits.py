"""How much one question may take, so that none starves ingest, live views or another question.

In the flow: made by ``server`` from its settings, kept by ``evaluate`` and ``run``.
Guarantee: a question over a limit is refused with what to narrow; it is never answered in part.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["NARROW", "QueryLimits", "is_too_large"]

NARROW = (
    "The answer is larger, or takes longer, than one query may: ask for a longer interval, a"
    " shorter range or fewer dimensions, or filter with where."
)

# The engine's numbers for: too many rows, too slow, timed out, out of memory for one query.
_TOO_LARGE = frozenset({158, 159, 160, 241, 307, 396})


class QueryLimits(NamedTuple):
    """Bounds of one question in the engine, and of the questions that wait for a thread.

    Without ``projections`` every question reads raw events: for tests, and to find out why.
    """

    seconds_max: int = 20
    memory_bytes_max: int = 1_000_000_000
    threads_max: int = 2
    groups_max: int = 2_000_000
    waiting_max: int = 200
    projections: bool = True

    @property
    def settings(self) -> dict[str, int]:
        """The bounds as the engine takes them."""
        return {
            "max_execution_time": self.seconds_max,
            "max_memory_usage": self.memory_bytes_max,
            "max_threads": self.threads_max,
            "max_rows_to_group_by": self.groups_max,
            "optimize_use_projections": int(self.projections),
        }

    @property
    def page_settings(self) -> dict[str, int]:
        """The bounds of what is no metric: pages of entities and events, single rows."""
        return {
            "max_execution_time": self.seconds_max,
            "max_memory_usage": self.memory_bytes_max,
        }


def is_too_large(code: int) -> bool:
    """Tell whether the engine's error ``code`` means that a limit was reached."""
    return code in _TOO_LARGE
