"""Whatever two applications declare of an event type, ingest can obey what becomes of it.

In the flow: hypothesis draws fields that hold one another, differ in type, and contradict.
Guarantee: a reader can be made and reads any data; without a clash what it takes both take.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from livetally.definitions import Application, EventType, Field, FieldType, check_team, joined_event
from livetally.errors import InvalidDefinition
from livetally.ingest.fields import FieldReader

_bounds = st.none() | st.integers(0, 3)
_wholes = st.builds(
    Field,
    st.just(""),
    st.just(FieldType.INTEGER),
    required=st.booleans(),
    one_of=st.lists(st.integers(0, 3), unique=True, max_size=3).map(tuple),
    minimum=_bounds,
    maximum=_bounds,
)
_texts = st.builds(
    Field,
    st.just(""),
    st.just(FieldType.STRING),
    required=st.booleans(),
    one_of=st.lists(st.sampled_from(["", "x", "yy"]), unique=True, max_size=2).map(tuple),
    max_length=st.none() | st.integers(1, 2),
)
_PATHS = ("a", "a.b", "a.b.c", "a.c", "d")


def _alone(fields: dict[str, Field]) -> bool:
    """Whether one definition may declare these fields."""
    nested = any(path.startswith(f"{other}.") for path in fields for other in fields)
    ordered = all(
        field.minimum is None or field.maximum is None or field.minimum <= field.maximum
        for field in fields.values()
    )
    return ordered and not nested


def _event(fields: dict[str, Field]) -> EventType:
    named = {
        path: Field(
            path,
            field.type,
            required=field.required,
            one_of=field.one_of,
            minimum=field.minimum,
            maximum=field.maximum,
            max_length=field.max_length,
        )
        for path, field in fields.items()
    }
    return EventType("sale", fields=named)


events = (
    st.dictionaries(st.sampled_from(_PATHS), _wholes | _texts, max_size=4)
    .filter(_alone)
    .map(_event)
)
values = st.recursive(
    st.none() | st.integers(0, 4) | st.sampled_from(["", "x", "yy", "zzz"]),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=6,
)
data = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


def _refuses(event: EventType, sent: dict[str, Any]) -> bool:
    return bool(FieldReader(event).read([json.dumps(sent).encode()])[1])


def _can_stand_together(one: EventType, other: EventType) -> bool:
    apps = [Application(name, events={"sale": event}) for name, event in (("a", one), ("b", other))]
    try:
        check_team(apps[0], apps[1:], "test")
    except InvalidDefinition:
        return False
    return True


@given(events, events, data)
def test_what_is_joined_can_be_obeyed(
    one: EventType, other: EventType, sent: dict[str, Any]
) -> None:
    """It clashes exactly where it can't be applied; else it refuses what either would refuse."""
    both, clashes = joined_event(one, other)
    refuses = _refuses(both, sent)
    assert _can_stand_together(one, other) == (not clashes)
    if not clashes:
        assert refuses == (_refuses(one, sent) or _refuses(other, sent))
    else:
        assert refuses or not _refuses(other, sent)
