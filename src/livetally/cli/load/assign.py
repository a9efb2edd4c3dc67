"""Rows go to teams: a look-up table says which value of a column is whose.

In the flow: stands between ``upload`` and the clients, one for each team; made by ``import``.
Guarantee: a row whose value is not in the table goes to nobody and is refused with the reason; no
row goes to two teams.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple, Protocol, Self

import msgspec

from livetally.client import Client, Receipt
from livetally.client.delivery import Rejection
from livetally.errors import LivetallyError

__all__ = ["Assigned", "LookUp", "Sender", "read_look_up"]


class Sender(Protocol):
    """What lines are sent with: a client, or one for each team."""

    def send_lines(
        self,
        lines: Sequence[bytes],
        *,
        timeout_s: float,
        pause: Callable[[float], object],
    ) -> Receipt:
        """Send lines; see ``Client``."""
        ...


class LookUp(NamedTuple):
    """Which value of ``column`` belongs to which team."""

    path: Path
    column: str
    team_of: Mapping[str, str]


def read_look_up(text: str) -> LookUp:
    """Read the table that ``FILE:COLUMN=COLUMN`` names, such as ``tags.csv:tag=team``.

    Raises:
        LivetallyError: the text, the file or one of its rows can't be used.
    """
    name, _, columns = text.rpartition(":")
    column, _, team = columns.partition("=")
    if not (name and column and team):
        raise LivetallyError("--team-from: write FILE:COLUMN=COLUMN, such as tags.csv:tag=team.")
    path = Path(name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return LookUp(path, column, _rows(path, csv.reader(file), column, team))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise LivetallyError(f"--team-from: {path} can't be read: {reason}.") from None


def _rows(path: Path, rows: Iterator[list[str]], column: str, team: str) -> dict[str, str]:
    heading = [name.strip() for name in next(rows, [])]
    for name in (column, team):
        if name not in heading:
            raise LivetallyError(f"--team-from: {path} has no column '{name}'.")
    at, team_at = heading.index(column), heading.index(team)
    found: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        if not any(row):
            continue
        if len(row) != len(heading) or not row[team_at].strip():
            raise LivetallyError(f"--team-from: row {number} of {path} names no team.")
        if found.setdefault(row[at], row[team_at].strip()) != row[team_at].strip():
            raise LivetallyError(f"--team-from: {path} gives '{row[at]}' to two teams.")
    return found


_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL: Final = b"null"


class Assigned:
    """Sends each line to the team that the table gives it (a context manager)."""

    def __init__(self, look_up: LookUp, member: str, client_of: Callable[[str], Client]) -> None:
        """Send by ``look_up``.

        Args:
            look_up: the table.
            member: where the value stands in an event: ``subject``, ``id``, or a field of data.
            client_of: opens a client that acts for a team.
        """
        self._look_up = look_up
        self._member = member
        self._client_of = client_of
        self._clients: dict[str, Client] = {}
        self._lock = Lock()
        self._open = ExitStack()

    def send_lines(
        self,
        lines: Sequence[bytes],
        *,
        timeout_s: float,
        pause: Callable[[float], object],
    ) -> Receipt:
        """Send the lines of each team for it; as ``Client.send_lines``."""
        whole = Receipt(0, 0, 0)
        places: dict[str, list[int]] = {}
        for place, line in enumerate(lines):
            value = self._value(line)
            team = self._look_up.team_of.get(value)
            if team is None:
                reason = f"'{value[:60]}' is given to no team by {self._look_up.path.name}"
                unknown = Rejection(place, self._look_up.column, reason)
                whole = whole._replace(rejected=(*whole.rejected, unknown))
            else:
                places.setdefault(team, []).append(place)
        for team, of_team in places.items():
            client = self._client(team)
            told = client.send_lines(
                [lines[place] for place in of_team], timeout_s=timeout_s, pause=pause
            )
            whole = _joined(whole, told, of_team)
        return whole

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def _client(self, team: str) -> Client:
        with self._lock:
            if team not in self._clients:
                self._clients[team] = self._open.enter_context(self._client_of(team))
            return self._clients[team]

    def _value(self, line: bytes) -> str:
        """Return the value that is looked up, as it stands; "" when there is none."""
        try:
            members = _members.decode(line)
            if self._member not in ("subject", "id"):
                members = _members.decode(members["data"])
            found = bytes(members[self._member])
            text = msgspec.json.decode(found, type=str) if found[:1] == b'"' else found.decode()
        except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
            return ""
        return "" if found == _NULL else text


def _joined(whole: Receipt, told: Receipt, places: Sequence[int]) -> Receipt:
    rejected = tuple(Rejection(places[one.index], one.field, one.error) for one in told.rejected)
    return Receipt(
        max(whole.position, told.position),
        whole.stored + told.stored,
        whole.duplicates + told.duplicates,
        whole.conflicts + tuple(places[index] for index in told.conflicts),
        whole.rejected + rejected,
    )
