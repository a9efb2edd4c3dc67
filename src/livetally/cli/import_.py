"""``livetally import``: rows of CSV, or objects in lines of JSON, become events of one type.

In the flow: receives options and files, hands jobs to ``load``.
Guarantee: importing a file twice counts it once; nothing valid in it is lost to what is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import (
    Input,
    Seconds,
    expanded,
    is_named,
    require_files,
    require_text,
    require_time_format,
)
from livetally.cli.loaded import load_all, position_of

if TYPE_CHECKING:
    from livetally.cli.load.assign import Sender
    from livetally.cli.load.kinds import Kind
    from livetally.cli.load.shape import Shape
    from livetally.client import Client

__all__ = ["Columns", "import_file"]


@Parameter(name="*", group="Columns")
@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column is what; every other one goes into the event's data."""

    time: str | None = None
    """Column with the time of the event; without it, the time of arrival."""
    id: str | None = None
    """Column with the event's id; without it, ids follow from the file's content."""
    subject: str | None = None
    """Column with the event's subject."""
    skip: list[str] | None = None
    """Column to leave out; may be repeated."""
    types: list[str] | None = None
    """Kinds of columns, as zip=string,price=decimal; else the server's definition, else a guess."""
    tz: str = "UTC"
    """Time zone of times without an offset."""
    time_format: str = "iso"
    """iso; s, ms or us for numbers since 1970; or a pattern such as %d.%m.%Y %H:%M."""
    null: list[str] | None = None
    """Text that stands for an absent value besides the empty one, such as NA; may be repeated."""
    encoding: str = "utf-8-sig"
    """Encoding of a CSV file, such as latin-1."""
    delimiter: str = ","
    """What stands between the cells of a CSV file."""


