"""Where the rows of the events table are: in this process, on one server, on a cluster of servers.

In the flow: a value of the engine's; whatever is a statement of one layout only asks it.
Guarantee: questions are the same text in every layout: they name ``TABLE``.

On a cluster ``TABLE`` holds nothing: it reads from and writes to a table of each server, which has
the columns, the projections and the parts. So what changes rows, columns or projections names
``local``, with ``on_cluster``, and what looks at parts asks every server.
"""

from __future__ import annotations

from typing import NamedTuple

from livetally.store.events.literals import literal

__all__ = ["TABLE", "Layout"]

TABLE = "livetally.events"


class Layout(NamedTuple):
    """A layout: embedded, or on a ``server``, or on each server of a ``cluster``."""

    server: bool = False
    cluster: str = ""

    @property
    def local(self) -> str:
        """The table that has the rows, with its database."""
        return f"{TABLE}_local" if self.cluster else TABLE

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that have the columns, in the order in which they get a new one."""
        return (self.local, TABLE) if self.cluster else (TABLE,)

    @property
    def on_cluster(self) -> str:
        """What follows a table's name in a statement that is for every server."""
        return f" ON CLUSTER {_quoted(self.cluster)}" if self.cluster else ""

    @property
    def altering(self) -> str:
        """The beginning of a statement that changes rows, projections or settings."""
        return f"ALTER TABLE {self.local}{self.on_cluster}"

    @property
    def of_local(self) -> str:
        """The condition for the table that has the rows, in a table of the engine's own."""
        return _of_tables(self.local)

    @property
    def of_all(self) -> str:
        """As ``of_local``, for the tables that have the columns."""
        return _of_tables(*self.tables)

    def everywhere(self, table: str) -> str:
        """Return what to read a table of the engine's own from, so that it is of every server."""
        return f"clusterAllReplicas({literal(self.cluster)}, {table})" if self.cluster else table


def _of_tables(*names: str) -> str:
    """Return the condition for tables, by name with database, in a table of the engine's own."""
    database = names[0].partition(".")[0]
    tables = ", ".join(literal(name.partition(".")[2]) for name in names)
    return f"database = {literal(database)} AND table IN ({tables})"


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
