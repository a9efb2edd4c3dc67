"""Which of the forms that an answer has a client asks for, and whether it has it already.

In the flow: receives the ``Accept`` and ``If-None-Match`` headers from a route.
Guarantee: a client that takes anything, or nothing that there is, gets the first form; none gets a
form that it has refused with ``q=0``.

Source: RFC 9110, section 12.5.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from livetally.errors import NotAcceptable

__all__ = ["chosen_type", "is_known", "takes"]


def chosen_type(accept: str, offered: Sequence[str]) -> str:
    """Return the offered media type with the highest weight, the first one of equals.

    Raises:
        NotAcceptable: the first form is refused, and no other is wanted.
    """
    weights = {media_type: _weight_of(media_type, accept) for media_type in offered}
    best = max(weights.values(), key=lambda weight: weight or 0.0)
    if best:
        return next(media_type for media_type in offered if weights[media_type] == best)
    if weights[offered[0]] is None:
        return offered[0]
    raise NotAcceptable(f"There is {', '.join(offered)}; 'Accept' refuses them.")


def takes(accept: str, media_type: str, rather_than: str) -> bool:
    """Tell whether a client wants a form more than another one."""
    weights = [_weight_of(one, accept) or 0.0 for one in (media_type, rather_than)]
    return weights[0] > weights[1]


def is_known(tag: str, known: str) -> bool:
    """Tell whether ``If-None-Match`` names a tag; they are compared as weak tags are.

    Source: RFC 9110, section 13.1.2.
    """
    tags = {one.strip().removeprefix("W/") for one in known.split(",")}
    return "*" in tags or tag.removeprefix("W/") in tags


def _weight_of(media_type: str, accept: str) -> float | None:
    """Return the weight that the most specific matching range gives; None when none matches."""
    kind = f"{media_type.partition('/')[0]}/*"
    found: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = _weight(parameters)
        # An exact name says more than a pattern, whatever stands first.
        found[name] = weight and weight + (0.0 if "*" in name else 1e-6)
    return next((found[name] for name in (media_type, kind, "*/*", "*") if name in found), None)


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
