"""Live questions: asked again, cheaply, whenever a commit touches them."""

from __future__ import annotations

from livetally.live.hub import Hub, HubLimits
from livetally.live.stream import Stream, Subscription
from livetally.live.topic import Topic

__all__ = ["Hub", "HubLimits", "Stream", "Subscription", "Topic"]
