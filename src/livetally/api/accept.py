"""Which of the forms that an answer has a client asks for.

In the flow: receives the ``Accept`` header from a route, hands back one media type.
Guarantee: a client that takes anything, or nothing that there is, gets the first form.

Source: RFC 9110, section 12.5.1.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["chosen_type"]


def chosen_type(accept: str, offered: Sequence[str]) -> str:
    """Return the offered media type with the highest weight, the first one of equals."""
    weights = dict.fromkeys(offered, 0.0)
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = _weight(parameters)
        # An exact name says more than a pattern, whatever stands first.
        specific = 0.0 if "*" in name else 1e-6
        for media_type in offered:
            if _matches(name, media_type):
                weights[media_type] = max(weights[media_type], weight and weight + specific)
    best = max(weights.values())
    return next(media_type for media_type in offered if weights[media_type] == best)


def _matches(name: str, media_type: str) -> bool:
    return name in ("*/*", "*", media_type) or name == f"{media_type.partition('/')[0]}/*"


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
