"""Lines of NDJSON that differ only in their values are read column by column.

In the flow: receives a chunk of whole lines from ``ingest``, hands groups of lines that are alike
back, and says which lines are to be read one by one.
Guarantee: a line is in a group only if it is the JSON of an event, for every reader of JSON; where
its values stand is exact. Nothing is said about limits and declared fields.

Programs send events that look alike: the same members in the same order. What is fixed is compared
as bytes, many lines at a time; only what stands between is looked at, and that as columns.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

import numpy as np

from livetally.event.bulk import Bools, Ints, Numbers, Text, numbers
from livetally.event.line_shape import Path, Shape, Slot, shape_of

__all__ = ["Alike", "Span", "alike_lines", "may_be_alike"]

_GROUPS_MAX: Final = 8
# So many lines are tried that few others are like.
_IN_VAIN_MAX: Final = 2
# Of fewer lines, decoding them one by one is faster.
_LINES_MIN: Final = 256
_REMEMBERED: Final = 16
_REMEMBERED_BYTES_MAX: Final = 4096
_QUOTE, _NEWLINE, _SPACE = b'"'[0], b"\n"[0], b" "[0]
_TRUE, _FALSE = b"true", b"false"


# Shapes of late, the newest first: to find one costs as much as to compare a hundred lines.
_recent: Final[deque[Shape]] = deque(maxlen=_REMEMBERED)


class Span(NamedTuple):
    """Where a value stands in each line; ``numbers`` are there for plain numbers."""

    kind: str
    begins: Ints
    ends: Ints
    numbers: Numbers | None

    def of(self, lines: Bools) -> Span:
        """Return the span of some of the lines."""
        some = None if self.numbers is None else self.numbers.of(lines)
        return Span(self.kind, self.begins[lines], self.ends[lines], some)


class Alike(NamedTuple):
    """Lines that are alike.

    Attributes:
        text: the chunk that they are lines of.
        lines: which of its lines, from 0, in their order.
        shape: of all of them.
        spans: where the values of its slots stand.
        begins: where the data of each line begins.
        ends: where it ends. Both are empty when there is none.
    """

    text: Text
    lines: Ints
    shape: Shape
    spans: list[Span]
    begins: Ints
    ends: Ints

    def member(self, name: str) -> Span | None:
        """Return where a member of the event stands, None when it has none."""
        number = self.shape.members.get(name)
        return None if number is None else self.spans[number]

    def value(self, path: Path) -> Span | str:
        """Return where a value of the data stands, or what stands there; "" for nothing."""
        found = self.shape.values.get(path, "")
        return found if isinstance(found, str) else self.spans[found]


def may_be_alike(chunk: bytes) -> bool:
    """Tell cheaply whether it can be worth it to look for lines that are alike."""
    return chunk.count(b"\n") >= _LINES_MIN and b"\\" not in chunk and _is_text(chunk)


def alike_lines(chunk: bytes) -> tuple[list[Alike], Ints] | None:
    """Part the lines of ``chunk`` into groups that are alike and the numbers of the others.

    Only for a chunk of which ``may_be_alike`` says so.

    Returns:
        None when it is not worth it: too few of its lines are alike.
    """
    lines = _Lines(chunk)
    if not lines.sound:
        return None
    groups: list[Alike] = []
    left, few = lines.parted_by_quotes()
    others = [few]
    while len(left) >= _LINES_MIN and len(groups) < _GROUPS_MAX and len(others) <= _IN_VAIN_MAX:
        found = _alike_to_first(lines, left)
        taken = left[:1] if found is None else found.lines
        if found is None or len(taken) < _LINES_MIN:
            others.append(taken)
        else:
            groups.append(found)
        left = _without(left, taken)
    if not groups:
        return None
    return groups, np.sort(np.concatenate([*others, left]))


def _alike_to_first(lines: _Lines, left: Ints) -> Alike | None:
    """Return the lines that are alike to the first one that is left."""
    first = lines.line(int(left[0]))
    quotes = first.count(b'"')
    for shape in tuple(_recent):
        if quotes == shape.quotes and all(text in first for text in shape.fixed):
            found = lines.alike(left, shape)
            if found is not None and found.lines[0] == left[0]:
                return found
    made = shape_of(first)
    if made is None:
        return None
    if len(first) <= _REMEMBERED_BYTES_MAX:
        _recent.appendleft(made)
    return lines.alike(left, made)


def _without(left: Ints, taken: Ints) -> Ints:
    """Return what of ``left`` is not among ``taken``, which are some of them."""
    if len(taken) == len(left):
        return left[:0]
    return np.setdiff1d(left, taken, assume_unique=True)


def _is_text(chunk: bytes) -> bool:
    if chunk.isascii():
        return True
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Lines:
    """The lines of a chunk, and the quotes in them."""

    def __init__(self, chunk: bytes) -> None:
        self._chunk = chunk
        self._text = Text(chunk)
        chars = self._text.chars
        ends = np.flatnonzero(chars == _NEWLINE)
        controls = np.count_nonzero(chars < _SPACE)
        if not chunk.endswith(b"\n"):
            ends = np.append(ends, len(chars))
            controls += 1
        self.count = len(ends)
        self._ends: Ints = ends
        self._begins: Ints = np.concatenate([[0], ends[:-1] + 1])
        self.sound = bool(controls == self.count and (self._ends > self._begins).all())
        self._quotes: Ints = np.flatnonzero(chars == _QUOTE)
        # How many quotes stand before each line, and before the end of all.
        before = np.searchsorted(self._quotes, self._begins)
        self._first: Ints = before
        self._counts: Ints = np.diff(np.append(before, len(self._quotes)))

    def line(self, number: int) -> bytes:
        """Return one line, without its end."""
        return self._chunk[self._begins[number] : self._ends[number]]

    def parted_by_quotes(self) -> tuple[Ints, Ints]:
        """Return the lines of which many have as many quotes, and the others."""
        many = np.bincount(self._counts)[self._counts] >= _LINES_MIN
        return np.flatnonzero(many), np.flatnonzero(~many)

    def alike(self, lines: Ints, shape: Shape) -> Alike | None:
        """Return those of ``lines`` that have ``shape``; None for none."""
        mine = lines[self._counts[lines] == shape.quotes]
        if not len(mine):
            return None
        edges = self._edges(mine, shape)
        sizes = [len(text) for text in shape.fixed]
        fit = np.ones(len(mine), np.bool_)
        for number, size in enumerate(sizes):
            fit &= edges[2 * number + 1] - edges[2 * number] == size
        for begins, ends in zip(edges[1:-1:2], edges[2:-1:2], strict=True):
            fit &= ends >= begins
        if not fit.all():
            mine, edges = mine[fit], [edge[fit] for edge in edges]
        fit = np.ones(len(mine), np.bool_)
        for number, text in enumerate(shape.fixed):
            fit &= self._are(edges[2 * number], text)
        spans = []
        for slot, begins, ends in zip(shape.slots, edges[1:-1:2], edges[2:-1:2], strict=True):
            span = self._span(slot, begins, ends)
            fit &= span.numbers.fit if span.numbers is not None else self._is_sound(span)
            spans.append(span)
        if not fit.any():
            return None
        if not fit.all():
            mine, edges = mine[fit], [edge[fit] for edge in edges]
            spans = [span.of(fit) for span in spans]
        begins, ends = self._of_data(shape, edges)
        return Alike(self._text, mine, shape, spans, begins, ends)

    def _edges(self, lines: Ints, shape: Shape) -> list[Ints]:
        """Return where each line begins, where each slot begins and ends, and where it ends."""
        ends = self._ends[lines]
        if shape.quotes * len(lines) == len(self._quotes):
            quotes = self._quotes.reshape(len(lines), shape.quotes)
        else:
            quotes = self._quotes[self._first[lines][:, None] + np.arange(shape.quotes)]
        edges = [self._begins[lines]]
        for slot in shape.slots:
            behind = self._begins[lines] if slot.quote < 0 else quotes[:, slot.quote] + 1
            is_last = slot.quote + 1 >= shape.quotes
            edges.append(behind + slot.before)
            edges.append((ends if is_last else quotes[:, slot.quote + 1]) - slot.after)
        return [*edges, ends]

    def _are(self, begins: Ints, text: bytes) -> Bools:
        """Tell where ``text`` stands."""
        if not text:
            return np.ones(len(begins), np.bool_)
        found = self._text.windows(begins, len(text))
        if found.tobytes() == text * len(begins):  # by far the fastest way to compare
            return np.ones(len(begins), np.bool_)
        equal: Bools = (found == np.frombuffer(text, np.uint8)).all(axis=1)
        return equal

    def _span(self, slot: Slot, begins: Ints, ends: Ints) -> Span:
        read = numbers(self._text, begins, ends) if slot.kind == "number" else None
        return Span(slot.kind, begins, ends, read)

    def _is_sound(self, span: Span) -> Bools:
        """Tell where a string or a boolean is one: between two quotes anything is a string."""
        sizes = span.ends - span.begins
        if span.kind == "string":
            return np.ones(len(sizes), np.bool_)
        fit = np.zeros(len(sizes), np.bool_)
        for text in (_TRUE, _FALSE):
            fit |= (sizes == len(text)) & self._are(span.begins, text)
        return fit

    @staticmethod
    def _of_data(shape: Shape, edges: list[Ints]) -> tuple[Ints, Ints]:
        gap = shape.data
        if gap is None:
            empty: Ints = np.zeros(0, np.int64)
            return empty, empty
        return edges[2 * gap.first] + gap.begin, edges[2 * gap.last] + gap.end
