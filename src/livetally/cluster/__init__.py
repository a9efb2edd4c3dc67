"""Beyond one machine: a log that acknowledges, loaders that fill the store, words between them.

In the flow: stands where the writer of one machine stands; wired by ``server``.
Guarantee: any number of processes, started in any order, find each other through the log, the store
and the catalog alone; whichever of them dies, what was acknowledged counts exactly once.

    log.py         one JetStream stream, and small facts beside it; reading.py reads it in order
    frames.py      what stands in it, as bytes
    parts.py       batches become messages
    log_writer.py  publishes, and gives receipts
    words.py       hears loaders: up to where answers are complete
    loader.py      from the log into the store, one process for each partition
    ahead.py       what it has read; storing.py what it makes of it; notes.py what it leaves behind
    copies.py      publishes what is stored for other programs
    lease.py       which process that is
    replay.py      what was stored elsewhere is published again
    care.py        that the log keeps what it acknowledges, and not for ever
"""

from __future__ import annotations

from livetally.cluster.lease import Lease
from livetally.cluster.loader import Loader, Place
from livetally.cluster.log import Log, LogPlan, open_log
from livetally.cluster.log_writer import LogWriter
from livetally.cluster.parts import Work
from livetally.cluster.replay import Group, Replay, Step
from livetally.cluster.words import Words

__all__ = [
    "Group",
    "Lease",
    "Loader",
    "Log",
    "LogPlan",
    "LogWriter",
    "Place",
    "Replay",
    "Step",
    "Words",
    "Work",
    "open_log",
]
