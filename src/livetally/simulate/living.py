"""The entities of a running simulation, and the state that each of them is in.

In the flow: filled by ``scenario``, asked for one to do something to.
Guarantee: making, finding and ending one takes the same time however many there are; at most
``living_max`` are kept, the oldest are forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

__all__ = ["Living"]

_HELD = tuple[str, int]


class Living:
    """The living entities of one kind. Not safe for threads."""

    def __init__(self, living_max: int) -> None:
        """Start with none; keep ``living_max`` at most."""
        self._living_max = living_max
        # In the order of birth; a plain dict is slow to find its first entry after deletions.
        self._places: OrderedDict[str, _HELD] = OrderedDict()
        self._by_state: dict[str, list[str]] = {}
        self._given: dict[str, dict[str, Any]] = {}

    def __len__(self) -> int:
        """How many live."""
        return len(self._places)

    def add(self, key: str, state: str) -> None:
        """Let one be born in a state; one of that key that lives already moves there."""
        if key in self._places:
            self.move(key, state)
            return
        if len(self._places) >= self._living_max:
            self.end(next(iter(self._places)))
        self._enter(key, state)

    def find(self, share: float, states: Sequence[str]) -> str | None:
        """Return the one at a ``share`` (0 to below 1) of those in the states; () means any."""
        lists = self._lists(states)
        place = int(share * sum(map(len, lists)))
        for keys in lists:
            if place < len(keys):
                return keys[place]
            place -= len(keys)
        return None

    def any_in(self, states: Sequence[str]) -> bool:
        """Tell whether one lives in the states; () means any."""
        return any(self._lists(states))

    def move(self, key: str, state: str) -> None:
        """Put one into another state; one that is not known begins to live in it."""
        if key in self._places:
            self._leave(key)
            place = self._places[key] = (state, len(self._state(state)))
            self._state(place[0]).append(key)
        else:
            self.add(key, state)

    def end(self, key: str) -> None:
        """Forget one."""
        if key in self._places:
            self._leave(key)
            del self._places[key]
            self._given.pop(key, None)

    def note(self, key: str, name: str, value: Any) -> None:
        """Keep the last value that one was given."""
        if key in self._places:
            self._given.setdefault(key, {})[name] = value

    def last(self, key: str, name: str) -> Any:
        """Return the last value that one was given; None without one."""
        return self._given.get(key, {}).get(name)

    def _state(self, state: str) -> list[str]:
        return self._by_state.setdefault(state, [])

    def _lists(self, states: Sequence[str]) -> list[list[str]]:
        if not states:
            return list(self._by_state.values())
        return [self._by_state[state] for state in states if state in self._by_state]

    def _enter(self, key: str, state: str) -> None:
        keys = self._state(state)
        self._places[key] = (state, len(keys))
        keys.append(key)

    def _leave(self, key: str) -> None:
        """Take one out of its state's list: the last one of the list moves to its place."""
        state, place = self._places[key]
        keys = self._by_state[state]
        last = keys.pop()
        if last != key:
            keys[place] = last
            self._places[last] = (state, place)
