"""Times of more than six fractional digits are cut off, as a file's or a mapping's are.

In the flow: asked by ``event.decode`` and ``event.cloudevents`` about what they have decoded.
Guarantee: a time is never later than its sender said: the decoder rounds, and 23:59:59.9999999
would be the next day.

Few senders write a seventh digit. The bytes are searched for one, and the times are read a second
time, as texts, only when it is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from livetally.event.model import Incoming

__all__ = ["cut_array", "cut_item", "cut_items", "cut_lines"]

# Begins with a plain point, because that is looked for fastest.
_SEVENTH = re.compile(rb"\.(?<=[0-9]:[0-9]{2}\.)[0-9]{7}")
# A point, a digit or a colon can be written with an escape.
_ESCAPED = re.compile(rb"\\u00(?:2[eE]|3[0-9aA])")
_FINER = re.compile(r"(\.[0-9]{6})[0-9]+")


class _Timed(msgspec.Struct, gc=False):
    time: str | None = None


_one = msgspec.json.Decoder(_Timed)
_many = msgspec.json.Decoder(list[_Timed])


def cut_lines(events: Sequence[Incoming], chunk: bytes) -> None:
    """Cut the times of ``events`` off, which are those of the lines of ``chunk``."""
    if _may_be_finer(chunk):
        _cut(events, _one.decode_lines(chunk))


def cut_array(events: Sequence[Incoming], body: bytes) -> None:
    """Cut the times of ``events`` off, which are those of the array ``body``."""
    if _may_be_finer(body):
        _cut(events, _many.decode(body))


def cut_item(event: Incoming, item: bytes) -> None:
    """Cut the time of ``event`` off, which is that of the object ``item``."""
    if _may_be_finer(item):
        _cut([event], [_one.decode(item)])


def cut_items(events: Sequence[Incoming], items: Sequence[bytes], joined: bytes) -> None:
    """Cut the times of ``events`` off, each that of one of ``items``, which are ``joined``."""
    if _may_be_finer(joined):
        _cut(events, map(_one.decode, items))


def _may_be_finer(text: bytes) -> bool:
    """Tell cheaply whether any time needs a closer look: one byte is found faster than two."""
    return (b"." in text and _SEVENTH.search(text) is not None) or (
        b"\\" in text and _ESCAPED.search(text) is not None
    )


def _cut(events: Sequence[Incoming], sent: Iterable[_Timed]) -> None:
    for event, one in zip(events, sent, strict=True):
        if one.time is not None and _FINER.search(one.time):
            event.time = msgspec.convert(_FINER.sub(r"\1", one.time), datetime)
