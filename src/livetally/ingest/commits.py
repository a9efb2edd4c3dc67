"""What becomes of batches, and who sees to it: the words that every writer speaks.

In the flow: spoken between ``accept``, which hands batches over, and the one that makes them
durable: the ``Writer`` of one machine, or ``cluster.LogWriter`` beyond it.
Guarantee: a receipt is given for what is durable only; positions never go back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from livetally.errors import NotDurable
from livetally.ingest.batch import Batch
from livetally.ingest.dedupe import Differing
from livetally.store.events import EventRows, StoredIdentity

__all__ = ["CAUGHT_UP_S_MAX", "Commits", "Deliver", "Notice", "Outcome", "Receipt", "WriterLimits"]

CAUGHT_UP_S_MAX = 30.0
_Result = TypeVar("_Result")


class WriterLimits(NamedTuple):
    """Bounds of the writer: events in one commit, and events and bytes that may wait for one.

    A commit of ``straight_events_min`` goes into the store without the journal.
    """

    commit_events_max: int = 50_000
    waiting_events_max: int = 200_000
    waiting_bytes_max: int = 256 * 1024 * 1024
    straight_events_min: int = 5_000


class Receipt(NamedTuple):
    """What became of a batch, by place.

    ``repeated`` are events that were stored before, ``differing`` known identities that came with
    other bytes.
    """

    position: int
    stored: int
    repeated: tuple[int, ...]
    differing: tuple[Differing, ...]

    @property
    def duplicates(self) -> int:
        """How many were stored before."""
        return len(self.repeated)


Outcome = Receipt | NotDurable

Deliver = Callable[[list[tuple[Any, Outcome]]], None]
"""Takes ``(token, outcome)`` of every batch of a commit, from the writer's thread; must not block.
One call for a commit, because waking the event loop costs as much as an event."""


class Notice(NamedTuple):
    """A commit as listeners see it: which quarter-hour slots of which (team, type) it touched.

    ``rows`` are its events without their data, for a small commit of this process; else None.
    """

    position: int
    committed_us: int
    events: int
    touched: dict[tuple[int, str], frozenset[int]]
    rows: EventRows | None = None


class Commits(Protocol):
    """What the rest of the house asks of whoever makes events durable."""

    failure: BaseException | None
    """Why it has stopped for good, if it has."""
    on_failure: Callable[[BaseException], None]

    @property
    def position(self) -> int:
        """The last commit that every answer computed from now on includes."""
        ...

    @property
    def acknowledged(self) -> int:
        """A commit that includes what this process has acknowledged, and that may be asked for."""
        ...

    @property
    def busy(self) -> bool:
        """Whether what is submitted now has to wait for a commit that is under way."""
        ...

    @property
    def commit_s(self) -> float:
        """For how many seconds the commit has been under way that is; 0 without one."""
        ...

    @property
    def waiting_events(self) -> int:
        """How many events wait for a commit."""
        ...

    def reached(self, position: int) -> Awaitable[None]:
        """Return when answers include ``position``.

        Raises:
            BadInput: no commit has had it.
            Overloaded, StoreFailed: it is acknowledged, but answers do not include it yet, after a
                long wait.
        """
        ...

    async def caught_up(self, within_s: float = CAUGHT_UP_S_MAX) -> int:
        """Return a position that includes everything acknowledged before the call.

        Answers include it then, and whatever another process has told of.

        Raises:
            StoreFailed: what is acknowledged is not in the store yet, ``within_s`` seconds later.
        """
        ...

    def settled(self) -> int:
        """As ``caught_up``. Blocks; for any thread but the loop's."""
        ...

    def listen(self, listener: Callable[[Notice], None], *, first: bool = False) -> None:
        """Call ``listener`` for every commit that answers include now; it must not block.

        ``first``: before ``position`` says so, for what makes answers right.
        """
        ...

    def start(self) -> None:
        """Start committing."""
        ...

    def submit(self, batch: Batch, size_bytes: int, token: Any, *, admitted: bool = False) -> None:
        """Queue a batch; ``deliver`` gets ``token`` with the outcome when its fate is durable."""
        ...

    def read_back(self, team: int, wanted: Sequence[tuple[bytes, int]]) -> list[StoredIdentity]:
        """Return a team's events by ``(id, position)``. Blocks; for any thread but the loop's."""
        ...

    def between(self, errand: Callable[[], _Result]) -> _Result:
        """Run ``errand`` where the store has all commits of this process. Blocks."""
        ...

    def close(self) -> None:
        """Commit what waits, then stop. Blocks until it has."""
        ...
