"""Whatever is sent as a definition, the answer is an application or an InvalidDefinition.

In the flow: hypothesis draws garbage, damaged definitions, and tables of the grammar's own words.
Guarantee: no text and no JSON can crash the server, and what is accepted keeps its meaning.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import event, given
from hypothesis import strategies as st

from livetally.definitions import (
    Application,
    materialised,
    plan,
    plan_text,
    read_json,
    read_toml,
    to_json,
)
from livetally.errors import InvalidDefinition
from tests.declaring import SHOP

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = (
    SHOP
    + """\
[metric.revenue]
aggregate = "sum"
of = [ { event = "sale", value = "value" }, { event = "refund", value = "-value" } ]
by = ["subject"]
where = { subject = "a*" }
[metric.sales]
aggregate = "count"
event = "sale"
[metric.mean]
ratio = ["revenue", "sales"]
[entity.buyer]
key = "subject"
events = ["sale", "refund"]
fields.revenue = { metric = "revenue" }
actions.refund = { event = "refund", data = { value = "{value}" }, when = ["revenue:>0"] }
[dashboard.d]
range = "all"
[[dashboard.d.panels]]
kind = "entities"
entity = "buyer"
[simulation.s]
rate = 1.5
[[simulation.s.events]]
event = "sale"
data.value = { normal = [20, 4.5] }
"""
)
WORDS = sorted(
    {*WHOLE.replace('"', " ").replace(".", " ").split(), "decimal", "type", "p90", "latest", "data"}
)

pieces = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        ["[", "]", "{", "}", '"', "'", "=", ".", ",", "\n", "#", '"""', "-", "[[", "1e9"]
    ),
    st.sampled_from(WORDS),
)
cuts = st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 12), pieces)
words = st.sampled_from(WORDS)
values = st.recursive(
    st.one_of(
        words,
        st.text(max_size=5),
        st.none(),
        st.booleans(),
        st.integers(-5, 2**70),
        st.floats(),
        st.decimals(),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(words | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=25,
)


def accepted(read: Callable[[], Application]) -> Application | None:
    """Return the application, or None when it was refused as it should be."""
    refused: InvalidDefinition | None = None
    try:
        return read()
    except InvalidDefinition as error:
        refused = error
    lines = [problem.line for problem in refused.problems]
    assert lines == sorted(lines)
    assert lines[0] >= 1
    assert all(problem.reason for problem in refused.problems)
    return None


def means_the_same(application: Application) -> None:
    """Check that an accepted application survives being written and read."""
    whole = to_json(application)
    encoded = msgspec.json.Encoder(decimal_format="number").encode(whole)
    again = read_json(msgspec.json.decode(encoded, type=Any), "again")
    assert to_json(again) == whole
    assert plan(application, again).changes == ()
    assert materialised([again]) == materialised([application])


@given(st.text())
def test_garbage_is_refused(text: str) -> None:
    """Any text is an application or an error that lists its mistakes."""
    accepted(lambda: read_toml(text, "garbage"))


@given(st.lists(cuts, min_size=1, max_size=4))
def test_damaged_definition_is_refused_or_keeps_its_meaning(
    damage: list[tuple[int, int, str]],
) -> None:
    """A definition with pieces taken out and put in; most stay valid TOML."""
    text = WHOLE
    for at, length, piece in damage:
        text = text[:at] + piece + text[at + length :]
    application = accepted(lambda: read_toml(text, "damaged"))
    event("accepted" if application else "refused")
    if application:
        means_the_same(application)


@given(st.data())
def test_tables_of_known_words_are_refused_or_keep_their_meaning(data: st.DataObject) -> None:
    """A definition in which some part was replaced by a value of any shape."""
    whole = to_json(read_toml(WHOLE, "whole"))
    place: Any = whole
    while True:
        key = data.draw(
            st.sampled_from(list(place) if isinstance(place, dict) else range(len(place)))
        )
        below = place[key]
        if not isinstance(below, (dict, list)) or not below or data.draw(st.booleans()):
            break
        place = below
    place[key] = data.draw(values)
    application = accepted(lambda: read_json(whole, "json"))
    event("accepted" if application else "refused")
    if application:
        means_the_same(application)


@given(values)
def test_any_json_is_refused(value: object) -> None:
    """Whatever its shape."""
    accepted(lambda: read_json(value, "json"))


names = st.sampled_from(["a", "b_c", "d.e", "f__g", "type"])
events = st.dictionaries(
    st.sampled_from(["sale", "order.created", "x/y"]),
    st.dictionaries(
        names,
        st.one_of(
            st.sampled_from(["string", "integer", "number", "boolean", "time", "uuid"]).map(
                lambda type_: {"type": type_}
            ),
            st.fixed_dictionaries(
                {"type": st.just("decimal")},
                optional={
                    "scale": st.integers(3, 18),
                    "minimum": st.decimals(-9, 9, places=3),
                    "required": st.booleans(),
                },
            ),
        ),
        max_size=4,
    ),
    min_size=1,
)


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a definition without mistakes."""
    declared = draw(events)
    whole: dict[str, Any] = {
        "application": "a",
        "event": {name: {"data": fields} for name, fields in declared.items()},
        "metric": {},
    }
    for number in range(draw(st.integers(0, 4))):
        of = draw(st.lists(st.sampled_from(sorted(declared)), min_size=1, max_size=3, unique=True))
        fields = sorted({f"data.{path}" for name in of for path in declared[name]})
        by = draw(st.lists(st.sampled_from(["subject", "type", *fields]), unique=True, max_size=3))
        whole["metric"][f"m{number}"] = {"aggregate": "count", "event": of, "by": by}
    return whole


@given(definitions())
def test_what_has_no_mistake_is_accepted(whole: dict[str, Any]) -> None:
    """Every metric is in exactly one projection, whose dimensions are columns that exist."""
    application = read_json(whole, "drawn")
    means_the_same(application)
    kept = materialised([application])
    placed = [metric.name for projection in kept.projections for metric in projection.metrics]
    assert sorted(placed) == sorted(whole["metric"])
    for projection in kept.projections:
        assert set(projection.dimensions) <= {"subject", *kept.columns}
    assert len(kept.columns) == len({(f.name, f.type_tag) for f in kept.columns.values()})


@given(definitions(), definitions())
def test_plan_names_every_difference(before: dict[str, Any], after: dict[str, Any]) -> None:
    """A plan is empty exactly when both declare the same; each change is in it once."""
    old, new = read_json(before, "old"), read_json(after, "new")
    made = plan(old, new)
    assert (made.changes == ()) == (to_json(old) == to_json(new))
    assert len({(change.what, change.name) for change in made.changes}) == len(made.changes)
    assert plan_text(made).count("\n") == len(made.changes)


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9
    )
)
def test_fraction_is_kept_exactly(number: Decimal) -> None:
    """Limits of decimals never pass through a float on their way from TOML."""
    text = f'application = "a"\n[event.e]\ndata.v = {{ type = "decimal", minimum = {number} }}'
    assert read_toml(text, "a").events["e"].fields["v"].minimum == number
