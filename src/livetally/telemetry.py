"""What the server measures of itself: each measurement has one name, declared here.

In the flow: rooms count and observe, ``api.health`` shows it.
Guarantee: every name is documented in ``docs/reference/metrics.md``; no label ever holds anything
that a client sent, but the names of sinks and sources, which only operators declare.
"""

from __future__ import annotations

import os
import resource
import sys
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = [
    "ALERTS",
    "ALERT_MESSAGES",
    "ANSWERS",
    "BACKUPS",
    "BACKUP_AGE_SECONDS",
    "BACKUP_SECONDS",
    "COMMITS",
    "COMMIT_EVENTS",
    "COMMIT_SECONDS",
    "CONNECTIONS",
    "CONNECTIONS_REFUSED",
    "DEFECTS",
    "DISK_FREE_BYTES",
    "EVENTS",
    "LIVE_ANSWERS",
    "LIVE_DELAY_SECONDS",
    "LIVE_STREAMS",
    "LOADER_WAITING_MESSAGES",
    "MEMORY_BYTES",
    "POSITION",
    "QUERY_ANSWERS",
    "QUERY_SECONDS",
    "REGISTRY",
    "REQUEST_SECONDS",
    "RETIRED_EVENTS",
    "SINK_FAILURES",
    "SINK_LAG_POSITIONS",
    "SINK_LAG_SECONDS",
    "SOURCE_LAST_OK_TIMESTAMP_SECONDS",
    "SOURCE_RECORDS",
    "SOURCE_RUNS",
    "SOURCE_WORKERS",
    "SOURCE_WORKERS_LOST",
    "STORE_BYTES",
    "STORE_CHANGES",
    "STORE_INSERT_SECONDS",
    "STORE_MERGES",
    "STORE_PARTS",
    "THINNED_EVENTS",
    "UNSTORED_EVENTS",
    "WAITING_EVENTS",
    "WAITING_QUERIES",
    "Durations",
    "memory_bytes",
]

REGISTRY = CollectorRegistry()


class Durations(Histogram):
    """A histogram that takes many amounts at once, for little more than one costs alone."""

    def observe_all(self, amounts: Sequence[float]) -> None:
        """As ``observe`` for each of ``amounts``."""
        self._sum.inc(sum(amounts))
        bounds = self._upper_bounds
        for place, number in Tally([bisect_left(bounds, amount) for amount in amounts]).items():
            self._buckets[place].inc(number)


_FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)

