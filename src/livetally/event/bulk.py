"""Many numbers and times are read at once, out of the text that they stand in.

In the flow: called by ``event.alike`` and ``ingest.alike`` with where the values stand.
Guarantee: what is told to be readable has exactly the value that the decoder gives it; what is not
may still be valid, and is to be looked at by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from livetally.event.line_shape import DIGITS_MAX
from livetally.event.texts import Chars, SameSize

__all__ = ["POWERS", "Bools", "Ints", "Numbers", "Text", "instants", "numbers"]

Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

_MARGIN = 256
"""Bytes that a ``Text`` has before and after itself, so that a window may begin or end outside."""

_ZERO, _NINE, _POINT, _MINUS = b"0"[0], 9, b"."[0], b"-"[0]
_NUMBER_MAX = DIGITS_MAX + 2  # with a sign and a point
_SECONDS_END = 19  # of 2026-03-29T12:00:00
_MARK_PLACES = [4, 7, 10, 13, 16]
_MARKS = np.frombuffer(b"--T::", np.uint8)
_DIGIT_PLACES = [place for place in range(_SECONDS_END) if place not in _MARK_PLACES]
_OFFSET_CHARS = 6  # +02:00
_FRACTION_MAX = 6
_MONTHS, _FEBRUARY, _DAY_HOURS, _SIXTY = 12, 2, 24, 60
_DAYS_BEFORE_1970 = 719_162  # of year 1 to 1969
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_DAYS_BEFORE_MONTH = np.concatenate([[0], np.cumsum(_MONTH_DAYS)[:-1]])
POWERS = 10 ** np.arange(DIGITS_MAX + 1, dtype=np.int64)
"""Of ten, as many as fit."""
_COLUMNS = np.arange(_MARGIN, dtype=np.uint8)


class Text:
    """A text of which many pieces of like length are looked at."""

    def __init__(self, text: bytes) -> None:
        """Copy ``text``, with a margin on either side; places are those of the text itself."""
        margin = bytes(_MARGIN)
        self._padded = margin + text + margin
        self._text = text
        self.chars: Chars = np.frombuffer(text, np.uint8)

    def windows(self, begins: Ints, size: int) -> Chars:
        """Return ``size`` characters from each begin, as rows; up to a margin may be outside.

        One copy for each row, not for each character.
        """
        whole: npt.NDArray[np.void] = np.ndarray(
            (len(self._padded) - size + 1,), f"V{size}", self._padded, strides=(1,)
        )
        return whole[begins + _MARGIN].view(np.uint8).reshape(len(begins), size)

    def pieces(self, begins: Ints, ends: Ints) -> Sequence[bytes]:
        """Return what stands between ``begins`` and ``ends``; there is no NUL in it."""
        sizes = ends - begins
        size = int(sizes.max(initial=0))
        if not 0 < size < _MARGIN:
            places = zip(begins.tolist(), ends.tolist(), strict=True)
            return [self._text[begin:end] for begin, end in places]
        rows = self.windows(begins, size)
        if sizes.min() == size:
            return SameSize(rows)
        # What is behind the end becomes NUL, which the array leaves out.
        rows *= _COLUMNS[:size] < sizes.astype(np.uint8)[:, None]
        pieces: list[bytes] = rows.view(f"S{size}").ravel().tolist()
        return pieces


class Numbers(NamedTuple):
    """Plain numbers: ``digits`` without the point, ``places`` of them behind it.

    ``length`` is how many digits there are in all. ``fit`` tells which of the texts are plain JSON
    numbers; the others' values are of no use.
    """

    digits: Ints
    places: Ints
    length: Ints
    negative: Bools
    fit: Bools

    @property
    def is_zero(self) -> Bools:
        """Which of them are zero."""
        zero: Bools = self.digits == 0
        return zero

    def of(self, some: Bools) -> Numbers:
        """Return some of them."""
        return Numbers(
            self.digits[some],
            self.places[some],
            self.length[some],
            self.negative[some],
            self.fit[some],
        )


def numbers(text: Text, begins: Ints, ends: Ints) -> Numbers:
    """Read the numbers between ``begins`` and ``ends``."""
    sizes = ends - begins
    fit = (sizes > 0) & (sizes <= _NUMBER_MAX)
    width = int(min(max(sizes.max(initial=1), 1), _NUMBER_MAX))
    sizes = np.where(fit, sizes, 1)
    begins = np.where(fit, begins, 0)
    ends = begins + sizes
    # Right-aligned: the last column is the last character of each.
    chars = np.ascontiguousarray(text.windows(ends - width, width).T)
    within = sizes >= np.arange(width, 0, -1)[:, None]
    value = chars - _ZERO  # wraps around below it
    is_digit = (value <= _NINE) & within
    is_point = (chars == _POINT) & within
    negative = text.chars[begins] == _MINUS
    # How many digits stand to the right of each character.
    right: Ints = np.cumsum(is_digit[::-1], axis=0)[::-1] - is_digit
    count = right[0] + is_digit[0]
    digits = (value * is_digit * POWERS[np.minimum(right, DIGITS_MAX)]).sum(axis=0)
    places = (right * is_point).sum(axis=0)
    points = is_point.sum(axis=0)
    lead = text.windows(begins + negative, 2) - _ZERO
    fit &= (count + points + negative == sizes) & (count <= DIGITS_MAX) & (points <= 1)
    fit &= (lead[:, 0] <= _NINE) & ((lead[:, 0] > 0) | (lead[:, 1] > _NINE) | (count == 1))
    fit &= is_digit[-1]
    return Numbers(np.where(negative, -digits, digits), places, count, negative, fit)


def instants(text: Text, begins: Ints, ends: Ints) -> tuple[Ints, Bools]:
    """Read times such as ``2026-03-29T12:00:00.5+02:00``: microseconds since 1970, and which fit.

    Source: RFC 3339, section 5.6, as far as every reader takes it: capitals, a full offset, at most
    six digits behind the point, no leap second.
    """
    sizes = ends - begins
    at = np.zeros(len(sizes), np.int64)
    fit = np.zeros(len(sizes), np.bool_)
    for size in np.unique(sizes).tolist():
        if not _SECONDS_END < size <= _SECONDS_END + 1 + _FRACTION_MAX + _OFFSET_CHARS:
            continue
        of_size = sizes == size
        chars = text.windows(begins[of_size], size).T
        at[of_size], fit[of_size] = _instants(np.ascontiguousarray(chars))
    return at, fit


def _instants(chars: Chars) -> tuple[Ints, Bools]:
    """Read times of one length; ``chars`` has a row for each character."""
    size = len(chars)
    value = (chars - _ZERO).astype(np.int64)
    fit = (value[_DIGIT_PLACES] <= _NINE).all(axis=0)
    fit &= (chars[_MARK_PLACES] == _MARKS[:, None]).all(axis=0)

    def pair(place: int) -> Ints:
        two: Ints = value[place] * 10 + value[place + 1]
        return two

    year, month, day = pair(0) * 100 + pair(2), pair(5), pair(8)
    hour, minute, second = pair(11), pair(14), pair(17)
    fit &= (year >= 1) & (month >= 1) & (month <= _MONTHS) & (day >= 1)
    fit &= (hour < _DAY_HOURS) & (minute < _SIXTY) & (second < _SIXTY)
    month = np.where(fit, month, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    fit &= day <= _MONTH_DAYS[month] + (leap & (month == _FEBRUARY))
    past = year - 1
    days = past * 365 + past // 4 - past // 100 + past // 400 - _DAYS_BEFORE_1970
    days += _DAYS_BEFORE_MONTH[month] + (leap & (month > _FEBRUARY)) + day - 1
    at = ((days * 24 + hour) * 60 + minute) * 60 + second
    zulu = chars[size - 1] == ord("Z")
    offset, fraction_end = np.zeros_like(at), np.where(zulu, size - 1, size - _OFFSET_CHARS)
    if not zulu.all() and size >= _SECONDS_END + _OFFSET_CHARS:
        offset, is_offset = _offset(chars[-_OFFSET_CHARS:], value[-_OFFSET_CHARS:])
        fit &= zulu | is_offset
        offset = np.where(zulu, 0, offset)
    elif not zulu.all():
        fit &= zulu
    micro, is_fraction = _fraction(chars, value, fraction_end)
    fit &= is_fraction
    return (at - offset) * 1_000_000 + micro, fit


def _offset(chars: Chars, value: Ints) -> tuple[Ints, Bools]:
    """Read ``+02:00``, seconds."""
    digits = value[[1, 2, 4, 5]]
    hours, minutes = digits[0] * 10 + digits[1], digits[2] * 10 + digits[3]
    east, west = chars[0] == ord("+"), chars[0] == ord("-")
    fit = (digits <= _NINE).all(axis=0) & (chars[3] == ord(":")) & (east | west)
    fit &= (hours < _DAY_HOURS) & (minutes < _SIXTY)
    seconds = hours * 3600 + minutes * 60
    return np.where(east, seconds, -seconds), fit


def _fraction(chars: Chars, value: Ints, ends: Ints) -> tuple[Ints, Bools]:
    """Read what stands between the seconds and ``ends``: nothing, or a point and 1 to 6 digits."""
    none = ends == _SECONDS_END
    if none.all():
        return np.zeros(len(ends), np.int64), none
    micro = np.zeros(len(ends), np.int64)
    fit = none | ((chars[_SECONDS_END] == _POINT) & (ends > _SECONDS_END + 1))
    for place in range(_SECONDS_END + 1, _SECONDS_END + 1 + _FRACTION_MAX):
        within = place < ends
        digit = value[place] if place < len(value) else np.zeros_like(micro)
        fit &= ~within | (digit <= _NINE)
        micro = micro * 10 + np.where(within, digit, 0)
    fit &= ends <= _SECONDS_END + 1 + _FRACTION_MAX
    return micro, fit
