"""Searches what a test's server has left, its data directory and its log, for secrets of Livetally.

In the flow: ``conftest`` puts it around the end of every ``livetally.testing.Server`` of a run.
Guarantee: every byte of every file and of the log is looked at, whatever its size, and so is what
``byte_search`` unpacks. A find names the place and the kind, and never repeats the secret.

A text is a key or a token when its checksum says so, in which case nobody made it up by accident.
Two may be in the log, once each: what the first start shows. Of these two and of the root key each
is known, so that they are found without what is around them, too.

The limit: where the engine packs with LZ4, a key of which ``lt_<id>_`` came shortly before may
stand in two pieces. Columns of texts are packed with Zstandard, which is unpacked.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from livetally.settings import PREFIX
from livetally.tenancy import TokenKind, parse_key, parse_token
from tests.byte_search import contents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    import pytest

    from livetally.testing import Server

__all__ = ["Find", "SecretFound", "may_hold_secrets", "search_every_server", "secrets_in"]

LOG = "the log"
# Both have a letter in front and a fixed length behind, so that neither needs an end.
_KEY = re.compile(rb"lt_(?=([0-9A-Za-z]{10}_[0-9A-Za-z]{33}))")
_TOKENS = {
    kind: re.compile(rb"%b_(?=([0-9A-Za-z]{33}))" % kind.value.encode()) for kind in TokenKind
}
_NAMES = {
    TokenKind.SESSION: "a session",
    TokenKind.SIGNIN: "a sign-in link",
    TokenKind.STREAM: "a stream token",
}
_INNER_CHARS = 33  # the secret and its checksum
_SHOWN_ONCE = (
    ("the first key", re.compile(rb"(?m)^Administrator key \(shown once, keep it\): (lt_\w+)$")),
    ("the first link", re.compile(rb"(?m)^Sign in once without it: .*/signin\?token=(ll_\w+)$")),
)
# A shorter one may be in a file by accident; the tests' own are longer.
_ROOT_KEY_BYTES_MIN = 8

_reasons: WeakKeyDictionary[Server, str] = WeakKeyDictionary()


class Find(NamedTuple):
    """Where a secret is, and what it is."""

    place: str
    kind: str


class SecretFound(Exception):
    """A server has left secrets. No AssertionError: a test that expects one must not hide this."""

    def __init__(self, finds: list[Find]) -> None:
        """Name every place, and what is there."""
        super().__init__("; ".join(f"{kind} is in {place}" for place, kind in finds))
        self.finds = finds


def may_hold_secrets(server: Server, reason: str) -> None:
    """Leave one server out of the search, as it is sent secrets on purpose: say why."""
    assert reason, "say why"
    _reasons[server] = reason


def search_every_server(patch: pytest.MonkeyPatch, server_class: type[Server]) -> list[Find]:
    """Have each server of the class searched when its block is left, before what it left is gone.

    What is found is raised. When the block is left by an error, which the test may expect, it is a
    note of that, and is added to the list that is returned: who asked for this must look at it.
    """
    leave = server_class.__exit__
    unraised: list[Find] = []

    @functools.wraps(leave)
    def searched(
        self: Server,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        finds: list[Find] = []
        try:
            if self not in _reasons:
                if self.running:
                    self.stop()
                finds = secrets_in(self.data, self.log_text(), root_keys(self))
        finally:
            leave(self, kind, error, traceback)
        if finds and error is None:
            raise SecretFound(finds)
        if finds and error is not None:
            error.add_note(str(SecretFound(finds)))
            unraised.extend(finds)

    patch.setattr(server_class, "__exit__", searched)
    return unraised


def root_keys(server: Server) -> list[str]:
    """Return the operator's keys that a server was started with."""
    settings: Mapping[str, str] = server._env
    keys = {server.key, settings.get(f"{PREFIX}ROOT_KEY", "")}
    return sorted(key for key in keys if len(key.encode()) >= _ROOT_KEY_BYTES_MIN)


def secrets_in(directory: Path, log: str, root_keys: list[str]) -> list[Find]:
    """Return what is found in the files of ``directory`` and in the ``log``, each find once."""
    written = log.encode()
    known = [("the root key", key.encode()) for key in root_keys]
    for kind, line in _SHOWN_ONCE:
        if shown := line.search(written):
            known.append((kind, shown[1][-_INNER_CHARS:]))
            written = written[: shown.start(1)] + written[shown.end(1) :]
    places = [(LOG, written), *contents(directory)]
    finds = {Find(place, kind) for place, content in places for kind in _kinds_in(content, known)}
    return sorted(finds)


def _kinds_in(content: bytes, known: list[tuple[str, bytes]]) -> Iterator[str]:
    for kind, secret in known:
        if secret in content:
            yield kind
    for found in _KEY.finditer(content):
        if parse_key(f"lt_{found[1].decode()}") is not None:
            yield "a key"
    for token, form in _TOKENS.items():
        for found in form.finditer(content):
            if parse_token(token, f"{token.value}_{found[1].decode()}") is not None:
                yield _NAMES[token]
