"""From a decoded request to an acknowledged commit: preparing, admitting, writing."""

from __future__ import annotations

from livetally.ingest.accept import Intake, IntakeLimits, deliver_to
from livetally.ingest.batch import Batch, Schema
from livetally.ingest.commits import Commits, Notice, WriterLimits
from livetally.ingest.tally import Accepted
from livetally.ingest.writer import Writer

__all__ = [
    "Accepted",
    "Batch",
    "Commits",
    "Intake",
    "IntakeLimits",
    "Notice",
    "Schema",
    "Writer",
    "WriterLimits",
    "deliver_to",
]
