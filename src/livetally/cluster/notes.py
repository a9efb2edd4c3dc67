"""What loaders leave behind for whoever takes over: how far they are, and what they are at.

In the flow: kept in the log's replicated state by ``loader``.
Guarantee: a plan is written before the insert that it is about, and only by who holds the
partition: who has taken it over replaces the plan's revision, so that an earlier one's is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import structlog

from livetally.errors import StoreFailed

if TYPE_CHECKING:
    from livetally.cluster.log import Log

__all__ = ["Notes", "Plan", "PlanRefused", "loaded_through"]

_log = structlog.get_logger("livetally.cluster")


class PlanRefused(Exception):
    """Another process has taken the partition over."""


class Plan(NamedTuple):
    """Messages that go into the store as one insert: from ``first`` to ``last``."""

    first: int = 0
    last: int = 0


class Notes:
    """The notes about one partition. For one event loop."""

    def __init__(self, log: Log, partition: int) -> None:
        """Read nothing yet."""
        self._state = log.state
        # Notes about a stream that was deleted say nothing about the one in its place.
        self._loaded = f"loaded.{log.born}.{partition}"
        self._plan = f"plan.{log.born}.{partition}"
        self._revision = 0

    async def note_loaded(self, through: int) -> None:
        """Remember up to where the partition is in the store; a lost note only costs time."""
        from nats.errors import Error

        try:
            await self._state.put(self._loaded, str(through).encode())
        except (Error, OSError) as error:
            _log.debug("progress not noted", reason=str(error))

    async def loaded(self) -> int | None:
        """Return up to where the partition is in the store at least; None when nobody has said.

        Raises:
            StoreFailed: nobody answers.
        """
        found = await self._get(self._loaded)
        return None if found is None else int(found[0])

    async def take_over(self) -> Plan:
        """Return what the last holder was at, and have its writes refused from now on.

        Raises:
            StoreFailed: nobody answers.
        """
        found = await self._get(self._plan)
        text, self._revision = found or ("0 0", 0)
        first, last = map(int, text.split())
        await self.plan(Plan(first, last))
        return Plan(first, last)

    async def plan(self, plan: Plan) -> None:
        """Say which messages the next insert is of.

        Raises:
            PlanRefused: another process has taken over.
            StoreFailed: nobody answers; it may have been noted all the same.
        """
        from nats.errors import Error
        from nats.js.errors import KeyWrongLastSequenceError

        text = f"{plan.first} {plan.last}"
        try:
            if self._revision:
                self._revision = await self._state.update(self._plan, text.encode(), self._revision)
            else:
                self._revision = await self._state.create(self._plan, text.encode())
        except KeyWrongLastSequenceError:
            # Unless it is our own, whose answer was lost.
            found = await self._get(self._plan)
            if found is None or found[0] != text:
                raise PlanRefused(self._plan) from None
            self._revision = found[1]
        except (Error, OSError) as error:
            raise StoreFailed(f"The log's state does not answer: {error}.") from None

    async def _get(self, name: str) -> tuple[str, int] | None:
        """Return an entry's text and revision."""
        from nats.errors import Error
        from nats.js.errors import KeyNotFoundError

        try:
            entry = await self._state.get(name)
        except KeyNotFoundError:
            return None
        except (Error, OSError) as error:
            raise StoreFailed(f"The log's state does not answer: {error}.") from None
        return (entry.value or b"").decode(), int(entry.revision or 0)


async def loaded_through(log: Log) -> list[int]:
    """Return up to where each partition is in the store at least.

    Raises:
        StoreFailed: nobody answers.
    """
    before = await log.before_first()
    noted = [await Notes(log, partition).loaded() for partition in range(log.partitions)]
    return [before if one is None else one for one in noted]
