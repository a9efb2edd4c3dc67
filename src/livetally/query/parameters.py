"""The parameters that several resources share, read and checked once.

In the flow: used by ``raw`` and ``entities`` on the parameters of a request.
Guarantee: a parameter that does not exist is refused with the nearest that does; none is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livetally.definitions import nearest
from livetally.errors import BadInput

__all__ = ["Parameters", "known_only", "least_position", "page_limit", "single", "whole_number"]

Parameters = Mapping[str, Sequence[str]]
"""Each parameter's values, in order."""

PAGE_DEFAULT = 100
PAGE_MAX = 1000
_DIGITS_MAX = 20
_POSITION_MAX = 2**63 - 1


def known_only(parameters: Parameters, known: Sequence[str]) -> None:
    """Go on only when every parameter is one of ``known``.

    Raises:
        BadInput: names the first that is not.
    """
    for name in parameters:
        if name not in known:
            hint = nearest(name, known)
            raise BadInput(name, f"no such parameter{f'; did you mean {hint!r}?' if hint else ''}")


def single(parameters: Parameters, name: str) -> str:
    """Return the one value of a parameter, "" when it was not given.

    Raises:
        BadInput: it was given twice.
    """
    values = parameters.get(name, ())
    if len(values) > 1:
        raise BadInput(name, "may be given once")
    return values[0] if values else ""


def least_position(parameters: Parameters) -> int:
    """Return ``min_position``, the commit that an answer must include; 0 when it was not given.

    Raises:
        BadInput: it is no whole number.
    """
    if "min_position" not in parameters:
        return 0
    position = whole_number(single(parameters, "min_position"))
    if position is None:
        raise BadInput("min_position", "must be a whole number")
    return min(position, _POSITION_MAX)


def page_limit(parameters: Parameters) -> int:
    """Return how many rows a page may have.

    Raises:
        BadInput: it is no whole number within bounds.
    """
    if "limit" not in parameters:
        return PAGE_DEFAULT
    limit = whole_number(single(parameters, "limit"))
    if limit is None or not 1 <= limit <= PAGE_MAX:
        raise BadInput("limit", f"must be a whole number from 1 to {PAGE_MAX}")
    return limit


def whole_number(text: str) -> int | None:
    """Return the whole number that a text writes, None where it writes none.

    Zeros in front don't count. One of more than 20 digits is cut to these: beyond every bound all
    the same, and Python refuses to read thousands.
    """
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text.lstrip("0")[:_DIGITS_MAX] or "0")
