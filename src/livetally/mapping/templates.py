"""JSON with placeholders: the reply of an inlet, the question and body of a published answer.

In the flow: read by ``definitions``, filled in by ``api`` with what a request and its answer hold.
Guarantee: a text that is one placeholder becomes its value with its type; within a longer text
values are written as texts; nothing that was filled in is read as a template again.

A placeholder is an expression in braces: ``{param.id}``, ``{answer.rows[].{day: time}}``. ``{{``
and ``}}`` are braces.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from livetally.mapping.casts import as_text, kind_of
from livetally.mapping.expressions import BadExpression, CannotEvaluate, Evaluator, Expression

__all__ = ["BadTemplate", "Template"]

_QUOTES: Final = "'\"`"
_Parts: TypeAlias = "tuple[str | Expression, ...]"


class BadTemplate(ValueError):
    """A template can't be read; ``path`` is where within it."""

    def __init__(self, path: tuple[str | int, ...], reason: str) -> None:
        """Say where and why."""
        super().__init__(reason)
        self.path = path


class _Text:
    """A text with placeholders."""

    __slots__ = ("parts",)

    def __init__(self, parts: _Parts) -> None:
        self.parts = parts


class Template:
    """Plain values in which texts may hold placeholders; immutable, safe for any thread."""

    __slots__ = ("_compiled",)

    def __init__(self, raw: Any) -> None:
        """Compile a template.

        Raises:
            BadTemplate: a placeholder is not closed or is no expression.
        """
        self._compiled = _compiled(raw, ())

    def fill(self, values: Any, evaluator: Evaluator | None = None) -> Any:
        """Return it with every placeholder replaced.

        Args:
            values: what the expressions are asked of.
            evaluator: what their functions may ask for.

        Raises:
            ValueError: a placeholder can't be worked out.
        """
        return _filled(self._compiled, values, evaluator or Evaluator(values))

    @property
    def parts(self) -> tuple[str | Expression, ...]:
        """The texts and placeholders of a text, in their order; () for what is no text."""
        match self._compiled:
            case _Text():
                return self._compiled.parts
            case str():
                return (self._compiled,)
            case _:
                return ()

    def expressions(self) -> list[tuple[tuple[str | int, ...], Expression]]:
        """Return all of its placeholders, each with where it stands."""
        return list(_expressions(self._compiled, ()))


def _compiled(raw: Any, path: tuple[str | int, ...]) -> Any:
    match raw:
        case str() if "{" in raw or "}" in raw:
            return _Text(tuple(_parts(raw, path)))
        case dict():
            return {key: _compiled(value, (*path, key)) for key, value in raw.items()}
        case list():
            return [_compiled(value, (*path, index)) for index, value in enumerate(raw)]
        case _:
            return raw


def _parts(text: str, path: tuple[str | int, ...]) -> list[str | Expression]:
    parts: list[str | Expression] = []
    plain, at = "", 0
    while at < len(text):
        if text[at : at + 2] in ("{{", "}}"):
            plain, at = plain + text[at], at + 2
        elif text[at] == "}":
            raise BadTemplate(path, "a brace is closed that was not opened; write }} for one")
        elif text[at] == "{":
            end = _end(text, at, path)
            try:
                parts += [plain, Expression(text[at + 1 : end])]
            except BadExpression as error:
                raise BadTemplate(path, f"'{text[at : end + 1][:80]}' {error}") from None
            plain, at = "", end + 1
        else:
            plain, at = plain + text[at], at + 1
    return [part for part in (*parts, plain) if part != ""]


def _end(text: str, start: int, path: tuple[str | int, ...]) -> int:
    """Return where the brace at ``start`` is closed; braces in quotes don't count."""
    depth, quote, at = 0, "", start
    while at < len(text):
        sign = text[at]
        if quote:
            at += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in _QUOTES:
            quote = sign
        elif sign in "{}":
            depth += 1 if sign == "{" else -1
            if depth == 0:
                return at
        at += 1
    raise BadTemplate(path, "a brace is not closed; write {{ for one")


def _filled(compiled: Any, values: Any, evaluator: Evaluator) -> Any:
    match compiled:
        case _Text():
            return _filled_text(compiled.parts, values, evaluator)
        case dict():
            return {key: _filled(value, values, evaluator) for key, value in compiled.items()}
        case list():
            return [_filled(value, values, evaluator) for value in compiled]
        case _:
            return compiled


def _filled_text(parts: _Parts, values: Any, evaluator: Evaluator) -> Any:
    if len(parts) == 1 and isinstance(parts[0], Expression):
        return parts[0].of(values, evaluator)
    texts = []
    for part in parts:
        value = part.of(values, evaluator) if isinstance(part, Expression) else part
        if isinstance(value, (list, dict)):
            raise CannotEvaluate(f"is {kind_of(value)}, which can't stand within a text")
        texts.append("" if value is None else as_text(value))
    return "".join(texts)


def _expressions(
    compiled: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Expression]]:
    match compiled:
        case _Text():
            yield from ((path, part) for part in compiled.parts if isinstance(part, Expression))
        case dict():
            for key, value in compiled.items():
                yield from _expressions(value, (*path, key))
        case list():
            for index, value in enumerate(compiled):
                yield from _expressions(value, (*path, index))
        case _:
            return
