"""What a user declares, the reading of it, and the plan of a change.

In the flow: receives a text from ``cli``, ``server`` or ``api``, hands an ``Application`` to every
room that answers questions, and a ``Materialised`` to ``store``.

Guarantee: pure; an ``Application`` exists only when its definition has no mistake, and whatever the
text, what is raised is one ``InvalidDefinition`` that lists every mistake.

    fields.py, metric.py, entity.py, dashboard.py, inlet.py, sink.py, source.py, alert.py,
    simulation.py, application.py          what can be declared
    paths.py, filters.py, literals.py      how a part of an event, a condition, a value is written
    application_name.py                    what an application may be called
    reading.py                             a text -> an application or its problems
      plain.py, table.py, problems.py, locate.py, nearest.py        with what it reads
      scope.py, read_*.py                                           what it checks
    canonical.py, planning.py              an application -> JSON; two applications -> a plan
    question_templates.py                  conditions and names that a request fills in
    embedding.py                           look-up files -> a text that needs none
    team.py, materialise.py                several applications -> conflicts; what to store
      joining.py                                                    with what one event type becomes
    route_table.py                         several applications -> whose path a request is for
"""

from livetally.definitions.alert import Alert, Channel, ChannelKind, Measure
from livetally.definitions.application import Application, UnknownTypes
from livetally.definitions.application_name import check_application_name, is_application_name
from livetally.definitions.canonical import to_json
from livetally.definitions.dashboard import Dashboard, Panel, PanelKind
from livetally.definitions.embedding import with_lookup_files
from livetally.definitions.entity import Action, Entity, EntityField, EntityFieldKind
from livetally.definitions.fields import NUMERIC, EventType, Field, FieldType
from livetally.definitions.filters import (
    Filter,
    Op,
    format_filter,
    parse_filter,
    parse_filters,
)
from livetally.definitions.inlet import (
    Answer,
    Auth,
    AuthKind,
    Command,
    CommandAction,
    Import,
    Inlet,
    Reply,
    RoutePath,
)
from livetally.definitions.joining import Clash, joined_event, narrowed
from livetally.definitions.literals import Value, read_literal
from livetally.definitions.materialise import (
    Materialised,
    ProjectionSpec,
    materialised,
    projection_dimensions,
)
from livetally.definitions.metric import Aggregate, Metric, Ratio, Term
from livetally.definitions.nearest import nearest
from livetally.definitions.paths import (
    ATTRIBUTES,
    data_path,
    parents,
    parse_reference,
    reference_to,
    segments,
)
from livetally.definitions.planning import Change, ChangeKind, Plan, plan, plan_text
from livetally.definitions.question_templates import QuestionTemplate
from livetally.definitions.read_actions import placeholders
from livetally.definitions.read_schedule import schedule_of
from livetally.definitions.reading import read_json, read_text, read_toml
from livetally.definitions.route_table import Found, Published, RouteTable
from livetally.definitions.simulation import (
    Draw,
    DrawKind,
    Names,
    SimulatedEntity,
    Simulation,
    Step,
)
from livetally.definitions.sink import Sink, SinkKind
from livetally.definitions.source import (
    Changes,
    Messages,
    MessagesKind,
    PageKind,
    Pages,
    Schedule,
    Since,
    Source,
)
from livetally.definitions.team import check_team

__all__ = [
    "ATTRIBUTES",
    "NUMERIC",
    "Action",
    "Aggregate",
    "Alert",
    "Answer",
    "Application",
    "Auth",
    "AuthKind",
    "Change",
    "ChangeKind",
    "Changes",
    "Channel",
    "ChannelKind",
    "Clash",
    "Command",
    "CommandAction",
    "Dashboard",
    "Draw",
    "DrawKind",
    "Entity",
    "EntityField",
    "EntityFieldKind",
    "EventType",
    "Field",
    "FieldType",
    "Filter",
    "Found",
    "Import",
    "Inlet",
    "Materialised",
    "Measure",
    "Messages",
    "MessagesKind",
    "Metric",
    "Names",
    "Op",
    "PageKind",
    "Pages",
    "Panel",
    "PanelKind",
    "Plan",
    "ProjectionSpec",
    "Published",
    "QuestionTemplate",
    "Ratio",
    "Reply",
    "RoutePath",
    "RouteTable",
    "Schedule",
    "SimulatedEntity",
    "Simulation",
    "Since",
    "Sink",
    "SinkKind",
    "Source",
    "Step",
    "Term",
    "UnknownTypes",
    "Value",
    "check_application_name",
    "check_team",
    "data_path",
    "format_filter",
    "is_application_name",
    "joined_event",
    "materialised",
    "narrowed",
    "nearest",
    "parents",
    "parse_filter",
    "parse_filters",
    "parse_reference",
    "placeholders",
    "plan",
    "plan_text",
    "projection_dimensions",
    "read_json",
    "read_literal",
    "read_text",
    "read_toml",
    "reference_to",
    "schedule_of",
    "segments",
    "to_json",
    "with_lookup_files",
]
