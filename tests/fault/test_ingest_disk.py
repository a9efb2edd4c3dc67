"""A disk that fails or is full: nothing is acknowledged any more, the process says why and ends."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fault.ingest_checker import check_statistics, check_store
from tests.fault.ingest_kills import definition
from tests.fault.ingest_needs import failing_fsync, small_disk
from tests.fault.ingest_process import Answer, Fault, FaultyServer
from tests.fault.ingest_senders import Ledger

_TRIES = 400


def _send(server: FaultyServer, ledger: Ledger, names: list[str], pad: str = "") -> Answer | None:
    """Send events of these ids once; None when the server has gone."""
    events = [ledger.event(name) for name in names]
    for event in events:
        event["data"]["pad"] = pad
    ledger.sent.update((event["id"], event) for event in events)
    try:
        answer = server.request("POST", "/v1/events", json.dumps(events))
    except (OSError, http.client.HTTPException):
        return None
    if answer.status == 200:
        ledger.acknowledge(events, answer, ledger.position)
    return answer


def _send_until_refused(server: FaultyServer, ledger: Ledger, pad: str = "") -> Answer | None:
    for number in range(_TRIES):
        answer = _send(server, ledger, [f"a{number}-{i}" for i in range(5)], pad)
        if answer is None or answer.status != 200:
            return answer
    raise AssertionError("every batch was acknowledged")


def _is_refused_and_explained(server: FaultyServer, answer: Answer | None) -> None:
    """The first refused batch got a problem with Retry-After; then the process ended by itself."""
    assert answer is not None
    assert answer.status == 503
    assert answer.body["title"] in ("Not durable", "Store failed")
    assert int(answer.headers["retry-after"]) > 0
    assert server.wait(30) == 1
    log = server.log.read_text()
    assert "can't be made durable; mend the disk" in log
    assert "Traceback" not in log


def _recovers(server: FaultyServer, ledger: Ledger, pad: str = "") -> None:
    """A healthy server has what was acknowledged, and takes the rest by the same ids, once."""
    assert server.start()
    check_store(server, ledger)
    names = sorted(ledger.sent)
    for first in range(0, len(names), 5):
        answer = _send(server, ledger, names[first : first + 5], pad)
        assert answer is not None
        assert answer.status == 200
    assert ledger.acknowledged == ledger.sent.keys()
    check_statistics(server, check_store(server, ledger), ledger.seed)
    assert server.stop() == 0


def _define(server: FaultyServer) -> None:
    assert server.start()
    assert server.request("PUT", "/v1/definitions/shop", definition(), "toml").status == 200
    assert server.stop() == 0


def test_a_failing_fsync_ends_acknowledgement_and_the_process(
    tmp_path: Path, program: Callable[..., str]
) -> None:
    """The batch whose fsync fails is refused, the process exits 1, and a restart has the rest."""
    ledger = Ledger(1)
    with FaultyServer(tmp_path) as server:
        _define(server)
        assert server.start()
        before = _send(server, ledger, ["b1", "b2"])
        assert before is not None
        assert before.status == 200
        with failing_fsync(server.pid, program("strace")):
            answer = _send(server, ledger, ["c1", "c2"])
            _is_refused_and_explained(server, answer)
        assert "Cannot fsync" in server.log.read_text()
        _recovers(server, ledger)


def test_without_fsync_nobody_notices_that_it_fails(
    tmp_path: Path, program: Callable[..., str]
) -> None:
    """A table made without fsync acknowledges all: the test above fails when fsync is taken out."""
    ledger = Ledger(1)
    with FaultyServer(tmp_path) as server:
        assert server.start(Fault("skip fsync"))
        with failing_fsync(server.pid, program("strace")):
            answer = _send(server, ledger, ["c1", "c2"])
            assert answer is not None
            with pytest.raises(AssertionError, match="200 == 503"):
                _is_refused_and_explained(server, answer)


@pytest.mark.parametrize("attempt", ["whole batches", "large events"])
def test_a_full_disk_ends_acknowledgement_and_the_process(tmp_path: Path, attempt: str) -> None:
    """On a full disk nothing is acknowledged; with room again nothing is lost or doubled."""
    ledger = Ledger(2)
    pad = "p" * (20 if attempt == "whole batches" else 200_000)
    with small_disk(tmp_path / "disk", 300) as disk:
        ballast = disk / "ballast"
        with FaultyServer(tmp_path, data=disk / "data") as server:
            _define(server)
            assert server.start()
            answer = _send(server, ledger, ["b1", "b2"], pad)
            assert answer is not None
            assert answer.status == 200
            _fill(ballast)
            _is_refused_and_explained(server, _send_until_refused(server, ledger, pad))
            ballast.unlink()
            _recovers(server, ledger, pad)


def _fill(ballast: Path) -> None:
    """Take all the room there is."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
