"""Of the records that a source has told of in more than one version: which one is the newest.

In the flow: asked by ``server.versions`` at the beginning and the end of a source's run.
Guarantee: the newest is the one of the latest commit; an answer covers whole commits. The engine's
memory stays bounded however many records there are: they are counted in shares.

An event's id says which record it is of and with what content: ``KEY-CONTENT``, or
``KEY-CONTENT~BEFORE`` for a record that has changed back; see ``sources.versions``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder
from livetally.store.events.scope import of_team

__all__ = ["VersionsOf", "newest_of_changed"]

_VERSIONS_AT_ONCE = 250_000
_SETTINGS = {"max_execution_time": 600, "max_block_size": 16_384}
# Before "-" and 16 digits, or before "-", 16 digits, "~" and 16 digits.
_KEY = (
    "if(substring(id, -17, 1) = '~', substring(id, 1, length(id) - 34),"
    " substring(id, 1, length(id) - 17))"
)
_SHORT = f"cityHash64({_KEY})"
# By commit, and within one by anything that is always the same.
_ORDER = "bitOr(bitShiftLeft(toUInt128(position), 64), toUInt128(cityHash64(id)))"


class VersionsOf(NamedTuple):
    """A team's events of one source; of one type, or "" where the type depends on the record."""

    team: int
    source: str
    type: str


def newest_of_changed(engine: Engine, of: VersionsOf, since: int, upto: int) -> Iterator[list[str]]:
    """Yield the ids of newest versions, in lists, up to the commit ``upto``. Blocks for each.

    Of every record that has more than one version, one of them from a commit after ``since``.
    """
    count = _count(engine, of, since, upto)
    shares = -(-count // _VERSIONS_AT_ONCE)
    for share in range(shares):
        binder = Binder()
        only = f" AND {_SHORT} % {shares:d} = {share:d}" if shares > 1 else ""
        if since:
            added = f"SELECT {_SHORT} {_where(of, since, upto, binder)}{only}"
            only += f" AND {_SHORT} IN ({added})"
        # Most records have one version: what is worked out for each is only a count.
        several = (
            f"SELECT {_SHORT} {_where(of, 0, upto, binder)}{only}"
            f" GROUP BY {_SHORT} HAVING count() > 1"
        )
        rows = engine.read(
            f"SELECT argMax(id, {_ORDER}) {_where(of, 0, upto, binder)}"
            f" AND {_SHORT} IN ({several}) GROUP BY sipHash128({_KEY}) HAVING count() > 1",
            binder.parameters,
            _SETTINGS,
        )
        yield [str(event_id) for (event_id,) in rows]


def _count(engine: Engine, of: VersionsOf, since: int, upto: int) -> int:
    binder = Binder()
    sql = f"SELECT count() {_where(of, since, upto, binder)}"
    return int(engine.read(sql, binder.parameters, _SETTINGS)[0][0])


def _where(of: VersionsOf, since: int, upto: int, binder: Binder) -> str:
    rows = f"{of_team(of.team, binder)} AND source = {binder.bind(of.source, 'String')}"
    if of.type:
        rows += f" AND type = {binder.bind(of.type, 'String')}"
    first, last = (binder.bind(bound, "UInt64") for bound in (since, upto))
    return f"{rows} AND position > {first} AND position <= {last}"
