"""What an alert is: a metric over a window that ends now, a bound, and who is told.

In the flow: built by ``read_alerts``, carried to ``alerts``, which judges and tells.

Guarantee: immutable; the metric exists, the bound can be reached and left, and no secret stands in
it, only the name of the variable that holds one.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from livetally.definitions.filters import Filter

__all__ = ["Alert", "Channel", "ChannelKind", "Measure"]


class Measure(StrEnum):
    """What is compared with the bound."""

    VALUE = "value"  # of the window
    CHANGE = "change"  # of the window against the one before it, in percent


class ChannelKind(StrEnum):
    """How somebody is told."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    NATS = "nats"


class Channel(msgspec.Struct, frozen=True):
    """Somebody who is told.

    Attributes:
        kind: how.
        to: a URL, an address or a subject; ``env:NAME`` is that variable of the server's
            environment.
        secret: of a webhook, ``env:NAME`` of what its messages are signed with; "" for none.
    """

    kind: ChannelKind
    to: str
    secret: str = ""


class Alert(msgspec.Struct, frozen=True):
    """A bound that a metric must not pass.

    Attributes:
        name: unique among the alerts of a team.
        application: the application that declares it.
        metric: the metric or ratio.
        where: conditions on its events.
        window_s: length of the window that ends now, seconds.
        measure: what is compared.
        above, below: the bound, one of the two: it is passed beyond, not at it.
        clear: the value at which it is over: at most ``above``, at least ``below``.
        hold_s: for how long the bound must be passed before anybody is told, seconds.
        every_s: how often it is looked at, seconds.
        notify: who is told.
        raw: the table as it was written.
        title, description: for people.
    """

    name: str
    application: str
    metric: str
    window_s: int
    where: tuple[Filter, ...] = ()
    measure: Measure = Measure.VALUE
    above: Decimal | None = None
    below: Decimal | None = None
    clear: Decimal = Decimal(0)
    hold_s: int = 0
    every_s: int = 30
    notify: tuple[Channel, ...] = ()
    raw: dict[str, Any] = {}
    title: str = ""
    description: str = ""

    @property
    def condition(self) -> str:
        """The bound in words: ``above 50 until 40``."""
        unit = " %" if self.measure is Measure.CHANGE else ""
        bound, word = (self.above, "above") if self.above is not None else (self.below, "below")
        until = f" until {self.clear:f}{unit}" if self.clear != bound else ""
        return f"{word} {bound:f}{unit}{until}"
