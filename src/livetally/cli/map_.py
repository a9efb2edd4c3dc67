"""``livetally map``: shows which events a mapping makes of a file.

In the flow: receives a payload and a definition, prints what would be sent.
Guarantee: needs no server and sends nothing; what is shown is what an inlet would take, a source
fetch or an import send.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from livetally.cli.codes import DONE, FAILED
from livetally.cli.inputs import Input, require_files, require_text

if TYPE_CHECKING:
    from livetally.cli.load.records import Line
    from livetally.cli.mappings import EventsOf
    from livetally.mapping import Context, Mapped

__all__ = ["map_file"]

_ROWS_SHOWN = 20

_Payload: TypeAlias = "tuple[int | None, Any, str]"
"""The line of a row, what stands there, and why it can't be read, if it can't."""


def map_file(
    file: Input,
    /,
    *,
    definition: Annotated[Path, Parameter(name="--with")],
    inlet: str | None = None,
    import_: Annotated[str | None, Parameter(name="--import")] = None,
    source: str | None = None,
    param: list[str] | None = None,
    header: list[str] | None = None,
    query: list[str] | None = None,
    format: (  # noqa: A002 - the option's name
        Literal["csv", "tsv", "jsonl", "json", "parquet"] | None
    ) = None,
    encoding: str = "utf-8-sig",
    delimiter: str = ",",
    limit: int = _ROWS_SHOWN,
) -> int:
    """Show which events a mapping makes of a file, one on each line; nothing is sent.

    Args:
        file: File with a payload or with rows, perhaps packed; - is standard input.
        definition: Definition file that has the mapping.
        inlet: Name of the inlet whose mapping is used; needed where there are several mappings.
        import_: Name of the import whose mapping is used.
        source: Name of the source whose mapping is used.
        param: Part of the path, as id=5; may be repeated.
        header: Header of the request, as X-GitHub-Event=push; may be repeated.
        query: Parameter of the query, as page=2; may be repeated.
        format: What the file holds, when its name does not say it.
        encoding: Encoding of a CSV file, such as latin-1.
        delimiter: What stands between the cells of a CSV file.
        limit: Rows of a file with many to show; 0 shows all.

    Returns:
        0 when every record became an event or was left out, else 1.

    Raises:
        LivetallyError: a file can't be read, or the definition has mistakes.
    """
    from livetally.cli.check import read_file
    from livetally.cli.codes import WrongUsage
    from livetally.cli.mappings import choose
    from livetally.mapping import Context

    require_files([file])
    require_text(encoding, delimiter)
    named = {"inlet": inlet, "import": import_, "source": source}
    given = [(kind, name) for kind, name in named.items() if name is not None]
    if len(given) > 1:
        raise WrongUsage("Give one of --inlet, --import and --source.")
    kind, events_of = choose(read_file(definition), *(given[0] if given else ()))
    context = Context(
        _pairs("--param", param or ()),
        {name.lower(): text for name, text in _pairs("--header", header or ()).items()},
        _pairs("--query", query or ()),
    )
    rows = _rows_of(file, encoding, delimiter, format, is_import=kind == "import")
    return _show(events_of, context, rows, limit)


def _show(events_of: EventsOf, context: Context, payloads: Iterator[_Payload], limit: int) -> int:
    from livetally.cli.output import note
    from livetally.mapping import encode_items

    counts = [0, 0, 0]
    for number, (line, payload, broken) in enumerate(payloads):
        if limit and number == limit and line is not None:
            note(f"Only the first {limit} rows were read; --limit 0 reads all.")
            break
        if broken:
            note(f"line {line}: {broken}")
            counts[1] += 1
            continue
        mapped = events_of(payload, context)
        if line is not None and mapped.faults:
            # An import refuses such a row whole.
            mapped = mapped._replace(items=[])
        sys.stdout.write(encode_items(mapped.items).decode())
        for index, field, reason in mapped.faults:
            place = f"record {index}" if line is None else f"line {line}"
            note(f"{place}: {field}: {reason}")
        counts = [sum(pair) for pair in zip(counts, _counted(mapped), strict=True)]
    events, faults, skipped = counts
    note(f"Events: {events}, left out: {skipped}, rejected: {faults}.")
    return FAILED if faults else DONE


def _counted(mapped: Mapped) -> tuple[int, int, int]:
    return len(mapped.items), len(mapped.faults), mapped.skipped


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    from livetally.cli.codes import WrongUsage

    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise WrongUsage(f"{option}: write NAME=VALUE.")
        pairs[name] = value
    return pairs


def _rows_of(
    file: Path, encoding: str, delimiter: str, form: str | None, *, is_import: bool
) -> Iterator[_Payload]:
    """Yield the payload of a JSON file, or each row of a file of rows with its line.

    To an import an array is a file of rows too.
    """
    from livetally.cli.load.loading import format_of
    from livetally.cli.load.objects import array_lines
    from livetally.cli.load.opening import STDIN, opened, refusal
    from livetally.cli.load.parquet import parquet_lines
    from livetally.cli.load.records import json_lines
    from livetally.errors import LivetallyError
    from livetally.mapping import decode_payload

    kind = form or ("json" if file == STDIN else format_of(file, None))
    with opened(file) as source:
        if kind == "json" and is_import:
            try:
                yield from map(_of_line, array_lines(source.stream.read()))
            except ValueError as error:
                raise LivetallyError(f"{file} {error}.") from None
        elif kind == "json":
            yield None, decode_payload(source.stream.read().removeprefix(b"\xef\xbb\xbf")), ""
        elif kind in ("jsonl", "parquet"):
            read = json_lines if kind == "jsonl" else parquet_lines
            for line in read(source.stream):
                yield _of_line(line)
        else:
            try:
                yield from _of_rows(source.stream, encoding, "\t" if kind == "tsv" else delimiter)
            except UnicodeError as error:
                raise refusal(file, error, has_encoding=True) from None


def _of_line(line: Line) -> _Payload:
    from livetally.cli.load.shape import BECAUSE, LINE, NOT_MENDED, UNMENDED
    from livetally.errors import UnreadableBody
    from livetally.mapping import decode_payload

    if line.broken:
        return line.line, None, line.broken
    try:
        record = decode_payload(line.text)
    except UnreadableBody as error:
        return line.line, None, error.message.removeprefix("The body ").rstrip(".")
    if isinstance(record, dict) and record.keys() == UNMENDED:
        return line.line, None, NOT_MENDED
    if isinstance(record, dict) and LINE in record:
        record = {name: one for name, one in record.items() if name not in (LINE, BECAUSE)}
    return line.line, record, ""


def _of_rows(stream: IO[bytes], encoding: str, delimiter: str) -> Iterator[_Payload]:
    from livetally.cli.load.mapped import fault_of_row
    from livetally.cli.load.records import csv_rows
    from livetally.cli.load.shape import BECAUSE, LINE
    from livetally.cli.load.table import heading_of

    apart = {LINE, BECAUSE, ""}
    rows = csv_rows(stream, encoding, delimiter)
    heading = heading_of(rows)
    for row in rows:
        cells = zip(heading, row.cells, strict=False)
        record = {name: text for name, text in cells if text and name not in apart}
        yield row.line, record, fault_of_row(row, len(heading))
