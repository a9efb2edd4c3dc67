"""The HTTP interface: one routes file for each noun, one table from errors to answers."""

from __future__ import annotations

from livetally.api.app import WayIn, build_app
from livetally.api.outlet import Tap
from livetally.api.quick import LENGTH_DIGITS_MAX, Exchange, Plain, Quick
from livetally.api.services import Definitions, Services, Sessions

__all__ = [
    "LENGTH_DIGITS_MAX",
    "Definitions",
    "Exchange",
    "Plain",
    "Quick",
    "Services",
    "Sessions",
    "Tap",
    "WayIn",
    "build_app",
]
