"""What the commands' tests ask about, and what a command told them.

In the flow: shared by ``command_server`` and the tests that use it.
Guarantee: numbers in printed JSON stay exact.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

SHOP = """
application = "shop"
[event.pay]
data.value = { type = "decimal", required = true }
data.till = "string"
data.code = "string"
[metric.revenue]
event = "pay"
aggregate = "sum"
value = "value"
by = ["till"]
[metric.payments]
event = "pay"
aggregate = "count"
[entity.till]
key = "till"
events = ["pay"]
fields.paid = { sum = "value" }
"""

# These tests ask more than the hundred questions that a key has in an hour.
UNCOUNTED = {"LIVETALLY_QUERIES_PER_HOUR": "100000"}


class Done(NamedTuple):
    """What a command returned and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The first line of JSON, numbers exact."""
        return json.loads(self.out.splitlines()[0], parse_float=Decimal)


Run = Callable[..., Done]
