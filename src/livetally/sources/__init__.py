"""Fetching records from elsewhere: on a schedule, page by page, each counted once.

In the flow: receives ``Source`` from ``definitions`` and its state from ``store.catalog``, hands
events to whoever ``server`` or ``cli`` wires it to.

Guarantee: nothing that a source gave is lost or counted twice, whatever fails in between.

    schedule.py  when a source is due next
    network.py   connections to public addresses only
    fetching.py  one page; paging.py which one comes after it
    pull.py      one run of a source
    versions.py  the ids of a record's versions, and which of them is there again
    keeper.py    which sources run now, by whom, and what became of it
    following.py messages, which nats_messages.py, mqtt_messages.py and postgresql_messages.py bring
    dispatch.py  has workers do the runs; worker.py does them; wire.py what they say; broker.py how
"""

from __future__ import annotations

from livetally.sources.broker import Broker, BrokerFailed, Login, connected
from livetally.sources.dispatch import RunsOnWorkers, WorkerPatience
from livetally.sources.failures import SourceFailed
from livetally.sources.fetching import Patience
from livetally.sources.following import Follower
from livetally.sources.keeper import Declared, Follow, Keeper, Runs, ScheduleText
from livetally.sources.network import client, is_public
from livetally.sources.pull import (
    Counts,
    Deliver,
    Known,
    Outcome,
    Puller,
    mapped_lines,
    mapped_records,
)
from livetally.sources.schedule import next_us
from livetally.sources.versions import CHANGED_MAX, Newest, Seen, follows_versions
from livetally.sources.wire import Here, Subjects
from livetally.sources.worker import Worker

__all__ = [
    "CHANGED_MAX",
    "Broker",
    "BrokerFailed",
    "Counts",
    "Declared",
    "Deliver",
    "Follow",
    "Follower",
    "Here",
    "Keeper",
    "Known",
    "Login",
    "Newest",
    "Outcome",
    "Patience",
    "Puller",
    "Runs",
    "RunsOnWorkers",
    "ScheduleText",
    "Seen",
    "SourceFailed",
    "Subjects",
    "Worker",
    "WorkerPatience",
    "client",
    "connected",
    "follows_versions",
    "is_public",
    "mapped_lines",
    "mapped_records",
    "next_us",
]
