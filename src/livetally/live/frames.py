"""Server-sent events as bytes.

In the flow: receives encoded rows from topics, hands frames to streams.
Guarantee: the id is in the last frame of what is written together: a connection that is cut before
it repeats the others, which is harmless; one that is cut after it repeats nothing. First snapshots
are long, so each has an id that says of how many questions they were.

Source: WHATWG HTML, section 9.2 (server-sent events).
"""

from __future__ import annotations

__all__ = ["SNAPSHOT", "UPDATE", "beat", "frame", "numbered", "partial", "payload", "retry"]

SNAPSHOT = b"snapshot"
UPDATE = b"update"


def payload(head: bytes, position: int, rows: bytes, keys: bytes = b"") -> bytes:
    """Return the members of a frame's data but the first, which tells the question.

    ``keys`` are those of all rows in their order, where that is news.
    """
    order = b',"keys":' + keys if keys else b""
    return b'%s"position":%d,"rows":%s%s}' % (head, position, rows, order)


def frame(event: bytes, prefix: bytes, members: bytes) -> bytes:
    """Return one event; ``prefix`` tells which question it is about, empty for the only one."""
    return b"event: %s\ndata: {%s%s\n\n" % (event, prefix, members)


def numbered(frames: list[bytes], epoch: bytes, position: int) -> bytes:
    """Join frames, the last with the id; without any, the id alone moves the client on."""
    identity = b"id: %s.%d\n" % (epoch, position)
    if not frames:
        return identity + b"\n"
    return b"".join((*frames[:-1], identity, frames[-1]))


def partial(snapshot: bytes, epoch: bytes, position: int, questions: int) -> bytes:
    """Return a first snapshot with the id of who has it: of the first ``questions`` of several."""
    return b"id: %s.%d-%d\n%s" % (epoch, position, questions, snapshot)


def beat(epoch: bytes, position: int) -> bytes:
    """Return a sign of life that moves the client's position on."""
    return b":\nid: %s.%d\n\n" % (epoch, position)


def retry(ms: int) -> bytes:
    """Return how long a client is to wait before it comes back."""
    return b"retry: %d\n\n" % ms
