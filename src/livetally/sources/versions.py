"""The versions of a record: what their ids are, and which of them has changed back.

In the flow: ``pull`` and ``following`` make ids with ``version_id``; ``server.versions`` notes what
a run brings, beside the newest versions that the store knows, and stores what ``Seen`` returns.
Guarantee: pure. A version has one id, whoever works it out and how often: it follows from the
record's key, its content and, where it is one that was there before, the version that it replaces.

    KEY-CONTENT         a content that the record has for the first time
    KEY-CONTENT~BEFORE  one that it has again; BEFORE stands for the id of the version before
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from livetally.definitions import Changes, Source
from livetally.event import Incoming

__all__ = ["CHANGED_MAX", "Newest", "Seen", "follows_versions", "version_id"]

CHANGED_MAX = 500_000
"""Records of one source whose newest version is remembered: a hundred megabytes or so."""

_KEY_CHARS_MAX = 200
_HASH_BYTES = 8
_KEPT_BYTES_MAX = 64 * 1024 * 1024
_EVENT_BYTES = 500
"""What an event takes beside its data, about."""

_ENDING = re.compile(r"-([0-9a-f]{16})(?:~[0-9a-f]{16})?\Z")
_SEVERAL = b""


def version_id(key: str, content: bytes) -> str:
    """Return the id of a record's version; ``content`` is JSON that the key is part of."""
    return f"{key[:_KEY_CHARS_MAX]}-{_hash(content).hex()}"


def follows_versions(source: Source) -> bool:
    """Whether a record of the source that changes back is a new event.

    Not one of a message, which a broker delivers again after newer ones; and not where the mapping
    says where events are from: two sources that tell of one record would change it back for ever.
    """
    members = {name for name, _ in source.mapping.members}
    return (
        source.changes is Changes.NEW
        and source.messages is None
        and "id" in members
        and "source" not in members
    )


class _Version(NamedTuple):
    key: str
    content: bytes


class Newest:
    """The newest versions of records that have had more than one; the others have no entry.

    For one thread at a time.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.position = 0
        """The commit up to which it is complete."""
        self._of: dict[bytes, bytes] = {}

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._of)

    def learn(self, ids: Iterable[str]) -> bool:
        """Take newest versions by their ids; return whether there was room for all of them."""
        for event_id in ids:
            version = _read(event_id)
            if version is None:
                continue
            mark = _mark(version.key)
            if len(self._of) >= CHANGED_MAX and mark not in self._of:
                return False
            self._of[mark] = version.content + _hash(event_id.encode())
        return True

    def content(self, mark: bytes) -> bytes | None:
        """Return the content of a record's newest version, None for one that never changed."""
        known = self._of.get(mark)
        return None if known is None else known[:_HASH_BYTES]

    def before(self, mark: bytes) -> str:
        """Return what stands for the version that comes before the next one."""
        return self._of[mark][_HASH_BYTES:].hex()


class Seen:
    """What one run has brought of records that have had more than one version."""

    def __init__(self) -> None:
        """Begin a run."""
        self._contents: dict[bytes, bytes] = {}
        self._kept: dict[bytes, Incoming] = {}
        self._bytes = 0
        self.missed = False
        """Whether there was no room for some that may have changed back."""

    @property
    def may_have_changed_back(self) -> bool:
        """Whether the newest version of any record is another than the one that was seen."""
        return bool(self._kept)

    def note(self, newest: Newest, events: Iterable[Incoming]) -> None:
        """See events; ``newest`` is what was known when the run began."""
        if not newest:
            return
        for event in events:
            version = _read(event.id or "")
            if version is None:
                continue
            mark = _mark(version.key)
            known = newest.content(mark)
            if known is None:
                continue
            before = self._contents.setdefault(mark, version.content)
            if before != version.content:
                # Not one record that changes, but several under one key: each is there at once.
                self._contents[mark] = _SEVERAL
                self._drop(mark)
            elif known != version.content and mark not in self._kept:
                self._keep(mark, event)

    def returned(self, newest: Newest) -> list[Incoming]:
        """Return the events of records that have changed back, with ids of their own.

        ``newest`` is what is known now: a version that this run has stored is none of them.
        """
        return [
            msgspec.structs.replace(event, id=_again_id(event.id or "", newest.before(mark)))
            for mark, event in self._kept.items()
            if newest.content(mark) != self._contents[mark]
        ]

    def _keep(self, mark: bytes, event: Incoming) -> None:
        size = len(bytes(event.data)) + _EVENT_BYTES
        if self._bytes + size > _KEPT_BYTES_MAX:
            self.missed = True
            return
        self._bytes += size
        # A copy: the data is a part of its page, which would stay with it.
        self._kept[mark] = msgspec.structs.replace(event, data=event.data.copy())

    def _drop(self, mark: bytes) -> None:
        event = self._kept.pop(mark, None)
        if event is not None:
            self._bytes -= len(bytes(event.data)) + _EVENT_BYTES


def _read(event_id: str) -> _Version | None:
    """Return what an id says; None when it is none of a version, or its key was cut."""
    found = _ENDING.search(event_id)
    if found is None or not 0 < found.start() < _KEY_CHARS_MAX:
        return None
    return _Version(event_id[: found.start()], bytes.fromhex(found[1]))


def _again_id(event_id: str, before: str) -> str:
    return f"{event_id}~{before}"


def _mark(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=16).digest()


def _hash(text: bytes) -> bytes:
    return blake2b(text, digest_size=_HASH_BYTES).digest()
