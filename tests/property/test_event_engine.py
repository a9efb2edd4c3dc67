"""Numbers near the border of what a float holds, and what the engine makes of their events.

In the flow: hypothesis spells numbers, ``event.check_limits`` judges them, the engine reads them.
Guarantee: the engine is the judge: what passes it reads whole, and only what is infinite is held
back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetally.event import EventLimits, check_limits, decode_lines
from livetally.store.events import Engine
from tests.event_store import opened_engine

DIGITS = 330
MAGNITUDES = st.integers(305, 312) | st.integers(-330, 330)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Spell a number as JSON may: any length, a point anywhere, the exponent that it then needs."""
    first, rest = draw(st.sampled_from("1279")), draw(st.sampled_from(["0", "9", "17976931348623"]))
    whole = (first + rest * DIGITS)[: draw(st.integers(1, DIGITS))]
    fraction = draw(st.just("") | st.text("0123456789", min_size=1, max_size=DIGITS))
    exponent = draw(MAGNITUDES) - len(whole)
    text = draw(st.sampled_from(["", "-"])) + whole + (fraction and f".{fraction}")
    if exponent == 0:
        return text
    sign = "-" if exponent < 0 else draw(st.sampled_from(["", "+"]))
    zeros = "0" * draw(st.integers(0, 3))
    return f"{text}{draw(st.sampled_from('eE'))}{sign}{zeros}{abs(exponent)}"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Open an engine; nothing is stored in it."""
    with opened_engine(tmp_path_factory.mktemp("events")) as opened:
        yield opened


@given(st.lists(numbers(), min_size=1, max_size=8))
def test_what_passes_is_read_whole_by_the_engine(engine: Engine, texts: list[str]) -> None:
    """A number costs its event nothing, or is rejected because no float holds it."""
    lines = [b'{"type":"a","data":{"a":%s,"v":7}}' % text.encode() for text in texts]
    decoded = decode_lines(b"\n".join(lines))
    within = check_limits(decoded.events, decoded.indexes, EventLimits(), 0)
    assert within.indexes == [i for i, text in enumerate(texts) if not math.isinf(float(text))]
    for data in within.data:
        asked = "SELECT JSONExtractInt({data:String}, 'v'), JSONExtractFloat({data:String}, 'a')"
        ((read, number),) = engine.read(asked, {"data": data.decode()})
        assert (read, math.isfinite(number)) == (7, True)
