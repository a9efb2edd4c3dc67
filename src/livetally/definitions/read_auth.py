"""Reads ``auth``: how a request to a path of the user's choice shows who sent it.

In the flow: called by ``read_inlets`` and ``read_answers``; the name of a secret also by whoever
else needs one.

Guarantee: a secret never stands in a definition, only the name of its environment variable; that
nobody is asked has to be said.
"""

from __future__ import annotations

import re
from typing import Any, Final

from livetally.definitions.inlet import Auth, AuthKind
from livetally.definitions.table import Table

__all__ = ["ALGORITHMS", "read_auth", "read_secret"]

ALGORITHMS: Final = ("sha1", "sha256", "sha512")
_ENCODINGS: Final = ("hex", "base64")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SECRET: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]{0,99})")
_OWN_PREFIX: Final = "LIVETALLY_"
_FORMS: Final = (
    "must be 'key', 'none', { header = ..., secret = 'env:NAME' }, { header = ..., key = true } or"
    " { hmac = 'sha256', header = ..., secret = 'env:NAME' }"
)


def read_auth(table: Table) -> Auth:
    """Read ``auth``; a Livetally key unless given."""
    raw = table.raw("auth")
    if raw is None or raw == AuthKind.KEY.value:
        return Auth()
    if raw == AuthKind.NONE.value:
        return Auth(AuthKind.NONE)
    if not isinstance(raw, dict):
        table.problem(_FORMS, "auth")
        return Auth()
    below = table.table("auth")
    auth = _read(below)
    below.finish()
    return auth


def read_secret(table: Table, key: str = "secret") -> str:
    """Read the environment variable of a secret, "" after a mistake was reported."""
    text = table.text(key)
    found = _SECRET.fullmatch(text)
    if found is None:
        table.problem("must name an environment variable: 'env:NAME'; it is read there only", key)
        return ""
    if found[1].upper().startswith(_OWN_PREFIX):
        table.problem(f"can't be one of the program's own settings, {_OWN_PREFIX}...", key)
        return ""
    return found[1]


def _read(table: Table) -> Auth:
    header = table.text("header")
    if header and not _HEADER.fullmatch(header):
        table.problem("is not the name of a header", "header")
    if not header:
        table.problem("'header' is missing: where does the request show who sent it?")
    if table.flag("key"):
        return Auth(AuthKind.KEY, header.lower())
    prefix = table.text("prefix")
    if "hmac" not in table:
        return Auth(AuthKind.SECRET, header.lower(), read_secret(table), prefix)
    return Auth(
        AuthKind.HMAC,
        header.lower(),
        read_secret(table),
        prefix,
        _one_of(table, "hmac", ALGORITHMS),
        _one_of(table, "encoding", _ENCODINGS) if "encoding" in table else "hex",
    )


def _one_of(table: Table, key: str, words: tuple[str, ...]) -> str:
    value: Any = table.raw(key)
    if value in words:
        return str(value)
    table.problem(f"must be one of: {', '.join(words)}", key)
    return words[0]
