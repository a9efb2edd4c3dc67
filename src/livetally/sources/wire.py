"""What a server and its workers say to each other.

In the flow: written and read by ``dispatch`` in the server and by ``worker``, which ``broker``
connects.
Guarantee: a text that came is one of these messages or is refused; a worker reads the definition
again by the rules of ``definitions``, and believes no other part of it.

    server                                  worker
    PREFIX.sources.run        Offer    ──▶  one of the queue group: Taken or Busy
    PREFIX.sources.stop       Stop     ──▶  all
    PREFIX.sources.workers             ◀──  Here, every few seconds
    Offer.to + ".beat"                 ◀──  Beat: Going or Gone
    Offer.to + ".told"                 ◀──  Events: Stored or Gone; Ended, Left: Going or Gone
"""

from __future__ import annotations

import zlib
from typing import Any, TypeAlias, TypeVar

import msgspec

from livetally.definitions import Source, read_json
from livetally.errors import ClientError, UnreadableBody
from livetally.sources.pull import Counts, Known, Outcome

__all__ = [
    "PROTOCOL",
    "Beat",
    "Busy",
    "Ended",
    "Events",
    "FromServer",
    "FromWorker",
    "Going",
    "Gone",
    "Here",
    "Left",
    "Offer",
    "Stop",
    "Stored",
    "Subjects",
    "Taken",
    "packed",
    "read_from_server",
    "read_from_worker",
    "read_source",
    "written_source",
]

PROTOCOL = 1
_DEFINITION_BYTES_MAX = 16 * 1024 * 1024


class Subjects:
    """The subjects of one Livetally among those of a broker."""

    def __init__(self, prefix: str) -> None:
        """Put ``prefix`` before all of them."""
        self.run = f"{prefix}.sources.run"
        self.stop = f"{prefix}.sources.stop"
        self.workers = f"{prefix}.sources.workers"
        self._to = f"{prefix}.sources.to."

    def to(self, run: str) -> str:
        """Return where the worker of a run tells of it."""
        return f"{self._to}{run}"


class Offer(msgspec.Struct, tag="offer", frozen=True):
    """A run to be done: the source and what is known of it; ``to`` is where to tell."""

    protocol: int
    run: str
    to: str
    source: bytes
    known: Known
    beat_s: float
    silence_s: float


class Stop(msgspec.Struct, tag="stop", frozen=True):
    """A run must end."""

    run: str


class Stored(msgspec.Struct, tag="stored", frozen=True):
    """Events are durable; what became of them."""

    counts: Counts


class Going(msgspec.Struct, tag="going", frozen=True):
    """Heard; go on."""


class Gone(msgspec.Struct, tag="gone", frozen=True):
    """Nobody waits for this run any more: it was stopped, or given to another worker."""


class Taken(msgspec.Struct, tag="taken", frozen=True):
    """A worker does the run."""

    worker: str


class Busy(msgspec.Struct, tag="busy", frozen=True):
    """A worker can't do the run."""

    worker: str
    reason: str


class Here(msgspec.Struct, tag="here", frozen=True):
    """A worker is there, and does so many runs."""

    name: str
    version: str
    runs: int


class Beat(msgspec.Struct, tag="beat", frozen=True):
    """A run goes on; ``worker`` is who does it, in this message and the next three."""

    worker: str


class Events(msgspec.Struct, tag="events", frozen=True):
    """Lines of events; ``number`` counts the messages of a run from 1, a repeated one as before."""

    worker: str
    number: int
    lines: bytes


class Ended(msgspec.Struct, tag="ended", frozen=True):
    """A run has come to its end."""

    worker: str
    outcome: Outcome


class Left(msgspec.Struct, tag="left", frozen=True):
    """The worker was told to stop: somebody else has to do the run."""

    worker: str


FromServer: TypeAlias = Offer | Stop | Stored | Going | Gone
FromWorker: TypeAlias = Taken | Busy | Here | Beat | Events | Ended | Left

_M = TypeVar("_M")
_from_server: msgspec.msgpack.Decoder[FromServer] = msgspec.msgpack.Decoder(FromServer)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_encoder = msgspec.msgpack.Encoder()


def packed(message: FromServer | FromWorker) -> bytes:
    """Return a message's bytes."""
    return _encoder.encode(message)


def read_from_server(body: bytes) -> FromServer:
    """Read what a server said.

    Raises:
        UnreadableBody: it is none of the messages.
    """
    return _read(_from_server, body)


def read_from_worker(body: bytes) -> FromWorker:
    """Read what a worker said.

    Raises:
        UnreadableBody: it is none of the messages.
    """
    return _read(_from_worker, body)


def written_source(source: Source) -> bytes:
    """Write a source down, with the look-up tables that its mapping may ask."""
    document: dict[str, Any] = {
        "application": source.application,
        "source": {source.name: source.raw},
        "lookup": {name: {"rows": one.rows} for name, one in source.mapping.lookups.items()},
    }
    return zlib.compress(msgspec.json.encode(document), 1)


def read_source(written: bytes) -> Source:
    """Read a source again.

    Raises:
        ClientError: it is none, by this version's rules.
    """
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(written, _DEFINITION_BYTES_MAX)
        document = msgspec.json.decode(body)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableBody(f"The source can't be read: {error}.") from None
    sources = list(read_json(document, "the server's source").sources.values())
    if len(sources) != 1:
        raise ClientError("The server's message names no source.")
    return sources[0]


def _read(decoder: msgspec.msgpack.Decoder[_M], body: bytes) -> _M:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableBody(f"The message can't be read: {error}.") from None