EVENTS = Counter(
    "livetally_events",
    "Events by what became of them: stored, duplicate, conflict, rejected.",
    ["outcome"],
    registry=REGISTRY,
)
COMMITS = Counter("livetally_commits", "Commits made durable.", registry=REGISTRY)
COMMIT_SECONDS = Histogram(
    "livetally_commit_seconds",
    "From taking a commit's events to their acknowledgement.",
    buckets=_FAST_S,
    registry=REGISTRY,
)
COMMIT_EVENTS = Histogram(
    "livetally_commit_events",
    "Events in one commit.",
    buckets=(1, 10, 100, 1_000, 10_000, 100_000),
    registry=REGISTRY,
)
WAITING_EVENTS = Gauge(
    "livetally_waiting_events", "Events that wait for a commit.", registry=REGISTRY
)
STORE_INSERT_SECONDS = Histogram(
    "livetally_store_insert_seconds",
    "How long the event store took for an insert of commits that are in the journal.",
    buckets=_FAST_S,
    registry=REGISTRY,
)
UNSTORED_EVENTS = Gauge(
    "livetally_unstored_events",
    "Events that are in the journal and wait for an insert into the event store.",
    registry=REGISTRY,
)
LOADER_WAITING_MESSAGES = Gauge(
    "livetally_loader_waiting_messages",
    "Messages of the log that were read and are not in the store, by partition.",
    ["partition"],
    registry=REGISTRY,
)
POSITION = Gauge("livetally_position", "The last commit that the store has.", registry=REGISTRY)
QUERY_ANSWERS = Counter(
    "livetally_query_answers",
    "Answered questions by where the answer came from: cache, store.",
    ["origin"],
    registry=REGISTRY,
)
QUERY_SECONDS = Histogram(
    "livetally_query_seconds",
    "From a question's start on its thread to its answer.",
    buckets=_FAST_S,
    registry=REGISTRY,
)
LIVE_STREAMS = Gauge("livetally_live_streams", "Open live streams.", registry=REGISTRY)
LIVE_ANSWERS = Counter(
    "livetally_live_answers",
    "New answers of open questions by where they came from: commits, store.",
    ["origin"],
    registry=REGISTRY,
)
LIVE_DELAY_SECONDS = Histogram(
    "livetally_live_delay_seconds",
    "From a commit to its changes being handed to the open streams.",
    buckets=_FAST_S,
    registry=REGISTRY,
)
CONNECTIONS = Gauge(
    "livetally_connections", "Open connections, live streams among them.", registry=REGISTRY
)
CONNECTIONS_REFUSED = Counter(
    "livetally_connections_refused",
    "Connections refused because all places were taken.",
    registry=REGISTRY,
)
ANSWERS = Counter(
    "livetally_answers",
    "Answered requests by the class of their status: 2xx, 3xx, 4xx, 5xx.",
    ["status"],
    registry=REGISTRY,
)
RETIRED_EVENTS = Counter(
    "livetally_retired_events", "Events that have grown too old and are gone.", registry=REGISTRY
)
DEFECTS = Counter(
    "livetally_defects",
    "Errors that nobody foresaw, by what they ended for the moment.",
    ["loop"],
    registry=REGISTRY,
)
THINNED_EVENTS = Counter(
    "livetally_thinned_events",
    "Events that keep only what fields declare of what was sent.",
    registry=REGISTRY,
)
BACKUPS = Counter(
    "livetally_backups", "Backups by how they ended: done, failed.", ["outcome"], registry=REGISTRY
)
BACKUP_SECONDS = Histogram(
    "livetally_backup_seconds",
    "From a backup's begin to its end.",
    buckets=(1, 5, 15, 60, 300, 900, 3_600, 14_400),
    registry=REGISTRY,
)
BACKUP_AGE_SECONDS = Gauge(
    "livetally_backup_age_seconds",
    "Since the newest backup on schedule was taken; -1 when there is none.",
    registry=REGISTRY,
)
BACKUP_AGE_SECONDS.set(-1)
REQUEST_SECONDS = Durations(
    "livetally_request_seconds",
    "From a request's headers to the first byte of its answer, by the kind of its path.",
    ["kind"],
    buckets=_FAST_S,
    registry=REGISTRY,
)
WAITING_QUERIES = Gauge(
    "livetally_waiting_queries", "Questions that wait or run.", registry=REGISTRY
)
STORE_MERGES = Gauge(
    "livetally_store_merges", "Merges of parts that are under way.", registry=REGISTRY
)
STORE_CHANGES = Gauge(
    "livetally_store_changes",
    "Changes of parts that are not finished: columns, projections, erasures.",
    registry=REGISTRY,
)
MEMORY_BYTES = Gauge(
    "livetally_memory_bytes", "Memory that the process has in use.", registry=REGISTRY
)
STORE_PARTS = Gauge(
    "livetally_store_parts", "Parts that the event store reads from.", registry=REGISTRY
)
STORE_BYTES = Gauge("livetally_store_bytes", "Bytes of those parts on disk.", registry=REGISTRY)
DISK_FREE_BYTES = Gauge(
    "livetally_disk_free_bytes", "Bytes that the event store's disk has left.", registry=REGISTRY
)
SINK_LAG_POSITIONS = Gauge(
    "livetally_sink_lag_positions",
    "Commits that a sink's table is behind the store.",
    ["team", "sink"],
    registry=REGISTRY,
)
SINK_LAG_SECONDS = Gauge(
    "livetally_sink_lag_seconds",
    "Since the oldest commit that a sink's table lacks; 0 when it lacks none.",
    ["team", "sink"],
    registry=REGISTRY,
)
SINK_FAILURES = Counter(
    "livetally_sink_failures",
    "Rounds of a sink that failed and will be tried again.",
    ["team", "sink"],
    registry=REGISTRY,
)

ALERTS = Gauge(
    "livetally_alerts", "Alerts by state: ok, pending, firing.", ["state"], registry=REGISTRY
)
ALERT_MESSAGES = Counter(
    "livetally_alert_messages",
    "Attempts to deliver a message, by what became of it: delivered, again, given_up.",
    ["outcome"],
    registry=REGISTRY,
)
SOURCE_RUNS = Counter(
    "livetally_source_runs",
    "Ended runs of a source by how: good, failed.",
    ["team", "source", "outcome"],
    registry=REGISTRY,
)
SOURCE_RECORDS = Counter(
    "livetally_source_records",
    "Records of a source by what became of them: stored, duplicate, rejected.",
    ["team", "source", "outcome"],
    registry=REGISTRY,
)
SOURCE_LAST_OK_TIMESTAMP_SECONDS = Gauge(
    "livetally_source_last_ok_timestamp_seconds",
    "When the last good run of a source ended here, since 1970.",
    ["team", "source"],
    registry=REGISTRY,
)
SOURCE_WORKERS = Gauge(
    "livetally_source_workers", "Workers that were heard of lately.", registry=REGISTRY
)
SOURCE_WORKERS_LOST = Counter(
    "livetally_source_workers_lost",
    "Workers that fell silent in the middle of a run; another one got it.",
    registry=REGISTRY,
)


def memory_bytes() -> int:
    """Return how much memory the process has in use; the most it ever had, where none tells.

    Raises:
        OSError, ValueError: the system can't be asked.
    """
    file = Path("/proc/self/statm")
    if file.exists():
        return int(file.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
