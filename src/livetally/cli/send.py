"""``livetally send``: one event from the options, or many from files or standard input.

In the flow: receives options and files, hands jobs to ``load`` or one event to the client.
Guarantee: an event of a file counts once, however often the file is sent; one without an id from
standard input or the options counts each time.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from livetally.cli.codes import DONE, FAILED, WrongUsage
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import Input, MaybeName, Seconds, require_files

if TYPE_CHECKING:
    from livetally.cli.load.shape import Shape

__all__ = ["send"]

_IMPORT_READS: Final = "'livetally import' reads CSV, TSV and Parquet files."


def send(
    *files: Input,
    type: MaybeName = None,  # noqa: A002 - the name of the option
    subject: str | None = None,
    data: str | None = None,
    time: str | None = None,
    id: str | None = None,  # noqa: A002 - as above
    map: Annotated[str | None, Parameter(name="--map")] = None,  # noqa: A002 - as above
    source: str = "",
    format: Literal["jsonl", "json"] | None = None,  # noqa: A002 - as above
    rejected: Path | None = None,
    patience: Seconds = 60.0,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Send events: one from the options, or many from a file or standard input.

    Args:
        files: Files of events, perhaps packed (.gz, .zst); - is standard input.
        type: Send one event, of this type.
        subject: Its subject.
        data: Its data, a JSON object.
        time: Its time, such as 2026-03-29T12:00:00+02:00; now by default.
        id: Its id; one is made without it.
        map: Mapping that makes events of what the files hold, as DEFINITION:NAME.
        source: Source of the events that name none; part of their identity.
        format: What the files hold, when their names do not say it.
        rejected: File for the events that can't be taken; FILE.rejected by default.
        patience: Seconds to go on trying when the server can't be reached.
        json: Print the result as JSON.
        connection: How to reach the server.

    Returns:
        0 when every event was taken, else 1.

    Raises:
        LivetallyError: a file can't be read, or the server can't be reached.
    """
    require_files(files)
    single = {"type": type, "subject": subject, "data": data, "time": time, "id": id}
    given = [f"--{name}" for name, value in single.items() if value is not None]
    if type is not None and not files and map is None:
        return _send_one(single | {"source": source or None}, patience, connection, json=json)
    if given:
        raise WrongUsage(f"{given[0]} is for a single event: give --type, and no files.")
    if not files and sys.stdin.isatty():
        raise WrongUsage("Give files, or --type for a single event, or pipe events in.")
    shape = _shape(map, source)
    return _send_files(
        files or (Path("-"),), shape, format, rejected, patience, connection, json=json
    )


def _shape(mapping: str | None, source: str) -> Shape:
    from livetally.cli.load.shape import Shape
    from livetally.cli.mappings import find, text_of

    salt, mapped = find(mapping) if mapping else ("", None)
    text = text_of(mapping) if mapping else ""
    return Shape(type=None, source=source, mapping=mapped, mapping_text=text, salt=salt)


def _send_files(
    paths: tuple[Path, ...],
    shape: Shape,
    form: str | None,
    rejected: Path | None,
    patience: float,
    connection: Connection,
    *,
    json: bool,
) -> int:
    from secrets import token_hex

    from livetally.cli.load.loading import Job
    from livetally.cli.load.opening import STDIN
    from livetally.cli.loaded import load_all, position_of
    from livetally.client import Call

    # What is piped in is not known to be the same as the last time.
    each_time = replace(shape, salt=token_hex(8))
    is_mapped = shape.mapping is not None
    formats = [
        form or "jsonl" if path == STDIN else form or _format_of(path, is_mapped=is_mapped)
        for path in paths
    ]
    jobs = [
        Job(
            path=path,
            format=each,
            shape=each_time if path == STDIN else shape,
            declared={},
            server=connection.identity,
            rejected=rejected,
            patience_s=patience,
        )
        for path, each in zip(paths, formats, strict=True)
    ]
    with connection.open() as client:
        # A wrong address is told at once; a server that goes away later is waited for.
        client.request(Call("GET", "/healthz"))
        position = position_of(client)
        return load_all([job._replace(position=position) for job in jobs], client, json=json)


def _format_of(path: Path, *, is_mapped: bool) -> str:
    """Return the format of a file of events, from its name.

    Raises:
        WrongUsage: it is a file for ``import``.
        LivetallyError: the name does not say it.
    """
    from livetally.cli.load.loading import FORMATS
    from livetally.cli.load.opening import plain_suffix
    from livetally.errors import LivetallyError

    if path.is_dir():
        raise WrongUsage(f"{path} is a directory: 'livetally import' reads those.")
    form = FORMATS.get(plain_suffix(path))
    if form is None:
        raise LivetallyError(
            f"{path}: say what it holds with --format: jsonl or json (the name may end in .jsonl,"
            f" .ndjson or .json, and then in .gz or .zst). {_IMPORT_READS}"
        )
    if form in ("csv", "tsv") and not is_mapped:
        raise WrongUsage(f"{path} has rows, which are no events yet. {_IMPORT_READS}")
    return form


def _send_one(event: dict[str, Any], patience: float, connection: Connection, *, json: bool) -> int:
    import msgspec

    from livetally.cli.output import note, print_json
    from livetally.client.answer import decode_exact

    if event["data"] is not None:
        try:
            event["data"] = decode_exact(event["data"])
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            reason = _half_of(event["data"]) or str(error)
            raise WrongUsage(f"--data must be a JSON object: {reason}.") from None
    with connection.open() as client:
        receipt = client.send_now([event], timeout_s=patience)
    if json:
        print_json(receipt._asdict())
    elif receipt.stored or receipt.duplicates:
        what = "Stored" if receipt.stored else "Stored before"
        print(f"{what}; counted at position {receipt.position:,}.")
    for one in receipt.rejected:
        note(f"livetally: rejected: {one.field}: {one.error}")
    if receipt.conflicts:
        note("livetally: rejected: id: it was stored before with other content")
    return FAILED if receipt.rejected or receipt.conflicts else DONE


def _half_of(text: str) -> str:
    """Say which escape is half a character, which msgspec takes for the end; "" if none is."""
    import re
    from json import dumps, loads

    try:
        written = dumps(loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""
    half = re.search("[\ud800-\udfff]", written)
    return f"\\u{ord(half[0]):04x} is half of a character" if half else ""
