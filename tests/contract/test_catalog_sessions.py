"""What the catalog promises about sessions, sign-in links and stream tokens, on every database.

In the flow: drives ``Catalog`` as the console and the live streams do.
Guarantee: nothing signed in outlives its key, and every link works once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from livetally.errors import Forbidden, UnknownName
from livetally.tenancy import ALL_SCOPES, DEFAULT_TEAM, Credential, Identity, Scope, SecretText
from livetally.tenancy.base62 import checksum

if TYPE_CHECKING:
    from livetally.store.catalog import Catalog, NewKey
    from livetally.testing.clock import ManualClock

pytest_plugins = ("tests.contract.catalogs",)

HOUR_US = 3_600_000_000


@pytest.fixture
def key(catalog: Catalog) -> NewKey:
    """Return an operator's key of the default team."""
    return catalog.create_key(DEFAULT_TEAM, "console", ALL_SCOPES, operator=True)


@pytest.fixture
def who(catalog: Catalog, key: NewKey) -> Identity:
    """Return who sends that key."""
    found = catalog.verify_key(key.text.reveal())
    assert found is not None
    return found


def test_session_stands_for_its_key(
    catalog: Catalog, other: Catalog, who: Identity, clock: ManualClock
) -> None:
    """A session opens for the key's team with the key's scopes, and says what it is."""
    token = catalog.create_session(who, ttl_s=60).reveal()
    signed_in = other.verify_session(token)
    assert signed_in is not None
    assert (signed_in.team, signed_in.key_id) == (who.team, who.key_id)
    assert (signed_in.scopes, signed_in.operator) == (ALL_SCOPES, True)
    assert signed_in.via is Credential.SESSION
    assert signed_in.expires_us == clock.now_us() + 60_000_000


def test_session_expires(catalog: Catalog, who: Identity, clock: ManualClock) -> None:
    """A session ends to the microsecond, and the next one sweeps its row away."""
    token = catalog.create_session(who, ttl_s=60).reveal()
    clock.advance(us=59_999_999)
    assert catalog.verify_session(token) is not None
    clock.advance(us=1)
    assert catalog.verify_session(token) is None
    catalog.create_session(who, ttl_s=60)
    clock.jump_to(clock.now_us() - HOUR_US)
    assert catalog.verify_session(token) is None


def test_session_ends_with_its_key(catalog: Catalog, other: Catalog, clock: ManualClock) -> None:
    """Revoking a key or its expiry ends the sessions that were opened with it."""
    ends_us = clock.now_us() + HOUR_US
    short = catalog.create_key(DEFAULT_TEAM, "short", ALL_SCOPES, expires_us=ends_us)
    lasting = catalog.create_key(DEFAULT_TEAM, "lasting", ALL_SCOPES)
    tokens = []
    for new in (short, lasting):
        who = catalog.verify_key(new.text.reveal())
        assert who is not None
        tokens.append(catalog.create_session(who, ttl_s=86_400).reveal())
    found = other.verify_session(tokens[0])
    assert found is not None
    assert found.expires_us == ends_us
    clock.advance(us=HOUR_US)
    assert other.verify_session(tokens[0]) is None
    assert other.verify_session(tokens[1]) is not None
    catalog.revoke_key(lasting.record.id, team=None)
    assert other.verify_session(tokens[1]) is None


def test_sign_out(catalog: Catalog, other: Catalog, who: Identity) -> None:
    """Signing out ends that session in every process, and no other one."""
    mine = catalog.create_session(who, ttl_s=60).reveal()
    theirs = catalog.create_session(who, ttl_s=60).reveal()
    assert catalog.end_session(mine) is True
    assert other.verify_session(mine) is None
    assert other.verify_session(theirs) is not None
    assert catalog.end_session(mine) is False
    assert catalog.end_session("nonsense") is False


def test_operators_session_keeps_the_team_acted_for(catalog: Catalog, who: Identity) -> None:
    """What an operator opens while acting for another team belongs to that team."""
    blue = catalog.create_team("blue")
    token = catalog.create_stream_token(who.acting_for(blue.id, "blue"), ttl_s=60).reveal()
    stream = catalog.verify_stream_token(token)
    assert stream is not None
    assert (stream.team, stream.team_name) == (blue.id, "blue")


def test_stream_token_only_reads(catalog: Catalog, who: Identity) -> None:
    """A stream token, which stands in an address line, reads for one team and nothing more."""
    token = catalog.create_stream_token(who, ttl_s=60).reveal()
    stream = catalog.verify_stream_token(token)
    assert stream is not None
    assert stream.scopes == {Scope.READ}
    assert stream.operator is False
    assert stream.via is Credential.STREAM
    writer = catalog.create_key(DEFAULT_TEAM, "writer", {Scope.WRITE})
    sender = catalog.verify_key(writer.text.reveal())
    assert sender is not None
    with pytest.raises(Forbidden, match="read"):
        catalog.create_stream_token(sender, ttl_s=60)


