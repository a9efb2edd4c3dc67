"""The parser of server-sent events, for every way of cutting and ending the lines of a stream."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from livetally.client.frames import Frame, FrameParser

ENDS = st.sampled_from(["\n", "\r", "\r\n"])
TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=12)
NAMES = st.sampled_from(["data", "event", "id", "retry", "", "unknown"])
LINES = st.lists(
    st.one_of(
        st.tuples(NAMES, st.sampled_from([":", ": ", ""]), TEXT).map("".join),
        st.just(""),
        TEXT.map(":".__add__),
    ),
    max_size=20,
)
STREAMS = st.tuples(st.booleans(), LINES, st.lists(ENDS, min_size=20, max_size=20)).map(
    lambda parts: (
        ("\ufeff" * parts[0])
        + "".join(line + end for line, end in zip(parts[1], parts[2], strict=False))
    )
)


def parse(chunks: list[bytes]) -> tuple[list[Frame], str, int | None]:
    """Feed the chunks; return the frames, the last id and the retry time."""
    parser = FrameParser()
    frames = [frame for chunk in chunks for frame in parser.feed(chunk)]
    return frames, parser.last_event_id, parser.retry_ms


def specified(text: str) -> tuple[list[Frame], str, int | None]:
    """Interpret a whole stream by the words of the specification, one line after the other."""
    body = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    frames: list[Frame] = []
    data, event, last_id, id_buffer, retry = "", "", "", "", None
    for line in body.split("\n")[:-1]:
        if line == "":
            last_id = id_buffer
            if data != "":
                frames.append(Frame(event or "message", data.removesuffix("\n"), id_buffer))
            data, event = "", ""
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                event = value
            elif field == "data":
                data += value + "\n"
            elif field == "id":
                id_buffer = value
            elif field == "retry" and value and all("0" <= c <= "9" for c in value):
                retry = int(value)
    return frames, last_id, retry


@given(STREAMS)
def test_a_stream_means_what_the_specification_says(text: str) -> None:
    """Frames, last id and retry time equal a plain reading of the specification."""
    assert parse([text.encode()]) == specified(text)


@given(STREAMS, st.lists(st.integers(0, 400), max_size=10))
def test_where_a_stream_is_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    """Also in the middle of a letter, or between CR and LF."""
    body = text.encode()
    places = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    chunks = [body[a:b] for a, b in itertools.pairwise(places)]
    assert parse(chunks) == parse([body])
    assert parse([body[i : i + 1] for i in range(len(body))]) == parse([body])


@given(st.binary(max_size=200))
def test_any_bytes_are_read(body: bytes) -> None:
    """What is no UTF-8 is replaced; nothing raises, and cuts make no difference."""
    assert parse([body]) == parse([body[i : i + 1] for i in range(len(body))])


@given(STREAMS, st.integers(0, 400))
def test_a_stream_that_breaks_off_hands_on_complete_frames_only(text: str, cut: int) -> None:
    """What was read of a cut stream is the beginning of the whole."""
    body = text.encode()
    frames, _, _ = parse([body[:cut]])
    assert parse([body])[0][: len(frames)] == frames
