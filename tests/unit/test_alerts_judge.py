"""An alert's state: each change once, whatever the values do around the bound."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from livetally.alerts.judge import State, judge
from livetally.definitions import Alert

_S = 1_000_000


def _alert(**fields: object) -> Alert:
    return Alert("a", "shop", "sales", 60, **fields)  # type: ignore[arg-type] # as each test says


def _states(alert: Alert, values: list[int | None], step_s: int = 10) -> list[tuple[str, bool]]:
    state, since_us, seen = State.OK, 0, []
    for number, value in enumerate(values):
        measured = None if value is None else Decimal(value)
        state, since_us, tell = judge(alert, state, since_us, measured, number * step_s * _S)
        seen.append((state.value, tell))
    return seen


def test_it_fires_beyond_the_bound_and_ends_at_it() -> None:
    """Not at the bound itself."""
    alert = _alert(above=Decimal(5), clear=Decimal(5))
    assert _states(alert, [5, 6, 7, 5]) == [
        ("ok", False),
        ("firing", True),
        ("firing", False),
        ("ok", True),
    ]


def test_between_clear_and_bound_nothing_changes() -> None:
    """In either direction."""
    alert = _alert(above=Decimal(5), clear=Decimal(2))
    told = [tell for _, tell in _states(alert, [4, 6, 4, 6, 3, 2, 4, 6])]
    assert told == [False, True, False, False, False, True, False, True]
    below = _alert(below=Decimal(5), clear=Decimal(8))
    told = [tell for _, tell in _states(below, [5, 4, 6, 7, 8, 6])]
    assert told == [False, True, False, False, True, False]


def test_it_waits_as_long_as_it_says() -> None:
    """A value that comes back in between begins anew, and nobody has heard of it."""
    alert = _alert(above=Decimal(5), clear=Decimal(5), hold_s=20)
    assert _states(alert, [6, 6, 5, 6, 6, 6]) == [
        ("pending", False),
        ("pending", False),
        ("ok", False),
        ("pending", False),
        ("pending", False),
        ("firing", True),
    ]


def test_nothing_to_measure_changes_nothing() -> None:
    """Neither a firing alert nor a pending one."""
    alert = _alert(above=Decimal(5), clear=Decimal(5), hold_s=20)
    states = [state for state, _ in _states(alert, [None, 6, None, 6, None, None])]
    assert states == ["ok", "pending", "pending", "firing", "firing", "firing"]


@given(
    values=st.lists(st.none() | st.integers(-20, 20), max_size=60),
    bound=st.integers(-5, 5),
    slack=st.integers(0, 5),
    side=st.sampled_from(["above", "below"]),
    hold_s=st.sampled_from([0, 10, 35]),
)
def test_what_is_told_alternates(
    values: list[int | None], bound: int, slack: int, side: str, hold_s: int
) -> None:
    """Firing, ok, firing, ...: no state is told twice, and none is skipped."""
    clear = Decimal(bound - slack if side == "above" else bound + slack)
    alert = _alert(**{side: Decimal(bound), "clear": clear, "hold_s": hold_s})
    seen = _states(alert, values)
    told = [state for state, tell in seen if tell]
    assert told == [("firing", "ok")[n % 2] for n in range(len(told))]
    now = next((state for state, _ in reversed(seen) if state != "pending"), "ok")
    assert now == (told[-1] if told else "ok"), "what is, is what was told last"
