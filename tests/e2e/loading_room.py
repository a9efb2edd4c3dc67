"""Loads a file into a server in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livetally.cli.load.kinds import Kind
from livetally.cli.load.loading import Job, Loaded, load
from livetally.cli.load.shape import Shape
from livetally.client import Client
from tests.client_fakes import AT_ONCE, FakeServer

__all__ = ["job_of", "load_file", "numbers"]


def job_of(
    path: Path, form: str = "csv", declared: Mapping[str, Kind] | None = None, **shape: Any
) -> Job:
    """Return the job of a file whose rows are taps."""
    made = Shape(**{"type": "tap", "source": "import", **shape})
    return Job(path, form, made, declared or {}, "http://fake", None, patience_s=5)


def load_file(server: FakeServer, job: Job) -> Loaded:
    """Do a job."""
    with Client("http://fake", transport=server.transport, retry=AT_ONCE) as client:
        return load(job, client)


def numbers(server: FakeServer) -> list[int]:
    """Return the numbers that are stored, in the order in which they were."""
    return [event["data"]["n"] for event in server.stored.values()]
