"""An answer drawn with characters.

In the flow: receives an answer from ``query`` or ``watch``, hands back lines of text.
Guarantee: what is drawn fits into the width and height given; a bucket without a value is a gap in
the line, not a zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from livetally.cli.output import visible

if TYPE_CHECKING:
    from livetally.client import Answer

__all__ = ["NO_GROUP", "SERIES_MAX", "chart", "moment", "ticks"]

SERIES_MAX: Final = 6
"""More lines than this in one plot can't be told apart."""

NO_GROUP: Final = frozenset({"time", "value", "previous"})
"""Members of a row that are no dimensions."""

_MARKER: Final = "braille"
# Okabe and Ito's colours, which colour-blind people can tell apart, as terminals number them.
_COLOURS: Final = (74, 214, 36, 175, 166, 32)
_TICK_COLUMNS: Final = 22
_ROWS_PER_TICK: Final = 4
_STEPS: Final = (1, 2, 5, 10)
_PREFIXES: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_DATES: Final = frozenset({"day", "week", "month", "quarter", "year"})

_Points: TypeAlias = list[tuple[float, float | None]]


def chart(answer: Answer, width: int, height: int, *, colours: bool) -> str:
    """Draw a line for each group of an answer with an interval, ``height`` lines high.

    Only the first ``SERIES_MAX`` groups are drawn. An answer without values gives "".
    """
    lines = dict(list(_series(answer).items())[:SERIES_MAX])
    values = [value for points in lines.values() for _, value in points if value is not None]
    if not values:
        return ""
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, height)
    for place, (name, points) in enumerate(lines.items()):
        figure.draw(_line(figure, points, name, _COLOURS[place]))
    at = ticks(min(values), max(values), max(2, height // _ROWS_PER_TICK))
    figure.ruler("y").lim(min(at[0], *values), max(at[-1], *values))
    figure.ruler("y").ticks(at, [_short(value) for value in at])
    times = _spread([row["time"] for row in answer.rows], max(2, width // _TICK_COLUMNS))
    figure.ruler("x").ticks(
        [_seconds(time) for time in times], [moment(time, answer.interval) for time in times]
    )
    return str(figure.build().string(not colours)).rstrip("\n")


def moment(time: str, interval: str | None) -> str:
    """Write the time of a row as short as its interval allows; the zone is said elsewhere."""
    if interval in _DATES:
        return time[:10]
    return f"{time[:10]} {time[11:16]}"


def ticks(low: float, high: float, wanted: int) -> list[float]:
    """Return round numbers from at most ``low`` to at least ``high``, about ``wanted`` of them.

    Zero is among them where it is not far away: a line is read against it.
    """
    if low > 0 and low < high / 2:
        low = 0.0
    span = (high - low) or abs(high) or 1.0
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in _STEPS if power * factor >= rough * 0.999)
    first = math.floor(low / step)
    last = max(math.ceil(high / step), first + 1)
    return [number * step for number in range(first, last + 1)]


def _series(answer: Answer) -> dict[str, _Points]:
    """Split the rows by their dimensions, in the order in which those come."""
    series: dict[str, _Points] = {}
    for row in answer.rows:
        name = " ".join(visible(str(v)) for k, v in row.items() if k not in NO_GROUP)
        value = row["value"]
        number = float(value) if _drawable(value) else None
        series.setdefault(name, []).append((_seconds(row["time"]), number))
    return series


def _drawable(value: Any) -> bool:
    """Tell whether a value can be drawn: the first or latest of a text field can't."""
    return value is not None and not isinstance(value, (str, bool, list, dict))


def _line(figure: Any, points: _Points, name: str, colour: int) -> Any:
    import plotext

    known = [(place, x, y) for place, (x, y) in enumerate(points) if y is not None]
    signal = figure.signal(
        [x for _, x, _ in known],
        [y for _, _, y in known],
        marker=plotext.marker(_MARKER, colour),
    )
    signal.lines()
    for index in range(1, len(known)):
        if known[index][0] != known[index - 1][0] + 1:
            signal.line(index, False)
    return signal.label(name) if name else signal


def _spread(times: Sequence[str], wanted: int) -> list[str]:
    """Choose about ``wanted`` of the times, evenly."""
    each = dict.fromkeys(times)
    step = max(1, len(each) // wanted)
    return list(each)[::step]


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _short(value: float) -> str:
    for size, prefix in _PREFIXES:
        if abs(value) >= size:
            return f"{value / size:g}{prefix}"
    return f"{value:g}"
