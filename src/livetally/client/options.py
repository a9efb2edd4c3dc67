"""The options that both clients share, and the pure parts that they are made of.

In the flow: built by ``Client`` and ``AsyncClient`` from the arguments of their constructors.
Guarantee: the two clients have the same defaults and bounds, because they are written once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypedDict

from livetally.client.connection import Address
from livetally.client.identifiers import IdMaker
from livetally.client.outbox import OutboxLimits
from livetally.client.outgoing import Outgoing, outgoing
from livetally.client.retry import Patience, Retry
from livetally.clock import Clock, SystemClock
from livetally.errors import BadInput

__all__ = ["ASK_AGAIN_S", "CLOSE_S", "SEND_NOW_S", "SEND_WAIT_S", "Kit", "Options", "kit"]

SEND_WAIT_S = 10.0
SEND_NOW_S = 60.0
ASK_AGAIN_S = 3.0
CLOSE_S = 30.0


class Options(TypedDict, total=False):
    """What both clients take besides the address and the key.

    Attributes:
        team: for an operator's key, the team to act for.
        source: the source of events that name none; part of their identity.
        max_batch: events sent together at most; 1,000.
        max_delay_s: seconds that an event waits for others to be sent with; 0.2.
        max_buffer: events that wait at most, then ``send`` waits too; 50,000.
        timeout_s: seconds that one request may take; 30.
        retry: how the waits between attempts grow.
    """

    team: str | None
    source: str
    max_batch: int
    max_delay_s: float
    max_buffer: int
    timeout_s: float
    retry: Retry


class Kit(NamedTuple):
    """What a client is made of besides its way to wait."""

    address: Address
    limits: OutboxLimits
    ids: IdMaker
    source: str
    retry: Retry
    clock: Clock

    def patience(self, budget_s: float = math.inf) -> Patience:
        """Return the patience of one task that may take ``budget_s`` seconds."""
        return Patience(self.retry, self.clock, budget_s)

    def forked(self) -> Kit:
        """Return the same for a forked process: without locks that a thread of the parent held."""
        clock = SystemClock()
        return self._replace(ids=IdMaker(clock), clock=clock)

    def event(
        self,
        event_type: str,
        subject: str | None,
        data: Mapping[str, Any] | None,
        time: datetime | str | None,
        event_id: str | None,
        source: str | None,
    ) -> Outgoing:
        """Write one event from the arguments of ``send``."""
        members = {
            "type": event_type,
            "subject": subject,
            "data": data,
            "time": time,
            "id": event_id,
            "source": source,
        }
        return outgoing(members, self.ids, self.source)

    def lines(self, events: Iterable[Mapping[str, Any]]) -> list[bytes]:
        """Write many events."""
        return [outgoing(event, self.ids, self.source).line for event in events]


def kit(
    url: str,
    key: str | None,
    *,
    team: str | None = None,
    source: str = "",
    max_batch: int = 1_000,
    max_delay_s: float = 0.2,
    max_buffer: int = 50_000,
    timeout_s: float = 30.0,
    retry: Retry | None = None,
) -> Kit:
    """Check the options and put the parts together; the arguments are those of ``Options``.

    Raises:
        BadInput: names the option and the reason.
    """
    if not 1 <= max_batch <= max_buffer:
        raise BadInput("max_batch", "must be from 1 to max_buffer")
    if not 0 <= max_delay_s < math.inf:
        raise BadInput("max_delay_s", "must be zero or more seconds")
    if not 0 < timeout_s < math.inf:
        raise BadInput("timeout_s", "must be more than zero seconds")
    limits = OutboxLimits(
        waiting_events_max=max_buffer, batch_events_max=max_batch, delay_s_max=max_delay_s
    )
    clock = SystemClock()
    address = Address(url, key, team, timeout_s).checked()
    return Kit(address, limits, IdMaker(clock), source, retry or Retry(), clock)