def test_tokens_do_not_prolong_themselves(catalog: Catalog, who: Identity) -> None:
    """Nobody comes by a session with a session or a stream token, nor by streams with a stream."""
    session = catalog.verify_session(catalog.create_session(who, 60).reveal())
    assert session is not None
    stream = catalog.verify_stream_token(catalog.create_stream_token(session, 60).reveal())
    assert stream is not None
    for one in (session, stream):
        with pytest.raises(Forbidden, match="Sign in with"):
            catalog.create_session(one, 60)
    with pytest.raises(Forbidden, match="stream token"):
        catalog.create_stream_token(stream, 60)


def test_root_key_signs_in_by_link(catalog: Catalog) -> None:
    """The root key can make a link and sign in with it, like any other key."""
    catalog.set_root_key(SecretText("root"))
    who = catalog.redeem_signin(catalog.create_signin_link("root").reveal())
    assert who is not None
    signed_in = catalog.verify_session(catalog.create_session(who, 60).reveal())
    assert signed_in is not None
    assert (signed_in.key_id, signed_in.operator) == ("root", True)


def test_tokens_of_one_kind_are_not_another(catalog: Catalog, who: Identity) -> None:
    """No token opens where a token of another kind or a key belongs."""
    session = catalog.create_session(who, ttl_s=60).reveal()
    stream = catalog.create_stream_token(who, ttl_s=60).reveal()
    link = catalog.create_signin_link(who.key_id).reveal()
    assert catalog.verify_stream_token(session) is None
    assert catalog.verify_session(stream) is None
    assert catalog.verify_session(link) is None
    assert catalog.redeem_signin(session) is None
    assert catalog.verify_key(session) is None
    assert catalog.end_session(stream) is False
    # The secret of one kind with the prefix of another has a wrong checksum, so its own is made.
    body = "lv" + session[2:-6]
    assert catalog.verify_stream_token(body + checksum(body)) is None


def test_authenticate_takes_all_three(catalog: Catalog, key: NewKey, who: Identity) -> None:
    """One door tells key, session and stream token apart; a sign-in link opens nothing there."""
    texts = [
        key.text.reveal(),
        catalog.create_session(who, ttl_s=60).reveal(),
        catalog.create_stream_token(who, ttl_s=60).reveal(),
    ]
    found = [catalog.authenticate(text) for text in texts]
    assert [one.via for one in found if one] == ["key", "session", "stream"]
    assert catalog.authenticate(catalog.create_signin_link(who.key_id).reveal()) is None
    assert catalog.authenticate("") is None


def test_sign_in_link_works_once(
    catalog: Catalog, other: Catalog, key: NewKey, clock: ManualClock
) -> None:
    """Of many who follow a link at once one is let in, and nobody afterwards."""
    link = catalog.create_signin_link(key.record.id).reveal()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda one: one.redeem_signin(link), [catalog, other] * 4))
    assert [one.key_id for one in found if one] == [key.record.id]
    assert catalog.redeem_signin(link) is None
    assert catalog.redeem_signin("nonsense") is None
    late = catalog.create_signin_link(key.record.id, ttl_s=60).reveal()
    clock.advance(s=60)
    assert catalog.redeem_signin(late) is None


def test_sign_in_link_needs_a_valid_key(catalog: Catalog, key: NewKey) -> None:
    """A link is made for a valid key only, and dies with it."""
    link = catalog.create_signin_link(key.record.id).reveal()
    catalog.revoke_key(key.record.id, team=None)
    assert catalog.redeem_signin(link) is None
    with pytest.raises(UnknownName):
        catalog.create_signin_link(key.record.id)
    for unknown in ("0000000000", "", "\ud800"):
        with pytest.raises(UnknownName):
            catalog.create_signin_link(unknown)


def test_open_stream_is_checked_again(catalog: Catalog, other: Catalog, who: Identity) -> None:
    """What a stream was opened with can be asked again, and answers None once it has ended."""
    blue = catalog.create_team("blue")
    acting = who.acting_for(blue.id, "blue")
    token = catalog.create_session(who, ttl_s=60)
    session = catalog.verify_session(token.reveal())
    stream = catalog.verify_stream_token(catalog.create_stream_token(acting, 60).reveal())
    assert session is not None
    assert stream is not None
    for one in (who, acting, session, stream):
        assert other.recheck(one) == one
    catalog.end_session(token.reveal())
    assert other.recheck(session) is None
    assert other.recheck(who) == who
    catalog.revoke_key(who.key_id, team=None)
    assert [other.recheck(one) for one in (who, acting, stream)] == [None, None, None]
