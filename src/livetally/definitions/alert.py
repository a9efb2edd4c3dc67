"""What a declared alert is: a bound on a metric over the last while, and who is told.

In the flow: built by ``read_alerts``, carried to ``alerts``.

Guarantee: immutable; the metric exists, and no secret can stand in it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from livetally.definitions.filters import Filter

__all__ = ["Alert", "AlertKind", "AlertTarget", "AlertTargetKind"]


class AlertKind(StrEnum):
    """What is compared with the bound, and which side of it is bad.

    A change is in percent of the window before.
    """

    ABOVE = "above"
    BELOW = "below"
    RISES = "rises_by"
    FALLS = "falls_by"


class AlertTargetKind(StrEnum):
    """How a notice goes out."""

    WEBHOOK = "webhook"
    EMAIL = "email"


class AlertTarget(msgspec.Struct, frozen=True):
    """Who is told.

    Attributes:
        kind: how.
        to: the variable that holds a webhook's URL, or an e-mail address.
        secret: the variable that holds what a webhook is signed with; "" for none.
    """

    kind: AlertTargetKind
    to: str
    secret: str = ""


class Alert(msgspec.Struct, frozen=True):
    """One alert.

    Attributes:
        name: unique among the alerts of a team.
        application: the application that declares it.
        metric: name of a metric or ratio of the same application.
        kind: what is compared, and how.
        bound: the metric's unit, or percent for a change.
        clear: where it ends again: at the bound, or on its good side.
        window_s: how long the while is that is looked at, seconds.
        every_s: how often, seconds.
        hold_s: how long it has to be bad before it begins, seconds.
        where: conditions on the events that count.
        notify: who is told.
        title: for people.
    """

    name: str
    application: str
    metric: str
    kind: AlertKind
    bound: float
    clear: float
    window_s: int
    every_s: int
    hold_s: int = 0
    where: tuple[Filter, ...] = ()
    notify: tuple[AlertTarget, ...] = ()
    title: str = ""
