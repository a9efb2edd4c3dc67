"""Times of more than six fractional digits: cut off whichever way they are sent, never rounded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from livetally.event import (
    Decoded,
    Incoming,
    decode_binary,
    decode_json,
    decode_lines,
    decode_structured,
)

LAST = datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC)
SENT = [
    "2026-03-01T23:59:59.999999Z",
    "2026-03-01T23:59:59.9999995Z",
    "2026-03-01t23:59:59.999999999z",
    "2026-03-01T23:59:59.9999999999999999999999Z",
    "2026-03-02T00:59:59.9999999+01:00",
    "2026-03-01T23:59:59\\u002e9999999Z",
    "2026-03-01T23:59\\u003a59.9999999Z",
    "2026-03-01T23:59:59.99999\\u0039\\u0039Z",
]


def event(time: str, more: str = "") -> bytes:
    """Return an event with this time; what is in its data is none."""
    data = '{"at":"23:59:59.9999999","lat":59.99999999,"time":"00:00:00.00000009"}'
    return f'{{"id":"1","type":"a",{more}"data":{data},"time":"{time}"}}'.encode()


def times(decoded: Decoded) -> list[datetime | None]:
    """Return the times of events of which none was rejected."""
    assert decoded.rejected == []
    return [event.time for event in decoded.events]


@pytest.mark.parametrize("sent", SENT)
def test_the_time_of_an_event_is_cut_off(sent: str) -> None:
    """On a line, in an array, alone, beside a bad item: the last microsecond of the day stays."""
    one = event(sent)
    other = event("2026-03-01T23:59:59Z")
    untimed = b'{"type":"a"}'
    expected = [datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC), LAST, None]
    assert times(decode_lines(b"\n".join([other, one, untimed]))) == expected
    assert times(decode_json(b"[" + b",".join([other, one, untimed]) + b"]")) == expected
    assert times(decode_json(one)) == [LAST]
    assert decode_lines(b"nope\n" + one).events[0].time == LAST
    assert decode_json(b"[5," + one + b"]").events[0].time == LAST


@pytest.mark.parametrize("sent", SENT)
def test_the_time_of_a_cloudevent_is_cut_off(sent: str) -> None:
    """In every mode that CloudEvents have."""
    one = event(sent, '"specversion":"1.0","source":"s",')
    events, _, _ = decode_structured(one, batch=False)
    events += decode_structured(b"[" + one + b"]", batch=True)[0]
    events += decode_json(one).events
    assert [event.time for event in events] == [LAST] * 3
    plain = sent.encode().decode("unicode-escape")
    headers = {"specversion": "1.0", "id": "1", "source": "s", "type": "a", "time": plain}
    binary = decode_binary([(f"ce-{k}".encode(), v.encode()) for k, v in headers.items()], b"{}")
    assert isinstance(binary, Incoming)
    assert binary.time == LAST


def test_of_two_times_the_last_one_counts_as_ever() -> None:
    """The second reading takes the same one as the first."""
    twice = b'{"type":"a","time":"2026-01-01T00:00:00.0000009Z","time":"2026-03-01T00:00:00Z"}'
    assert times(decode_lines(twice)) == [datetime(2026, 3, 1, tzinfo=UTC)]
