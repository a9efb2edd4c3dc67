"""The chance that keeps streams from doing the same thing at the same moment.

In the flow: asked by ``stream`` and ``upkeep``.
Guarantee: nothing secret is ever drawn here; a test that needs the same draws seeds it.
"""

from __future__ import annotations

from random import Random

__all__ = ["jitter"]

jitter = Random()  # noqa: S311 - spreads load, guards nothing
