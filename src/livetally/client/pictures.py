"""The pictures that live updates add up to: a metric's answer, a page of entities or of events.

In the flow: made by the clients for a question, handed frames by ``watching``, hands back updates.
Guarantee: a picture equals a fresh answer at its position; an update that arrives twice changes
nothing.

Values are absolute, so that a picture is a table of rows by key and nothing has to be added up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from livetally.client.answer import Answer, Row

__all__ = [
    "EntitiesPicture",
    "EventsPicture",
    "Kind",
    "MetricPicture",
    "PageUpdate",
    "Picture",
    "Update",
]

Kind: TypeAlias = Literal["snapshot", "update"]
_Key: TypeAlias = tuple[Any, ...]
_Told_co = TypeVar("_Told_co", covariant=True)


class Update(NamedTuple):
    """What has changed in the answer of a metric.

    Attributes:
        kind: ``snapshot`` when ``rows`` are all there are, ``update`` when they are the changed
            ones.
        rows: with their present values, not differences.
        position: everything committed up to here is in the picture.
        answer: the whole picture, as a query at this position would answer.
    """

    kind: Kind
    rows: list[Row]
    position: int
    answer: Answer


class PageUpdate(NamedTuple):
    """What has changed in a page of entities or events.

    Attributes:
        kind: as for ``Update``.
        rows: those that changed or came, as they are now.
        position: everything committed up to here is in the picture.
        page: all rows in their order, as the page at this position.
    """

    kind: Kind
    rows: list[Row]
    position: int
    page: list[Row]


class Picture(Protocol[_Told_co]):
    """What a client has of one question."""

    def changed(self, kind: Kind, members: dict[str, Any]) -> _Told_co:
        """Apply a frame's data; say what is new and what all of it is now."""
        ...


class MetricPicture:
    """Rows by bucket and dimensions."""

    def __init__(self) -> None:
        """Start without rows."""
        self._about: dict[str, Any] = {}
        self._rows: dict[_Key, Row] = {}

    def changed(self, kind: Kind, members: dict[str, Any]) -> Update:
        """Apply a frame's data."""
        rows: list[Row] = members.pop("rows")
        if kind == "snapshot":
            self._rows = {}
        fresh = {_key(row): row for row in rows}
        grown = not self._rows.keys() >= fresh.keys()
        self._rows.update(fresh)
        if grown:
            self._rows = dict(sorted(self._rows.items(), key=_bucket))
        self._about |= members
        answer = Answer.of(self._about | {"rows": list(self._rows.values())})
        return Update(kind, rows, answer.position, answer)


class EntitiesPicture:
    """Rows by the entity's key, in the server's order."""

    def __init__(self) -> None:
        """Start without rows."""
        self._rows: dict[str, Row] = {}

    def changed(self, kind: Kind, members: dict[str, Any]) -> PageUpdate:
        """Apply a frame's data."""
        rows: list[Row] = members["rows"]
        if kind == "snapshot":
            self._rows = {}
        self._rows.update({row["key"]: row for row in rows})
        if "keys" in members:
            self._rows = {key: self._rows[key] for key in members["keys"]}
        return PageUpdate(kind, rows, members["position"], list(self._rows.values()))


class EventsPicture:
    """Rows by the event's source and id, newest first, cut like the page."""

    def __init__(self) -> None:
        """Start without rows."""
        self._rows: dict[_Key, Row] = {}
        self._limit = 0

    def changed(self, kind: Kind, members: dict[str, Any]) -> PageUpdate:
        """Apply a frame's data."""
        rows: list[Row] = members["rows"]
        if kind == "snapshot":
            self._rows = {}
            self._limit = members["limit"]
        self._rows.update({(row["source"], row["id"]): row for row in rows})
        newest = sorted(self._rows.items(), key=_place, reverse=True)
        self._rows = dict(newest[: self._limit])
        return PageUpdate(kind, rows, members["position"], list(self._rows.values()))


def _key(row: Row) -> _Key:
    """Return what tells one row of a question from another: its bucket and its dimensions.

    With their types: a dimension may hold 1 in one row and true in another.
    """
    return tuple((type(value), value) for name, value in row.items() if name != "value")


def _bucket(item: tuple[_Key, Row]) -> float:
    time = item[1].get("time")
    return 0.0 if time is None else datetime.fromisoformat(time).timestamp()


def _place(item: tuple[_Key, Row]) -> _Key:
    row = item[1]
    return datetime.fromisoformat(row["time"]), row["position"], row["id"], row["source"]
