"""One entry of a mapping: where a value comes from and what it has to be.

In the flow: read by ``read_mapping``, asked by ``EventMapping`` for each record.
Guarantee: ``of`` returns a value of the wanted kind, None for one that is not given and need not
be, or raises ``ValueError`` with the reason.

An entry is a text, which is an expression, or a table with exactly one of

    from = "expression"      with as, format, tz, lookup, default, required
    value = 17               a constant
    hash = ["expression"]    a short text that is the same whenever all of these are the same
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from livetally.calendar import find_zone
from livetally.errors import UnknownName
from livetally.mapping.casts import Cast, cast
from livetally.mapping.expressions import BadExpression, Evaluator, Expression
from livetally.mapping.lookups import Lookup, Lookups
from livetally.mapping.payload import encode
from livetally.mapping.report import Path, Report, unread
from livetally.mapping.times import TimeForm, format_fault

__all__ = [
    "Reading",
    "Value",
    "check_calls",
    "content_hash",
    "is_entry",
    "read_expression",
    "read_value",
]

_HASH_BYTES: Final = 16
_HASHED_MAX: Final = 50
_KEYS: Final = ("from", "as", "format", "tz", "lookup", "default", "required")


class Reading(NamedTuple):
    """What the readers of entries need to know.

    Attributes:
        report: where mistakes go.
        lookups: the look-up tables that there are.
        params: the names in the path; None where any may come.
    """

    report: Report
    lookups: Lookups
    params: tuple[str, ...] | None


class Value(NamedTuple):
    """One entry; see ``of``."""

    expressions: tuple[Expression, ...] = ()
    is_hash: bool = False
    constant: Any = None
    cast: Cast | None = None
    form: TimeForm | None = None
    lookup: Lookup | None = None
    default: Any = None
    required: bool = False

    def of(self, record: Any, evaluator: Evaluator) -> Any:
        """Return the value for a record, None when it is not given.

        Raises:
            ValueError: it can't be made, or is required and missing.
        """
        if self.is_hash:
            return self._hash(record, evaluator)
        if not self.expressions:
            return self.constant
        value = self.expressions[0].of(record, evaluator)
        if self.lookup is not None and value is not None:
            value = self.lookup.of(value)
        if self.cast is not None:
            value = cast(self.cast, value, self.form)
        if value is None:
            value = self.default
        if value is None and self.required:
            raise ValueError(self._missing())
        return value

    @property
    def needs_its_name(self) -> bool:
        """Whether it is the record's member of one name, and has to be there."""
        one = self.required and len(self.expressions) == 1 and self.default is None
        path = self.expressions[0].path if one else None
        return path is not None and len(path) == 1

    def _hash(self, record: Any, evaluator: Evaluator) -> str:
        parts = [expression.of(record, evaluator) for expression in self.expressions]
        if all(part is None for part in parts):
            raise ValueError("required, but nothing that it is made of is there")
        return content_hash(parts)

    def _missing(self) -> str:
        beside = f", or has no row in look-up table '{self.lookup.name}'" if self.lookup else ""
        return f"required, but missing: nothing at '{self.expressions[0].text}'{beside}"


def content_hash(value: Any) -> str:
    """Return 32 hexadecimal digits that stand for a JSON value, however it was spelt."""
    return blake2b(encode(_canonical(value)), digest_size=_HASH_BYTES).hexdigest()


def is_entry(raw: object) -> bool:
    """Whether this describes a value, and does not hold further fields."""
    if not isinstance(raw, dict):
        return True
    return (
        isinstance(raw.get("from"), str)
        or isinstance(raw.get("hash"), (str, list))
        or ("value" in raw and not isinstance(raw["value"], dict))
        or isinstance(raw.get("required"), bool)  # a mistyped 'from' is no field of that name
        or raw.get("as") in tuple(Cast)
    )


def read_expression(raw: object, path: Path, reading: Reading) -> Expression | None:
    """Compile an expression; None after its mistake was reported."""
    if not isinstance(raw, str):
        reading.report.add(path, "must be a text: a JMESPath expression")
        return None
    try:
        expression = Expression(raw)
    except BadExpression as error:
        reading.report.add(path, str(error))
        return None
    check_calls(expression, path, reading)
    return expression


def check_calls(expression: Expression, path: Path, reading: Reading) -> None:
    """Report the look-up tables and parts of the path that it asks for in vain."""
    for call in expression.calls():
        if call.function == "param" and call.name is not None and reading.params is not None:
            if call.name not in reading.params:
                kind = "part of the path"
                reading.report.unknown(path, kind, call.name, reading.params)
        elif call.function == "lookup" and call.name not in reading.lookups:
            _unknown_lookup(call.name or "", path, reading)


