"""Taking rows away for good: those of a subject, and those that are too old.

In the flow: called by ``server.erasing``, ``server.keeping`` and ``backup``; nothing else deletes.
Guarantee: when a function returns, no question counts the rows any more, in rows or statistics, and
``old_parts`` tells which files may still hold them. The text of a change, which the engine keeps
for a while, holds a fingerprint and not the subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder
from livetally.store.events.literals import literal
from livetally.store.events.scope import of_team, without

__all__ = [
    "Identified",
    "Subject",
    "count_old",
    "count_rows",
    "erase_old",
    "erase_rows",
    "fingerprint_of",
    "identities_of",
    "old_parts",
]

_PAGE = 20_000
_WAIT = "SETTINGS mutations_sync = 2"
# What stands for a row's subject: the same as fingerprint_of says.
_FINGERPRINT = "lower(hex(SHA256(concat(toString(team), '\\0', subject))))"
_SLOW = {"max_execution_time": 3600}


class Subject(NamedTuple):
    """Whose rows: a team's subject by its fingerprint, up to a position."""

    team: int
    fingerprint: str
    position: int


class Identified(NamedTuple):
    """What the identity of a row is made of."""

    source: str
    id: str


def fingerprint_of(team: int, subject: str) -> str:
    """Return what stands for a subject where its name must not stand."""
    return sha256(f"{team}\0{subject}".encode()).hexdigest()


def count_rows(engine: Engine, of: Subject) -> int:
    """Return how many rows there are of a subject. Blocks; reads the team's subjects."""
    binder = Binder()
    sql = f"SELECT count() {of_team(of.team, binder)} AND {_rows_of(of)}"
    rows = engine.read(sql, binder.parameters, _SLOW)
    return int(rows[0][0])


def identities_of(engine: Engine, of: Subject) -> Iterator[list[Identified]]:
    """Yield the identities of a subject's rows, up to 20,000 at a time. Blocks for each."""
    beyond = ""
    binder = Binder()
    while True:
        rows = engine.read(
            f"SELECT DISTINCT source, id {of_team(of.team, binder)} AND {_rows_of(of)}{beyond}"
            f" ORDER BY source, id LIMIT {_PAGE}",
            binder.parameters,
            _SLOW,
        )
        if not rows:
            return
        yield [Identified(source, event_id) for source, event_id in rows]
        binder = Binder()
        last = ", ".join(binder.bind(str(text), "String") for text in rows[-1])
        beyond = f" AND (source, id) > ({last})"


def erase_rows(engine: Engine, of: Subject) -> None:
    """Take a subject's rows away. Blocks until every part is without them."""
    engine.execute(f"{without(engine.layout, of.team, _rows_of(of))} {_WAIT}")


def count_old(engine: Engine, team: int, kind: str, before_us: int) -> int:
    """Return how many rows of a type are from before an instant (microseconds). Blocks."""
    binder = Binder()
    sql = f"SELECT count() {of_team(team, binder)} AND {_older(kind, before_us)}"
    rows = engine.read(sql, binder.parameters, _SLOW)
    return int(rows[0][0])


def erase_old(engine: Engine, team: int, kind: str, before_us: int) -> None:
    """Take a type's rows from before an instant (microseconds) away. Blocks until it is done."""
    engine.execute(f"{without(engine.layout, team, _older(kind, before_us))} {_WAIT}")


def old_parts(engine: Engine) -> set[str]:
    """Return the parts on disk that no question reads any more: what is erased may be in them.

    The engine removes them within a minute. On a cluster a name is one server's.
    """
    layout = engine.layout
    if not layout.server:
        # After a start it looks for parts that were replaced before in the background.
        engine.execute(f"SYSTEM WAIT LOADING PARTS {layout.local}")
    name = "concat(hostName(), ' ', name)" if layout.cluster else "name"
    rows = engine.read(
        f"SELECT {name} FROM {layout.everywhere('system.parts')}"
        f" WHERE {layout.of_local} AND NOT active"
    )
    return {str(name) for (name,) in rows}


def _rows_of(of: Subject) -> str:
    return (
        f"position <= {of.position:d} AND subject != ''"
        f" AND {_FINGERPRINT} = {literal(of.fingerprint)}"
    )


def _older(kind: str, before_us: int) -> str:
    return f"type = {literal(kind)} AND toUnixTimestamp64Micro(occurred_at) < {before_us:d}"
