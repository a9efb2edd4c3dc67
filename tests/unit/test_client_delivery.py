"""A batch is sent until the fate of every event is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest

from livetally.client import ApiError, Call, Client, Receipt, Unreachable
from livetally.errors import (
    BodyTooLarge,
    LivetallyError,
    Overloaded,
    QuotaExceeded,
    Unauthenticated,
)
from tests.client_fakes import (
    AT_ONCE,
    FakeServer,
    Step,
    answering,
    busy,
    drop_after,
    drop_before,
    problem,
    take,
)


def client_of(server: FakeServer) -> Client:
    """Return a client of the fake server that retries at once."""
    return Client("http://fake", "lt_key", transport=server.transport, retry=AT_ONCE)


def events(count: int, **data: Any) -> list[dict[str, Any]]:
    """Return events with the ids e0, e1 and so on."""
    return [{"type": "tap", "id": f"e{i}", "data": {"n": i, **data}} for i in range(count)]


def test_a_receipt_tells_what_became_of_the_events() -> None:
    """Stored, duplicates and position come from the server's answer."""
    server = FakeServer()
    with client_of(server) as client:
        assert client.send_now(events(3)) == Receipt(1, 3, 0)
        assert client.send_now(events(4)) == Receipt(2, 1, 3)


def test_nothing_to_send_asks_nobody() -> None:
    """An empty batch makes no request."""
    server = FakeServer()
    with client_of(server) as client:
        assert client.send_now([]) == Receipt(0, 0, 0)
    assert server.requests == []


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_ids() -> None:
    """After every kind of interruption each event is stored once."""
    server = FakeServer(
        [drop_before, drop_after, busy(503, retry_after="0"), busy(429), busy(502), busy(500)]
    )
    with client_of(server) as client:
        receipt = client.send_now([{"type": "tap"} for _ in range(5)])
    assert len(server.requests) == 7
    assert len({request.content for request in server.requests}) == 1
    assert (receipt.stored, receipt.duplicates) == (0, 5)
    assert len(server.stored) == 5


def test_a_body_that_is_too_large_is_halved_until_it_fits() -> None:
    """Every event arrives, and the receipt is the sum."""
    server = FakeServer(lines_max=3)
    with client_of(server) as client:
        receipt = client.send_now(events(10))
    assert receipt.stored == 10
    assert set(server.stored) == {f"e{i}" for i in range(10)}


def test_a_single_event_that_is_too_large_is_rejected_by_its_index() -> None:
    """The others are stored."""

    def step(server: FakeServer, request: Any) -> Any:
        if b'"n":3,' in request.content:
            server.script.append(step)
            return problem(413, "Body too large", "The body is longer than it may be.")
        server.script.append(step)
        return take(server, request)

    server = FakeServer([step])
    with client_of(server) as client:
        receipt = client.send_now(events(6, pad=""))
    assert receipt.stored == 5
    assert [rejection.index for rejection in receipt.rejected] == [3]


def test_rejections_and_conflicts_are_told_by_index() -> None:
    """A mixed answer accounts for every event."""
    server = FakeServer(refuses=lambda event: "odd" if event["data"]["n"] == 2 else None)
    with client_of(server) as client:
        client.send_now(events(1))
        receipt = client.send_now([*events(1, other=True), *events(4)[1:]])
    assert (receipt.stored, receipt.duplicates, receipt.conflicts) == (2, 0, (0,))
    assert [(one.index, one.field, one.error) for one in receipt.rejected] == [(2, "data", "odd")]


def test_a_batch_without_any_storable_event_is_a_receipt_too() -> None:
    """422 with items is no exception: each event's own fault is told."""
    server = FakeServer(refuses=lambda _event: "no")
    with client_of(server) as client:
        receipt = client.send_now(events(2))
    assert [one.index for one in receipt.rejected] == [0, 1]
    assert receipt.stored == 0


def test_a_list_of_rejections_that_was_cut_off_is_completed() -> None:
    """Events behind the end of the list are asked about again; the counts stay those of once."""
    server = FakeServer(
        listed_max=2, refuses=lambda event: "odd" if event["data"]["n"] % 2 else None
    )
    with client_of(server) as client:
        receipt = client.send_now(events(10))
    assert (receipt.stored, receipt.duplicates) == (5, 0)
    assert [one.index for one in receipt.rejected] == [1, 3, 5, 7, 9]


