"""One client's connection: what it must still be told, in as few bytes as that takes.

In the flow: opened by ``api``, told by ``rounds`` what changed, writes to its outlet.
Guarantee: memory is bounded by the rows of the client's questions, never by how slow it is: what a
client that does not read has not been sent is a set of row keys, and the rows are read when it is
ready for them. An ``id`` is sent only when everything up to that position has been; while the first
snapshots are sent, it also says of how many questions, so that a client that is cut off between two
of them goes on from there, and does not see older answers of another process.

No task waits here for a client: a change is written where it is told, and a client that takes no
more is written to when its connection says that it does.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import structlog

from livetally.live.chance import jitter
from livetally.live.frames import beat, numbered, partial, retry
from livetally.live.telling import Telling
from livetally.live.topic import Place
from livetally.telemetry import DEFECTS
from livetally.tenancy import Identity

__all__ = ["Host", "Outlet", "Resume", "Stream"]

_log = structlog.get_logger("livetally.live")

_RETRY_MS = (1000, 3000)


class Resume(NamedTuple):
    """What a client has: up to ``position``, of the first ``had`` questions; None: of all."""

    position: int
    had: int | None = None


class Outlet(Protocol):
    """A connection to one client; while it is ``paused`` the client takes no more."""

    paused: bool

    def write(self, data: bytes) -> None:
        """Send, or keep until it can be sent; never blocks."""
        ...

    def unsent_bytes(self) -> int:
        """Return how much was kept."""
        ...

    def close(self) -> None:
        """End the connection after what was written."""
        ...

    def abort(self) -> None:
        """End the connection now."""
        ...


class Host(Protocol):
    """What a stream needs of the hub: the newest commit that was noted, and a way to leave."""

    seen: int

    def leave(self, stream: Stream) -> None:
        """Forget a stream that has ended."""
        ...


class Stream:
    """What one client must be told. Used on the event loop's thread only."""

    __slots__ = (
        "_host",
        "_position",
        "ended",
        "ends_s",
        "epoch",
        "outlet",
        "paused_s",
        "places",
        "unnumbered",
        "unsent_bytes",
        "who",
        "wrote_s",
    )

    def __init__(self, host: Host, who: Identity, epoch: str, ends_s: float) -> None:
        """Belong to ``who``; ``epoch`` goes into every id; end at ``ends_s`` of monotonic time."""
        self._host = host
        self._position = 0
        self.who = who
        self.epoch = epoch.encode()
        self.places: list[Place] = []
        self.outlet: Outlet | None = None
        self.ended = False
        # A question failed: no id is sent, so that whoever comes back gets all that it lacks.
        self.unnumbered = False
        self.ends_s = ends_s
        self.wrote_s = 0.0
        # Since when the client takes nothing, and what was kept for it at the last look.
        self.paused_s: float | None = None
        self.unsent_bytes = 0

    def open(self, outlet: Outlet, first: bytes, resume: Resume | None, now_s: float) -> None:
        """Start to write: ``first``, then snapshots, and of what the client has what changed."""
        frames = self._first(resume or Resume(0, 0))
        self._position = resume.position if resume else 0
        self.outlet = outlet
        if any(place.topic.ended for place in self.places):
            # It failed since it was answered. Who comes back is told why, or is answered anew.
            outlet.write(retry(jitter.randint(*_RETRY_MS)))
            self.ended = True
            outlet.close()
            return
        outlet.write(retry(jitter.randint(*_RETRY_MS)) + first + self._joined(frames))
        # Streams that open together must not all send their signs of life together.
        self.wrote_s = now_s - jitter.random()
        if self.ended:
            outlet.close()

    def _first(self, resume: Resume) -> list[bytes]:
        """Return the frames to begin with; each snapshot says how many there were."""
        places = self.places
        had = len(places) if resume.had is None else resume.had
        if had < len(places) and self.unnumbered:
            had = 0  # those that failed are not counted
        frames = []
        for number, place in enumerate(places, 1):
            place.take()
            if number > had:
                snapshot = place.topic.snapshot(place.prefix)
                if number < len(places) and not self.unnumbered:
                    snapshot = partial(snapshot, self.epoch, self._told(), number)
                frames.append(snapshot)
            elif lacking := _since(place, resume.position):
                frames.append(lacking)
        return frames

    def tell(self, places: list[Place], telling: Telling, now_s: float) -> None:
        """Write a change of the question at ``places``, or keep in mind what it was."""
        outlet = self.outlet
        if outlet is None or self.ended:
            return  # the opening reads the topics as they are then
        if outlet.paused or len(places) > 1:
            for place in places:
                place.mark(telling.change)
            if not outlet.paused:
                self.resumed()
            return
        place = places[0]
        position = telling.position if len(self.places) == 1 else self._told(telling)
        self._position = max(self._position, position)
        self.wrote_s = now_s
        if self.unnumbered:
            outlet.write(telling.plain(place.prefix))
        else:
            outlet.write(telling.numbered(place.prefix, self.epoch, self._position))

    def fail(self, frame: bytes) -> None:
        """Tell the client that a question can't be answered any more, and end."""
        if self.outlet is not None:
            self.end(frame)

    def beat(self, now_s: float) -> None:
        """Write a sign of life."""
        if self.outlet is None or self.outlet.paused or self.ended:
            return
        self.wrote_s = now_s
        self._position = max(self._position, self._told())
        self.outlet.write(b":\n\n" if self.unnumbered else beat(self.epoch, self._position))

    def resumed(self) -> None:
        """Write what the client has missed: it takes more again."""
        self.paused_s = None
        frames = [frame for place in self.places if (frame := place.take())]
        if frames and self.outlet is not None and not self.ended:
            self.outlet.write(self._joined(frames))

    def gone(self) -> None:
        """Leave: the connection is no more."""
        self.ended = True
        self.outlet = None
        self._host.leave(self)

    def end(self, last: bytes = b"") -> None:
        """End after what was written, and ``last``; one that is not open yet ends when it is."""
        if self.ended:
            return
        self.ended = True
        if self.outlet is not None:
            if last and not self.outlet.paused:
                self.outlet.write(last)
            self.outlet.close()

    def abort(self) -> None:
        """End now, whatever was not sent yet."""
        self.ended = True
        if self.outlet is not None:
            self.outlet.abort()

    def is_stuck(self, now_s: float, stuck_s_max: float) -> bool:
        """Tell whether the client has taken nothing at all for ``stuck_s_max`` seconds."""
        outlet = self.outlet
        if outlet is None or not outlet.paused:
            self.paused_s = None
            return False
        unsent_bytes = outlet.unsent_bytes()
        if self.paused_s is None or unsent_bytes != self.unsent_bytes:
            self.paused_s, self.unsent_bytes = now_s, unsent_bytes
        return now_s - self.paused_s >= stuck_s_max

    def _joined(self, frames: list[bytes]) -> bytes:
        if self.unnumbered:
            return b"".join(frames)
        self._position = max(self._position, self._told())
        return numbered(frames, self.epoch, self._position)

    def _told(self, telling: Telling | None = None) -> int:
        """Return up to where this client knows every one of its questions."""
        seen = self._host.seen
        return min(
            (
                telling.position
                if telling is not None and place.topic is telling.topic
                else place.topic.true_at(seen)
                for place in self.places
            ),
            default=0,
        )


def _since(place: Place, position: int) -> bytes:
    """Return what a client lacks; the whole where that can't be told: others go on as they are."""
    try:
        return place.topic.since(place.prefix, position)
    except Exception:  # noqa: BLE001 - whatever it is, it must not silence other questions
        DEFECTS.labels("live resume").inc()
        _log.exception("a defect: please report it; sending the whole", loop="live resume")
        return place.topic.snapshot(place.prefix)