def import_file(
    file: Input,
    /,
    *files: Input,
    type: Annotated[  # noqa: A002 - the option's name
        str | None, Parameter(name="--type", validator=is_named)
    ] = None,
    map: Annotated[str | None, Parameter(name="--map")] = None,  # noqa: A002 - as above
    source: str = "import",
    columns: Columns = Columns(),
    format: Literal["csv", "tsv", "jsonl", "json", "parquet"] | None = None,  # noqa: A002 - as above
    rejected: Path | None = None,
    team_from: str | None = None,
    patience: Seconds = 60.0,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Import rows of a CSV, JSON-lines or Parquet file as events.

    Args:
        file: File to import, perhaps packed (.gz, .zst), or a directory; - is standard input.
        files: Further ones, with the same columns.
        type: Type of the events; needed without --map.
        map: Mapping that makes events of the rows, as DEFINITION:NAME.
        source: Source of the events; part of their identity.
        columns: Which column is what.
        format: What the file holds, when its name does not say it.
        rejected: File for the rows that can't be taken; FILE.rejected by default.
        team_from: Look-up table that says which row is whose team's, as tags.csv:tag=team: the
            column in both files, and the table's column with the team. For an operator's key.
        patience: Seconds to go on trying when the server can't be reached.
        json: Print the summary as JSON.
        connection: How to reach the server.

    Returns:
        0 when every row was taken, else 1.

    Raises:
        LivetallyError: a file can't be read, or the server can't be reached.
    """
    from livetally.cli.load.loading import FORMATS, Job, format_of

    require_files((file, *files))
    found = expanded((file, *files), FORMATS)
    shape = _shape(type, map, source, columns)
    formats = [format_of(one.path, format) for one in found]
    with connection.open() as client, ExitStack() as stack:
        declared = {} if type is None else _declared(client, type)
        sender = stack.enter_context(_by_team(team_from, shape, connection, client))
        server = f"{connection.identity}\x1f{_table_of(team_from)}"
        position = position_of(client)
        jobs = [
            Job(
                path=one.path,
                format=form,
                shape=shape,
                declared=declared,
                server=server,
                rejected=rejected,
                patience_s=patience,
                name=one.name,
                position=position,
            )
            for one, form in zip(found, formats, strict=True)
        ]
        return load_all(jobs, sender, json=json)


@contextmanager
def _by_team(
    look_up: str | None, shape: Shape, connection: Connection, client: Client
) -> Iterator[Sender]:
    """Lend what sends each row to its team; the client itself when there is no table."""
    if look_up is None:
        yield client
        return
    from livetally.cli.codes import WrongUsage
    from livetally.cli.load.assign import Assigned, read_look_up

    if connection.team is not None:
        raise WrongUsage("--team-from says which row is whose: leave --team away.")
    table = read_look_up(look_up)
    member = {shape.subject: "subject", shape.id: "id"}.get(table.column, table.column)
    if table.column in shape.skip:
        raise WrongUsage(f"--team-from needs the column '{table.column}', which --skip leaves out.")
    _require_teams(client, set(table.team_of.values()), table.path)
    with Assigned(table, member, lambda team: replace(connection, team=team).open()) as sender:
        yield sender


def _table_of(look_up: str | None) -> str:
    """Return which table divides the rows, as it is now; "" when none does."""
    if look_up is None:
        return ""
    from hashlib import blake2b

    table = Path(look_up.rpartition(":")[0]).read_bytes()
    return f"{look_up}\x1f{blake2b(table, digest_size=16).hexdigest()}"


def _require_teams(client: Client, named: set[str], path: Path) -> None:
    """Refuse a table with a team that is none, before the first row is sent.

    An operator's key that may only write can't ask; then the server refuses the first batch.
    """
    import msgspec

    from livetally.client import Call
    from livetally.errors import Forbidden, LivetallyError

    try:
        reply = client.request(Call("GET", "/v1/teams"))
    except Forbidden:
        return
    known = {team["name"] for team in reply.read(msgspec.json.decode)["teams"]}
    if missing := sorted(named - known):
        raise LivetallyError(
            f"--team-from: {path} names the team '{missing[0]}', which is none that this key may"
            " act for; an operator's key may act for every team."
        )


def _shape(event_type: str | None, mapping: str | None, source: str, columns: Columns) -> Shape:
    from livetally.calendar import find_zone
    from livetally.cli.codes import WrongUsage
    from livetally.cli.load.shape import Shape
    from livetally.cli.mappings import find, text_of

    require_text(columns.encoding, columns.delimiter)
    require_time_format(columns.time_format)
    if (event_type is None) == (mapping is None):
        raise WrongUsage("Give one of --type and --map.")
    salt, mapped = find(mapping) if mapping else ("", None)
    if mapped is not None and (given := _of_types(columns)):
        raise WrongUsage(f"{given[0]} is for --type; the mapping says which column is what.")
    return Shape(
        type=event_type,
        source=source,
        id=columns.id,
        subject=columns.subject,
        time=columns.time,
        time_format=columns.time_format,
        zone=find_zone(columns.tz),
        kinds=dict(_kinds(columns.types or ())),
        skip=frozenset(columns.skip or ()),
        nulls=frozenset(("", *(columns.null or ()))),
        encoding=columns.encoding,
        delimiter=columns.delimiter,
        mapping=mapped,
        mapping_text=text_of(mapping) if mapping else "",
        salt=salt,
    )


def _of_types(columns: Columns) -> list[str]:
    """Return the options that say which column is what, those that were given."""
    standard = Columns()
    return [
        f"--{name.replace('_', '-')}"
        for name in ("time", "id", "subject", "skip", "types", "tz", "time_format")
        if getattr(columns, name) != getattr(standard, name)
    ]


def _kinds(texts: list[str] | tuple[()]) -> Iterator[tuple[str, Kind]]:
    """Read ``zip=string,price=decimal``."""
    from livetally.cli.codes import WrongUsage
    from livetally.cli.load.kinds import Kind

    for text in (part.strip() for given in texts for part in given.split(",")):
        name, _, kind = text.rpartition("=")
        if not name or kind not in Kind.__members__.values():
            raise WrongUsage(f"--types: write COLUMN=KIND, KIND one of {', '.join(Kind)}.")
        yield name, Kind(kind)


def _declared(client: Client, event_type: str) -> dict[str, Kind]:
    """Ask the server which fields it knows of this type of event.

    A key that may only write can't ask: then the columns tell.
    """
    import msgspec

    from livetally.cli.load.kinds import Kind
    from livetally.client import Call
    from livetally.errors import Forbidden

    try:
        reply = client.request(Call("GET", "/v1/definitions"))
    except Forbidden:
        return {}
    fields: dict[str, Any] = {}
    for application in reply.read(msgspec.json.decode)["applications"]:
        fields |= application.get("event", {}).get(event_type, {}).get("data", {})
    return {name: Kind(field["type"]) for name, field in fields.items()}
