"""The search for secrets has eyes: what is planted at a server is found when the server ends.

In the flow: real servers, to which a secret is sent as data or which write one into their log.
Guarantee: a plant that is found here goes unnoticed when the search is told to leave it alone.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import pytest

from livetally.client import Client
from livetally.tenancy import (
    KEY_RANDOM_BYTES,
    TOKEN_RANDOM_BYTES,
    TokenKind,
    mint_key,
    mint_token,
)
from livetally.testing import Server
from tests.secret_search import Find, SecretFound, may_hold_secrets, secrets_in

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Python runs a module of this name at each start, before the program.
LOUD = "import os\n\nif said := os.environ.get('SAID'):\n    print(said, flush=True)\n"


def a_key() -> str:
    """Make a key of no server."""
    return mint_key(secrets.token_bytes(KEY_RANDOM_BYTES)).text.reveal()


def a_token(kind: TokenKind) -> str:
    """Make a token of no server."""
    return mint_token(kind, secrets.token_bytes(TOKEN_RANDOM_BYTES)).text.reveal()


def with_an_event(server: Server, planted: str, times: int) -> None:
    """Run the server and send it what is planted, as people's data."""
    with server, Client(server.url, server.key) as client:
        client.send_now([{"type": "note", "data": {"text": planted}} for _ in range(times)])


@pytest.mark.parametrize("times", [1, 5_000])
def test_a_secret_in_an_events_data_is_found(times: int) -> None:
    """The error names file and kind, not the secret; left alone, the same test passes."""
    key = a_key()
    with pytest.raises(SecretFound) as caught:
        with_an_event(Server(), f"mine is {key}.", times)
    assert {find.kind for find in caught.value.finds} == {"a key"}
    assert all(find.place.startswith("events/") for find in caught.value.finds), caught.value
    assert key.split("_")[-1] not in str(caught.value)
    alone = Server()
    may_hold_secrets(alone, "the same plant goes unnoticed without the search")
    with_an_event(alone, f"mine is {key}.", times)


@pytest.mark.parametrize("planted", ["a key", "a session", "a sign-in link", "a stream token"])
def test_a_secret_in_the_log_is_found(tmp_path: Path, planted: str) -> None:
    """Whatever kind it is of; left alone, the same test passes."""
    made = {
        "a key": a_key(),
        "a session": a_token(TokenKind.SESSION),
        "a sign-in link": a_token(TokenKind.SIGNIN),
        "a stream token": a_token(TokenKind.STREAM),
    }
    (tmp_path / "sitecustomize.py").write_text(LOUD)
    env = {"SAID": f"it is x{made[planted]}", "PYTHONPATH": str(tmp_path)}
    with pytest.raises(SecretFound) as caught, Server(env=env):
        pass
    assert caught.value.finds == [Find("the log", planted)]
    with Server(env=env) as alone:
        may_hold_secrets(alone, "the same plant goes unnoticed without the search")


def test_the_root_key_is_found_in_both() -> None:
    """It has no form of its own: the search knows it from the server."""
    server = Server()
    with pytest.raises(SecretFound, match="the root key is in events/"):
        with_an_event(server, server.key, 1)


def test_what_the_first_start_shows_may_be_shown_once(tmp_path: Path) -> None:
    """The first key and link are a find everywhere but where they are shown, in parts too."""
    key, link = a_key(), a_token(TokenKind.SIGNIN)
    shown = (
        f"Administrator key (shown once, keep it): {key}\n"
        f"Sign in once without it:                 http://a/signin?token={link}\n"
    )
    assert secrets_in(tmp_path, shown, []) == []
    again = secrets_in(tmp_path, shown + shown, [])
    assert {find.kind for find in again} >= {"the first key", "the first link"}
    (tmp_path / "part").write_bytes(b"\0" + key[-33:].encode() + b"\0")
    assert secrets_in(tmp_path, shown, []) == [Find("part", "the first key")]


def test_packed_texts_are_unpacked_and_lookalikes_are_none(tmp_path: Path) -> None:
    """A frame is found wherever it begins; a text whose checksum is wrong is nobody's key."""
    key = a_key()
    # What comes before is nearly the key, so that the frame holds no whole one.
    frame = zstd.compress(
        b" ".join(f"{number} {key[:30]}".encode() for number in range(5_000)) + key.encode()
    )
    assert key.encode() not in frame
    (tmp_path / "column").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(40) + frame + bytes(40))
    assert secrets_in(tmp_path, "", []) == [Find("column", "a key")]
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
    (tmp_path / "column").write_text(wrong)
    assert secrets_in(tmp_path, wrong, []) == []
    (tmp_path / "column").write_text(f"{wrong[:-4]}{key}")
    assert secrets_in(tmp_path, "", []) == [Find("column", "a key")]


def test_beside_an_expected_error_it_is_told_and_kept(unraised_finds: list[Find]) -> None:
    """An error that the test expects does not hide a find: the run fails at its end."""

    def program() -> None:
        server = Server()
        with server, Client(server.url, server.key) as client:
            client.send_now([{"type": "note", "data": {"text": a_key()}}])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        program()
    assert any("a key is in events/" in note for note in caught.value.__notes__)
    assert unraised_finds
    unraised_finds.clear()
