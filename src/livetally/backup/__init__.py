"""Backups: everything that is kept, as files that are checked, and the way back from them.

In the flow: run by ``server`` beside the writer; put back by ``cli restore`` without a server.
Guarantee: a backup is true at one position; a half one is never taken for a whole one.
"""

from __future__ import annotations

from livetally.backup.bucket import BucketPlace
from livetally.backup.manifest import Erasure, Manifest, Part, StoredFile
from livetally.backup.place import LocalPlace, Place, open_place
from livetally.backup.restoring import Restored, Target, Wanted, restore
from livetally.backup.retention import Retention, backups_in, prune
from livetally.backup.running import Backups, Job, Plan
from livetally.backup.taking import Progress, Source, Taken, take

__all__ = [
    "Backups",
    "BucketPlace",
    "Erasure",
    "Job",
    "LocalPlace",
    "Manifest",
    "Part",
    "Place",
    "Plan",
    "Progress",
    "Restored",
    "Retention",
    "Source",
    "StoredFile",
    "Taken",
    "Target",
    "Wanted",
    "backups_in",
    "open_place",
    "prune",
    "restore",
    "take",
]