def test_a_list_of_conflicts_that_was_cut_off_is_completed() -> None:
    """Also where that of rejections is cut off as well: no event is without a word."""
    server = FakeServer(
        listed_max=2,
        refuses=lambda event: "odd" if event["data"]["n"] in (5, 6, 7, 8) else None,
    )
    with client_of(server) as client:
        client.send_now([*events(5), *events(11)[9:]])
        receipt = client.send_now(events(12, other=True))
    assert receipt.conflicts == (0, 1, 2, 3, 4, 9, 10)
    assert [one.index for one in receipt.rejected] == [5, 6, 7, 8]
    assert (receipt.stored, receipt.duplicates) == (1, 0)


def test_a_refusal_of_the_whole_is_raised() -> None:
    """A wrong key is not tried again."""
    server = FakeServer([lambda _s, _r: problem(401, "Key needed", "The key is unknown.")])
    with client_of(server) as client, pytest.raises(Unauthenticated):
        client.send_now(events(1))
    assert len(server.requests) == 1


def test_a_request_that_breaks_the_server_is_given_up() -> None:
    """After six answers 500 the error is raised, though there is time left."""
    server = FakeServer([busy(500)] * 20)
    with client_of(server) as client, pytest.raises(ApiError):
        client.send_now(events(1))
    assert len(server.requests) == 6


def test_a_server_that_stays_away_is_given_up_when_the_time_is_over() -> None:
    """With no time at all the first failure is raised; it says where and why."""
    with (
        client_of(FakeServer([drop_before])) as client,
        pytest.raises(Unreachable, match="http://fake: connection refused"),
    ):
        client.send_now(events(1), timeout_s=-1)


def test_a_wait_longer_than_the_time_left_is_not_waited() -> None:
    """A quota that opens in an hour is told at once."""
    server = FakeServer([busy(429, retry_after="3600")])
    with client_of(server) as client, pytest.raises(QuotaExceeded) as caught:
        client.send_now(events(1))
    assert caught.value.retry_after_s == 3600


def test_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause before the next attempt is what the server asked for."""
    waits: list[float] = []
    server = FakeServer([busy(503, retry_after="7")])
    with client_of(server) as client:
        lines = [msgspec.json.encode(event) for event in events(1)]
        client.send_lines(lines, pause=waits.append)
    assert waits == [7.0]


def test_the_key_and_the_team_are_headers_and_nothing_else() -> None:
    """Neither is in an address, a body or a representation."""
    server = FakeServer()
    with Client("http://fake/", "lt_secret", team="blue", transport=server.transport) as client:
        client.send_now(events(1))
        assert "lt_secret" not in repr(client)
    request = server.requests[0]
    assert request.headers["authorization"] == "Bearer lt_secret"
    assert request.headers["x-livetally-team"] == "blue"
    assert str(request.url) == "http://fake/v1/events"
    assert b"lt_secret" not in request.content


def test_conflicts_may_be_listed_as_bare_indexes() -> None:
    """Conflicts may be listed as numbers or as objects with an index."""
    body = b'{"position":3,"stored":0,"duplicates":1,"rejected":[],"conflicts":[1]}'
    with client_of(FakeServer(answering([body]))) as client:
        assert client.send_now(events(2)).conflicts == (1,)


def test_one_event_over_the_limit_is_not_halved_for_ever() -> None:
    """A batch of one that is too large is rejected with the server's reason."""
    server = FakeServer(lines_max=0)
    with client_of(server) as client:
        receipt = client.send_now(events(1))
    assert receipt.rejected[0].error == "The body is longer than it may be."
    assert BodyTooLarge.__name__ not in receipt.rejected[0].error


def test_the_lines_of_a_long_answer_come_as_they_are() -> None:
    """Cut anywhere, with or without an end of the last line."""

    def pieces() -> Iterator[bytes]:
        yield b"on"
        yield b"e\ntwo\n\nthr"
        yield b"ee"

    server = FakeServer([lambda _server, _request: httpx2.Response(200, content=pieces())])
    with client_of(server) as client:
        assert list(client.lines(Call("POST", "/v1/verify"))) == [b"one", b"two", b"", b"three"]


@pytest.mark.parametrize(
    ("step", "error"), [(drop_before, Unreachable), (busy(503), Overloaded)], ids=["lost", "busy"]
)
def test_a_long_answer_that_does_not_come_is_an_error(
    step: Step, error: type[LivetallyError]
) -> None:
    """The call is made once."""
    server = FakeServer([step])
    with client_of(server) as client, pytest.raises(error):
        list(client.lines(Call("POST", "/v1/verify")))
    assert len(server.requests) == 1
