"""The parameters that several resources share, read and checked once.

In the flow: used by ``raw`` and ``entities`` on the parameters of a request.
Guarantee: a parameter that does not exist is refused with the nearest that does; none is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livetally.definitions import nearest
from livetally.errors import BadInput

__all__ = ["Parameters", "known_only", "least_position", "page_limit", "single"]

Parameters = Mapping[str, Sequence[str]]
"""Each parameter's values, in order."""

PAGE_DEFAULT = 100
PAGE_MAX = 1000


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
    text = single(parameters, "min_position")
    if not (text.isascii() and text.isdigit()):
        raise BadInput("min_position", "must be a whole number")
    return int(text[:19])


def page_limit(parameters: Parameters) -> int:
    """Return how many rows a page may have.

    Raises:
        BadInput: it is no whole number within bounds.
    """
    if "limit" not in parameters:
        return PAGE_DEFAULT
    text = single(parameters, "limit")
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= PAGE_MAX:
        raise BadInput("limit", f"must be a whole number from 1 to {PAGE_MAX}")
    return int(text)
