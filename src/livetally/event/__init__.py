"""What an event is: its members, its identity, and how bytes become events or rejections."""

from __future__ import annotations

from livetally.event.cloudevents import decode_binary, decode_structured
from livetally.event.decode import Decoded, decode_bodies, decode_json, decode_lines
from livetally.event.identity import content_sums, identity_keys, new_id, new_ids
from livetally.event.limits import EventLimits, Within, check_limits, instant_us
from livetally.event.model import EMPTY_DATA, Incoming, Position, Rejection
from livetally.event.sameness import says_the_same

__all__ = [
    "EMPTY_DATA",
    "Decoded",
    "EventLimits",
    "Incoming",
    "Position",
    "Rejection",
    "Within",
    "check_limits",
    "content_sums",
    "decode_binary",
    "decode_bodies",
    "decode_json",
    "decode_lines",
    "decode_structured",
    "identity_keys",
    "instant_us",
    "new_id",
    "new_ids",
    "says_the_same",
]
