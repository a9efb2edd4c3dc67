"""The mapping language: a JSON payload becomes events, by JMESPath expressions and casts.

In the flow: ``definitions`` reads a mapping with ``read_mapping``; ``api`` (inlets), ``sources``
and ``cli`` (imports) hand it payloads and get items in the shape of ``POST /v1/events``.

Guarantee: pure; a mapping that was read has no mistake that can be seen without a payload. Whatever
the payload, every record becomes an item, is left out by ``where``, or is a ``Fault`` that names
the field and the reason. Numbers keep every digit on their way.

    payload.py      bytes of JSON -> values, fractions as Decimal
    expressions.py  a text -> a compiled expression; functions.py has the functions of our own
    casts.py, times.py   a value -> a value of the wanted kind
    lookups.py      a table of two columns; tables.py reads it from CSV
    values.py       one entry of a mapping: expression, constant or hash, with cast and look-up
    event_mapping.py, read_mapping.py   the whole
    templates.py    JSON with placeholders: replies and answers
    report.py       what the readers need to report mistakes
"""

from __future__ import annotations

from livetally.mapping.casts import Cast, cast
from livetally.mapping.event_mapping import Context, EventMapping, Fault, Mapped
from livetally.mapping.expressions import BadExpression, Evaluator, Expression
from livetally.mapping.lookups import Lookup, Lookups, read_lookup
from livetally.mapping.payload import (
    decode_payload,
    decode_payload_lines,
    encode,
    encode_items,
)
from livetally.mapping.read_mapping import read_mapping
from livetally.mapping.report import Report
from livetally.mapping.tables import lookup_rows
from livetally.mapping.templates import BadTemplate, Template
from livetally.mapping.values import Reading, check_calls

__all__ = [
    "BadExpression",
    "BadTemplate",
    "Cast",
    "Context",
    "Evaluator",
    "EventMapping",
    "Expression",
    "Fault",
    "Lookup",
    "Lookups",
    "Mapped",
    "Reading",
    "Report",
    "Template",
    "cast",
    "check_calls",
    "decode_payload",
    "decode_payload_lines",
    "encode",
    "encode_items",
    "lookup_rows",
    "read_lookup",
    "read_mapping",
]
