"""What the invented departures are declared as: an application and its dashboard.

In the flow: served by ``fake_server`` as ``GET /v1/definitions`` would.
Guarantee: the form is that of the real server's answer.
"""

from __future__ import annotations

__all__ = ["APPLICATION", "DASHBOARD"]

DASHBOARD = {
    "title": "Overview",
    "description": "Departures from New York.",
    "range": "24 hours",
    "interval": "hour",
    "panels": [
        {"kind": "number", "metric": ["departures", "cancellations"]},
        {"kind": "number", "metric": ["mean_departure_delay"]},
        {"kind": "number", "metric": ["aircraft"]},
        {"kind": "bar", "metric": ["departures"]},
        {
            "kind": "line",
            "metric": ["mean_departure_delay", "p90_departure_delay"],
            "title": "Departure delay",
            "width": 6,
        },
        {"kind": "bar", "metric": ["cancellations"], "by": ["origin"], "width": 6},
        {"kind": "top", "metric": ["departures"], "by": ["carrier"], "limit": 8},
        {"kind": "top", "metric": ["distance"], "by": ["origin"]},
    ],
}
APPLICATION = {
    "application": "flights",
    "name": "flights",
    "title": "Flights",
    "event": {
        "departure": {
            "data": {
                "carrier": {"type": "string", "required": True},
                "origin": {"type": "string", "required": True, "one_of": ["EWR", "JFK", "LGA"]},
                "delay": {"type": "integer"},
            }
        }
    },
}