def read_value(
    raw: object, path: Path, reading: Reading, kind: Cast | None = None, *, required: bool = False
) -> Value | None:
    """Read one entry; None after a mistake in it was reported.

    Args:
        raw: what is written.
        path: where it stands.
        reading: what is known.
        kind: what the value becomes unless the entry says otherwise.
        required: whether it always is.
    """
    if not isinstance(raw, dict):
        expression = read_expression(raw, path, reading)
        return Value((expression,), cast=kind, required=required) if expression else None
    if "value" in raw:
        unread(raw, ("value",), path, reading.report)
        return _constant(raw["value"], path, reading, kind)
    if "hash" in raw:
        unread(raw, ("hash",), path, reading.report)
        return _hashed(raw["hash"], path, reading)
    unread(raw, _KEYS, path, reading.report)
    return _from(raw, path, reading, kind, required=required)


def _constant(raw: Any, path: Path, reading: Reading, kind: Cast | None) -> Value | None:
    try:
        return Value(constant=raw if kind is None else cast(kind, raw))
    except ValueError as error:
        reading.report.add((*path, "value"), str(error))
        return None


def _hashed(raw: object, path: Path, reading: Reading) -> Value | None:
    listed = raw if isinstance(raw, list) else [raw]
    if not 0 < len(listed) <= _HASHED_MAX:
        reading.report.add((*path, "hash"), f"takes 1 to {_HASHED_MAX} expressions")
        return None
    found = [
        read_expression(item, (*path, "hash", index), reading) for index, item in enumerate(listed)
    ]
    compiled = tuple(expression for expression in found if expression)
    return Value(compiled, is_hash=True) if len(compiled) == len(listed) else None


def _from(
    raw: Mapping[str, Any], path: Path, reading: Reading, kind: Cast | None, *, required: bool
) -> Value | None:
    report = reading.report
    if "from" not in raw:
        report.add(path, "says not where the value comes from: give one of from, value, hash")
        return None
    expression = read_expression(raw["from"], (*path, "from"), reading)
    kind = _kind(raw, path, report, kind)
    form = _form(raw, path, report, kind)
    must = raw.get("required", required)
    if not isinstance(must, bool):
        report.add((*path, "required"), "must be true or false")
    lookup = None
    if "lookup" in raw:
        lookup = reading.lookups.get(str(raw["lookup"]))
        if lookup is None:
            _unknown_lookup(str(raw["lookup"]), (*path, "lookup"), reading)
    default = _default(raw, path, report, kind)
    if expression is None:
        return None
    return Value(
        (expression,),
        cast=kind,
        form=form,
        lookup=lookup,
        default=default,
        required=must or required,
    )


def _kind(raw: Mapping[str, Any], path: Path, report: Report, given: Cast | None) -> Cast | None:
    if "as" not in raw:
        return given
    name = raw["as"]
    if name in tuple(Cast):
        return Cast(name)
    report.unknown(
        (*path, "as"), "kind", str(name), tuple(Cast), f"it is one of: {', '.join(Cast)}"
    )
    return given


def _form(raw: Mapping[str, Any], path: Path, report: Report, kind: Cast | None) -> TimeForm | None:
    pattern, zone = raw.get("format", ""), raw.get("tz", "UTC")
    if kind is not Cast.TIME:
        for key in ("format", "tz"):
            if key in raw:
                report.add((*path, key), "is for times only: add as = 'time'")
        return None
    if not isinstance(pattern, str) or not isinstance(zone, str):
        report.add(path, "'format' and 'tz' must be texts")
        return None
    if pattern and (fault := format_fault(pattern)):
        report.add((*path, "format"), fault)
        return None
    try:
        return TimeForm(pattern, find_zone(zone))
    except UnknownName as error:
        report.add((*path, "tz"), error.reason)
        return None


def _default(raw: Mapping[str, Any], path: Path, report: Report, kind: Cast | None) -> Any:
    if "default" not in raw:
        return None
    if raw.get("required") is True:
        report.add((*path, "default"), "can't be given with required = true")
    try:
        return raw["default"] if kind is None else cast(kind, raw["default"])
    except ValueError as error:
        report.add((*path, "default"), str(error))
        return None


def _unknown_lookup(name: str, path: Path, reading: Reading) -> None:
    remedy = f"declare it as [lookup.{name}]" if name else "write its name as a 'constant text'"
    reading.report.unknown(path, "look-up table", name, reading.lookups, remedy)


def _canonical(value: Any) -> Any:
    """Return equal JSON for what means the same: sorted members, one spelling of each number."""
    match value:
        case dict():
            return {key: _canonical(value[key]) for key in sorted(value)}
        case list():
            return [_canonical(item) for item in value]
        case bool() | str() | None:
            return value
        case _:
            sign, digits, exponent = Decimal(str(value)).as_tuple()
            text = "".join(map(str, digits)).lstrip("0")
            kept = text.rstrip("0")
            power = int(exponent) + len(text) - len(kept) if kept else 0
            return {"#": f"{'-' if sign and kept else ''}{kept or 0}e{power}"}
