"""Server-sent events: the cases that the specification names."""

from __future__ import annotations

import pytest

from livetally.client.frames import Frame, FrameParser


def frames(body: bytes) -> list[Frame]:
    """Parse one connection's bytes."""
    return FrameParser().feed(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: a\n\n", [Frame("message", "a", "")]),
        (b"data:a\ndata: b\n\n", [Frame("message", "a\nb", "")]),
        (b"data\n\n", [Frame("message", "", "")]),
        (b"data\ndata\n\n", [Frame("message", "\n", "")]),
        (b"data:  a\n\n", [Frame("message", " a", "")]),
        (b"event: x\ndata: 1\n\ndata: 2\n\n", [Frame("x", "1", ""), Frame("message", "2", "")]),
        (
            b"id: 5\ndata: a\n\ndata: b\n\n",
            [Frame("message", "a", "5"), Frame("message", "b", "5")],
        ),
        (b": comment\ndata: a\n\n", [Frame("message", "a", "")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Frame("message", "a", "")]),
        (b"event: x\n\ndata: a\n\n", [Frame("message", "a", "")]),
        (b"data: a\n", []),
        (b"data: a\r\rdata: b\r\n\r\n", [Frame("message", "a", ""), Frame("message", "b", "")]),
    ],
    ids=repr,
)
def test_a_stream_is_read_as_the_specification_says(body: bytes, expected: list[Frame]) -> None:
    """Lines, fields, comments and the byte order mark."""
    assert frames(body) == expected


def test_an_id_alone_moves_the_place_to_resume_from() -> None:
    """A heartbeat has an id and no data."""
    parser = FrameParser("e.1")
    assert parser.feed(b"id: e.2\n") == []
    assert parser.last_event_id == "e.1"
    assert parser.feed(b"\n") == []
    assert parser.last_event_id == "e.2"


def test_an_id_with_nul_is_ignored_and_an_empty_one_counts() -> None:
    """As the specification says."""
    parser = FrameParser("e.1")
    parser.feed(b"id: a\0b\n\n")
    assert parser.last_event_id == "e.1"
    parser.feed(b"id\n\n")
    assert parser.last_event_id == ""


@pytest.mark.parametrize(
    ("text", "retry_ms"), [(b"1500", 1500), (b"x", None), (b"1.5", None), (b"", None)], ids=repr
)
def test_retry_is_a_number_of_milliseconds(text: bytes, retry_ms: int | None) -> None:
    """Anything else is ignored."""
    parser = FrameParser()
    parser.feed(b"retry: " + text + b"\n\n")
    assert parser.retry_ms == retry_ms


def test_a_line_in_many_pieces_costs_no_more_than_its_length() -> None:
    """A megabyte in pieces of 16 bytes is joined once."""
    parser = FrameParser()
    parser.feed(b"data: ")
    for _ in range(65_536):
        assert parser.feed(b"0123456789abcdef") == []
    (frame,) = parser.feed(b"\n\n")
    assert len(frame.data) == 65_536 * 16
