"""Parameters with a grammar of their own in a published answer: ``where`` and ``by``.

In the flow: read by ``read_answers``, filled in by ``api`` for each request.

Guarantee: which field is compared and how, and how many names there are, is decided by the
definition; what a request fills in is one value or one name, whatever signs it holds. Only a text
that is one placeholder is handed on as it is: there the definition leaves all of it to the client.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from livetally.definitions.filters import FILTERS_MAX, Filter, Op, format_filter, parse_filter
from livetally.definitions.table import Table
from livetally.errors import BadInput
from livetally.mapping import Cast, Evaluator, Expression, Template, cast

__all__ = ["NamesTemplate", "QuestionTemplate", "WhereTemplate", "read_conditions", "read_names"]

# Stands for a placeholder while a condition is read: no sign of its grammar, and no letter.
_MARK: Final = "\ue000"


class _Compared(NamedTuple):
    """A condition whose values hold a mark for each expression, in their order."""

    condition: Filter
    expressions: tuple[Expression, ...]


class WhereTemplate:
    """Conditions with placeholders for values; immutable, safe for any thread."""

    __slots__ = ("_conditions",)

    def __init__(self, conditions: Sequence[Template | _Compared]) -> None:
        """Take conditions; what a ``Template`` becomes is a whole one."""
        self._conditions = tuple(conditions)

    def fill(self, values: Any, evaluator: Evaluator | None = None) -> list[Any]:
        """Return the conditions as texts, arguments as for ``Template.fill``.

        Raises:
            ValueError: a placeholder can't be worked out, or a value is not there.
        """
        asked = evaluator or Evaluator(values)
        filled: list[Any] = []
        for one in self._conditions:
            if isinstance(one, Template):
                filled += _listed(one.fill(values, asked))
            else:
                filled.append(format_filter(_filled(one, values, asked)))
        return filled


class NamesTemplate:
    """Names between commas, with placeholders; immutable, safe for any thread."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Sequence[Template]) -> None:
        """Take the texts, each of which may hold several names."""
        self._texts = tuple(texts)

    def fill(self, values: Any, evaluator: Evaluator | None = None) -> list[Any]:
        """Return the texts, arguments as for ``Template.fill``.

        Raises:
            ValueError: a placeholder can't be worked out, or is several names within a longer text.
        """
        asked = evaluator or Evaluator(values)
        filled: list[Any] = []
        for text in self._texts:
            if not _is_placeholder(text):
                _require_single_names(text, values, asked)
            filled += _listed(text.fill(values, asked))
        return filled


QuestionTemplate: TypeAlias = Template | WhereTemplate | NamesTemplate


def read_conditions(raw: Any, table: Table, fields: Collection[str] | None) -> WhereTemplate:
    """Read ``where``, whose placeholders were checked; mistakes become problems.

    Args:
        raw: a text or a list of texts.
        table: where it stands.
        fields: the fields that can be named; None when any can.
    """
    conditions: list[Template | _Compared] = []
    for index, text in enumerate(_listed(raw)):
        keys = ("where", index) if isinstance(raw, list) else ("where",)
        if not isinstance(text, str):
            table.problem("must be a filter such as 'carrier:UA'", *keys)
            continue
        template = Template(text)
        if _is_placeholder(template):
            conditions.append(template)
            continue
        try:
            compared = _compared(template, of_entity=fields is not None)
        except BadInput as error:
            table.problem(error.reason.replace(_MARK, "{...}"), *keys)
            continue
        field = compared.condition.field
        if fields is not None and field not in fields:
            table.problems.unknown((*table.path, *keys), "field", field, fields)
        conditions.append(compared)
    if len(conditions) > FILTERS_MAX:
        table.problem(f"takes at most {FILTERS_MAX} filters, not {len(conditions)}", "where")
    return WhereTemplate(conditions)


def read_names(raw: Any) -> NamesTemplate:
    """Read ``by``, whose placeholders were checked: a text or a list of texts."""
    return NamesTemplate([Template(text) for text in _listed(raw)])


def _compared(template: Template, *, of_entity: bool) -> _Compared:
    """Read a condition once, so that nothing that is filled in is ever read as a part of it."""
    expressions = tuple(_expressions(template))
    marked = (_MARK if isinstance(part, Expression) else part for part in template.parts)
    condition = parse_filter("".join(marked), of_entity=of_entity)
    if sum(value.count(_MARK) for value in condition.values) != len(expressions):
        raise BadInput(
            "where", "a placeholder stands for a value or for the whole condition, not for a field"
        )
    return _Compared(condition, expressions)


def _filled(compared: _Compared, values: Any, evaluator: Evaluator) -> Filter:
    condition = compared.condition
    given = (cast(Cast.STRING, one.of(values, evaluator)) for one in compared.expressions)
    texts = [_value(value, given) for value in condition.values]
    match condition.op, texts:
        case Op.RANGE, [str(low), None]:
            return Filter(condition.field, Op.GE, (low,), condition.negated)
        case Op.RANGE, [None, str(high)]:
            return Filter(condition.field, Op.LE, (high,), condition.negated)
    there = tuple(text for text in texts if text is not None)
    if len(there) < len(texts):
        raise ValueError(f"'{condition.field}' is compared with a value that is not there")
    return Filter(condition.field, condition.op, there, condition.negated)


def _value(marked: str, given: Iterator[str | None]) -> str | None:
    """Return a value with its marks replaced; None where it is a mark of nothing."""
    if marked == _MARK:
        return next(given)
    first, *rest = marked.split(_MARK)
    return first + "".join((next(given) or "") + text for text in rest)


def _require_single_names(text: Template, values: Any, evaluator: Evaluator) -> None:
    for expression in _expressions(text):
        if "," in (cast(Cast.STRING, expression.of(values, evaluator)) or ""):
            raise ValueError(f"'{{{expression.text}}}' stands for one name here, not for several")


def _expressions(template: Template) -> Iterator[Expression]:
    return (part for part in template.parts if isinstance(part, Expression))


def _is_placeholder(template: Template) -> bool:
    return len(template.parts) == 1 and isinstance(template.parts[0], Expression)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
