"""What an error's answer says, and what it keeps to itself."""

from __future__ import annotations

import pytest

from livetally.api.problem import problem_body
from livetally.errors import BadInput, StoreFailed
from livetally.store.events.engine import EngineError, refusal

SAID = "Code: 43. DB::Exception: Illegal types in scope SELECT subject FROM livetally.events"


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        (
            "The index can't be read: IO error: While open: /srv/data/identities/12.sst: gone.",
            "The index can't be read: IO error: While open: …: gone.",
        ),
        ("Somebody writes to './livetally-data/backups'.", "Somebody writes to '…'."),
        ("The disk is full (/srv/data/events).", "The disk is full (…)."),
        ("http://127.0.0.1:8123/ does not answer.", "http://127.0.0.1:8123/ does not answer."),
        ("Other processes change it; try again.", "Other processes change it; try again."),
    ],
)
def test_no_path_of_the_server_is_told(message: str, detail: str) -> None:
    """Drivers name their files in what they say; only the server's log repeats it."""
    assert problem_body(StoreFailed(message))["detail"] == detail


def test_what_the_client_sent_is_told_as_it_was() -> None:
    """A path in a client's own mistake is the client's."""
    told = problem_body(BadInput("q", "'entities/x' can't be asked live"))
    assert told["detail"] == "q: 'entities/x' can't be asked live"


def test_the_engines_words_stay_in_the_log() -> None:
    """They may hold the statement; its number is enough to find them."""
    error = refusal(SAID)
    assert "SELECT" in error.message
    body = problem_body(error)
    assert (body["status"], body["title"]) == (503, "Store failed")
    assert "SELECT" not in body["detail"]
    assert "43" in body["detail"]
    own = EngineError("The event store can't be reached: Connection refused")
    assert problem_body(own)["detail"] == own.message
