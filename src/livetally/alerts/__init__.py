"""Alerts: a metric crosses a bound, and whoever has to know is told once."""

from __future__ import annotations

from livetally.alerts.deciding import FIRING, OK, Pending, decided
from livetally.alerts.delivering import Mail, Outbox
from livetally.alerts.watching import Declaration, Watch

__all__ = ["FIRING", "OK", "Declaration", "Mail", "Outbox", "Pending", "Watch", "decided"]
