"""What a sent event looks like before the server has filled in what was left out.

In the flow: built by ``event.decode`` and ``event.cloudevents``, completed by ``ingest``.
Guarantee: an ``Incoming`` has the right JSON types; its sizes and times are checked in
``event.limits``, its declared fields in ``ingest``.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, NewType

import msgspec

__all__ = ["EMPTY_DATA", "Incoming", "Position", "Rejection"]

Position = NewType("Position", int)
"""Number of a commit: 1 for the first, one more for each; every event of a commit carries it."""

EMPTY_DATA = msgspec.Raw(b"{}")


class Incoming(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One event as it was sent; ``data`` stays the sender's own bytes.

    Members unknown here are an error, so that a mistyped ``tme`` is reported and not lost.
    ``gc=False`` because millions are made and none can be part of a cycle.
    """

    type: str
    id: str | None = None
    source: str = ""
    time: datetime | None = None
    subject: str = ""
    data: msgspec.Raw = EMPTY_DATA
    # CloudEvents attributes beyond the above, as a JSON object; "" when there are none. Filled in
    # by this room and never by a sender: event.decode refuses a member of that name.
    attributes: str = ""


class Rejection(NamedTuple):
    """Why the item at ``index`` (0-based, in the request) was not taken: a ``field``, a reason."""

    index: int  # type: ignore[assignment] # hides tuple.index, which nobody asks a rejection for
    field: str
    error: str
