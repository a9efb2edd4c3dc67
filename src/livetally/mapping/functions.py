"""The functions of the mapping language: JMESPath's own, exact, and a few of ours.

In the flow: used by ``expressions``, which checks their names and numbers of arguments once and
calls them for each payload.
Guarantee: a Decimal counts as a number in every function; no function does anything but compute.

    param('id')            a part of the path, {id}
    header('x-event')      a header of the request; case does not matter
    query('page')          a parameter of the query
    root()                 the whole payload
    lookup('tags', tag)    the value beside a key in a [lookup.tags]
    lower(t) upper(t) trim(t) split(t, ',')
    day_after(date)        the next date: of a range whose end is included, the end that is not

Source: JMESPath specification, https://jmespath.org/specification.html (built-in functions).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from jmespath import functions

from livetally.mapping.casts import as_text
from livetally.mapping.lookups import Lookups
from livetally.mapping.payload import encode

__all__ = ["OWN", "Functions", "arity"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_TEXT: Final = "string"
_ANY: Final = ""

OWN: Final = (
    "param",
    "header",
    "query",
    "root",
    "lookup",
    "lower",
    "upper",
    "trim",
    "split",
    "day_after",
)


def _takes(*kinds: str) -> Callable[[_Function], _Function]:
    """Say of which kind the arguments are; the library's own decorator has no types."""

    def decorate(function: _Function) -> _Function:
        signature = tuple({"types": [kind] if kind else []} for kind in kinds)
        function.signature = signature  # type: ignore[attr-defined] # read by the library
        return function

    return decorate


class Functions(functions.Functions):  # type: ignore[misc] # the library has no types
    """The functions as one payload sees them."""

    def __init__(
        self,
        root: Any,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        query: Mapping[str, str],
        lookups: Lookups,
    ) -> None:
        """Answer from a payload and its request."""
        self._root = root
        self._params = params
        self._headers = headers
        self._query = query
        self._lookups = lookups

    @_takes(_TEXT)
    def _func_param(self, name: str) -> Any:
        return self._params.get(name)

    @_takes(_TEXT)
    def _func_header(self, name: str) -> str | None:
        return self._headers.get(name.lower())

    @_takes(_TEXT)
    def _func_query(self, name: str) -> str | None:
        return self._query.get(name)

    @_takes()
    def _func_root(self) -> Any:
        return self._root

    @_takes(_TEXT, _ANY)
    def _func_lookup(self, name: str, key: Any) -> Any:
        return self._lookups[name].of(key)

    @_takes(_TEXT)
    def _func_lower(self, text: str) -> str:
        return text.lower()

    @_takes(_TEXT)
    def _func_upper(self, text: str) -> str:
        return text.upper()

    @_takes(_TEXT)
    def _func_trim(self, text: str) -> str:
        return text.strip()

    @_takes(_TEXT, _TEXT)
    def _func_split(self, text: str, separator: str) -> list[str]:
        return text.split(separator) if separator else [text]

    @_takes(_TEXT)
    def _func_day_after(self, text: str) -> str:
        return (date.fromisoformat(text[:10]) + timedelta(days=1)).isoformat()

    # What follows are JMESPath's own functions for numbers that are Decimal.

    @_takes(_ANY)
    def _func_type(self, value: Any) -> Any:
        return "number" if isinstance(value, Decimal) else super()._func_type(value)

    @_takes(_ANY)
    def _func_to_string(self, value: Any) -> str:
        return as_text(value) if isinstance(value, (str, Decimal)) else encode(value).decode()

    @_takes(_ANY)
    def _func_to_number(self, value: Any) -> Any:
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            return value
        try:
            number = Decimal(value) if isinstance(value, str) else None
        except InvalidOperation:
            return None
        return number if number is not None and number.is_finite() else None

    def _get_allowed_pytypes(self, types: list[str]) -> Any:
        allowed, inner = super()._get_allowed_pytypes(types)
        return (_with_decimal(allowed), [_with_decimal(kinds) for kinds in inner])

    def _convert_to_jmespath_type(self, pyobject: str) -> Any:
        return "number" if pyobject == "Decimal" else super()._convert_to_jmespath_type(pyobject)


def arity(name: str) -> tuple[int, bool] | None:
    """Return how many arguments a function takes, and whether more; None for an unknown one."""
    known = Functions.FUNCTION_TABLE.get(name)
    if known is None:
        return None
    signature = known["signature"]
    return len(signature), bool(signature and signature[-1].get("variadic"))


def _with_decimal(kinds: Any) -> list[str]:
    return [*kinds, "Decimal"] if "float" in kinds else list(kinds)
