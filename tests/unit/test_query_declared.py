"""A team's own definitions and those of all teams, joined.

In the flow: applications that were checked against each other, and some that no longer fit.
Guarantee: a team's own hold, and ingest can obey whatever stands beside each other.
"""

from __future__ import annotations

import msgspec
from structlog.testing import capture_logs

from livetally.definitions import Application, EventType, Field, FieldType, read_toml
from livetally.event import EventLimits, Incoming, check_limits
from livetally.ingest import Schema
from livetally.ingest.batch import prepare
from livetally.query import Declared
from livetally.query.adhoc import ADHOC, with_adhoc
from livetally.server.joining import joined


def app(name: str, data: str) -> Application:
    """Return an application that declares sales."""
    return read_toml(f'application = "{name}"\n[event.sale]\n{data}\n', f"{name}.toml")


def refused(schema: Schema, *texts: str) -> list[int]:
    """Return which of some sales are refused."""
    events = [Incoming(type="sale", id=text, data=msgspec.Raw(text.encode())) for text in texts]
    within = check_limits(events, list(range(len(events))), EventLimits(), 0)
    return sorted(one.index for one in prepare(2, within, schema, 0)[1])


def test_a_teams_own_definition_holds_beside_a_shared_one_that_has_changed() -> None:
    """No event can raise; what doesn't hold is told in the log, with team, type and field."""
    own = app("own", 'data.y = "string"\ndata.z.a = "integer"')
    shared = app(
        "shop",
        'data.y.z = { type = "string", required = true }\ndata.z = "string"\ndata.v = "uuid"',
    )
    with capture_logs() as told:
        declared = joined(7, [own], [shared])
    assert list(declared.events["sale"].fields) == ["v", "y", "z.a"]
    assert [(one["log_level"], one["team"], one["type"], one["field"]) for one in told] == [
        ("warning", 7, "sale", "y.z"),
        ("warning", 7, "sale", "z"),
    ]
    schema = Schema(declared.events.values())
    assert refused(schema, '{"y":"a"}', '{"y":{"z":"q"}}', '{"z":{"a":1}}', '{"z":"t"}') == [1, 3]
    with capture_logs() as told:
        assert joined(7, [own], [app("own", 'data.y.z = "string"')]).events == own.events
    assert told == []


def test_shared_definitions_keep_and_bound_unless_the_teams_own_say_otherwise() -> None:
    """Own bounds stand where both leave no value; how long events are kept is the team's to say."""
    shared = app("shop", 'keep = "90 days"\ndata.n = { type = "integer", maximum = 4 }')
    longer = app("more", 'keep = "200 days"')
    narrow = app("own", 'keep = "30 days"\ndata.n = { type = "integer", minimum = 2 }')
    wide = app("wide", 'data.n = { type = "integer", minimum = 5 }')
    found = Declared([narrow], [shared, longer])
    assert found.events["sale"].keep_days == 30
    assert Declared([wide], [shared, longer]).events["sale"].keep_days == 200
    schema = Schema(found.events.values())
    assert refused(schema, '{"n":1}', '{"n":2}', '{"n":4}', '{"n":5}') == [0, 3]
    found = Declared([wide], [shared])
    assert refused(Schema(found.events.values()), '{"n":4}', '{"n":5}') == [0]
    assert [clash.field for clash in found.clashes] == ["n"]


def test_a_question_of_its_own_is_asked_beside_definitions_that_clash() -> None:
    """It reads the event type as it is checked and kept."""
    shared = app("shop", 'keep_data = "60 days"\ndata.y.z = "string"')
    own = app("own", 'keep = "30 days"\ndata.y = "integer"')
    found = with_adhoc(Declared([own], [shared]), "sale", "sum", "y")
    metric = found.metric(ADHOC)
    assert not hasattr(metric, "numerator")
    assert metric.terms[0].fields["y"].type is FieldType.INTEGER
    sale = found.events["sale"]
    assert (sale.keep_days, sale.keep_data_days) == (30, 60)


def test_a_uuid_that_is_listed_is_taken() -> None:
    """In any spelling; another one is not."""
    one = "550e8400-e29b-41d4-a716-446655440000"
    listed = app("own", f'data.u = {{ type = "uuid", one_of = ["{one.upper()}"] }}')
    schema = Schema(listed.events.values())
    assert refused(schema, f'{{"u":"{one}"}}', f'{{"u":"{one.upper()}"}}', "{}") == []
    assert refused(schema, f'{{"u":"{one[:-1]}1"}}') == [0]


def test_a_field_below_another_one_is_not_read() -> None:
    """Nothing declares it so; if something did, no event would stop what takes them."""
    fields = {path: Field(path, FieldType.STRING) for path in ("a", "a.b", "a.b.c", "d.e")}
    schema = Schema([EventType("sale", fields=fields)])
    assert schema.readers["sale"].columns == {"f_a__string", "f_d__e__string"}
    assert refused(schema, '{"a":"x","d":{"e":"y"}}', '{"a":{"b":"x"}}', "{}") == [1]
