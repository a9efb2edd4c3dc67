"""From a decoded request to an acknowledged commit: preparing, admitting, writing."""

from __future__ import annotations

from livetally.ingest.accept import Intake, IntakeLimits, deliver_to
from livetally.ingest.batch import Batch, Kept, Schema
from livetally.ingest.commits import (
    CAUGHT_UP_S_MAX,
    Commits,
    Deliver,
    Notice,
    Outcome,
    Receipt,
    WriterLimits,
)
from livetally.ingest.dedupe import Differing, Sorted, sort_out
from livetally.ingest.gather import Asker, Share, Tell
from livetally.ingest.recovery import Part, recover, replay, steps
from livetally.ingest.rows import Places, joined_rows, touched_slots
from livetally.ingest.tally import Accepted
from livetally.ingest.writer import Writer

__all__ = [
    "CAUGHT_UP_S_MAX",
    "Accepted",
    "Asker",
    "Batch",
    "Commits",
    "Deliver",
    "Differing",
    "Intake",
    "IntakeLimits",
    "Kept",
    "Notice",
    "Outcome",
    "Part",
    "Places",
    "Receipt",
    "Schema",
    "Share",
    "Sorted",
    "Tell",
    "Writer",
    "WriterLimits",
    "deliver_to",
    "joined_rows",
    "recover",
    "replay",
    "sort_out",
    "steps",
    "touched_slots",
]
