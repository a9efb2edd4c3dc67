"""The Python client: sending events, asking questions, watching answers change.

In the flow: receives events and questions from a program, talks HTTP to a server, hands receipts,
answers and updates back.
Guarantee: an event is sent at least once and carries the same id each time, so that it counts once.

    sync_client.py, async_client.py        how to wait; nothing else is written twice
    thread_sender.py, task_sender.py       sending in the background
    options.py, connection.py              what both are made of; httpx2
    forks.py                               children and ends of the process
    pure: outgoing.py, identifiers.py      an event becomes a line with an id
          outbox.py, delivery.py           what waits; what became of it
          exchange.py, retry.py            calls, outcomes, pauses
          question.py, answer.py           asking
          watching.py, frames.py           a live question; server-sent events
          pictures.py                      what its updates add up to
          failures.py                      problem details become exceptions
"""

from __future__ import annotations

from livetally.client.answer import Answer
from livetally.client.async_client import AsyncClient
from livetally.client.delivery import Receipt, Rejection
from livetally.client.exchange import Call, Reply
from livetally.client.failures import (
    ApiError,
    BufferFull,
    EventsRejected,
    NotDelivered,
    RejectedEvent,
    Unreachable,
)
from livetally.client.options import Options
from livetally.client.pictures import PageUpdate, Update
from livetally.client.question import Asked, AskedEntities, AskedEvents
from livetally.client.retry import Retry
from livetally.client.sync_client import Client

__all__ = [
    "Answer",
    "ApiError",
    "Asked",
    "AskedEntities",
    "AskedEvents",
    "AsyncClient",
    "BufferFull",
    "Call",
    "Client",
    "EventsRejected",
    "NotDelivered",
    "Options",
    "PageUpdate",
    "Receipt",
    "RejectedEvent",
    "Rejection",
    "Reply",
    "Retry",
    "Unreachable",
    "Update",
]
