"""What the catalog promises about teams, keys and the root key, on every database.

In the flow: drives ``Catalog`` as api and cli do.
Guarantee: the same behaviour on SQLite, PostgreSQL and MariaDB, or a test fails.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from livetally.errors import BadInput, Forbidden, UnknownName
from livetally.tenancy import (
    ALL_SCOPES,
    DEFAULT_TEAM,
    Credential,
    Scope,
    SecretText,
    TeamId,
    TeamSettings,
)
from livetally.tenancy.base62 import checksum

if TYPE_CHECKING:
    from livetally.store.catalog import Catalog
    from livetally.testing.clock import ManualClock

pytest_plugins = ("tests.contract.catalogs",)

HOUR_US = 3_600_000_000
READ = frozenset({Scope.READ})


def test_default_team_is_there(catalog: Catalog) -> None:
    """A new catalog holds the team 'default' as number 1, and no other."""
    assert [(team.id, team.name) for team in catalog.list_teams()] == [(1, "default")]


def test_team_is_found_by_name(catalog: Catalog, clock: ManualClock) -> None:
    """A team that was made is found by its name and listed after the default one."""
    blue = catalog.create_team("blue")
    assert blue.id > DEFAULT_TEAM
    assert blue.created_us == clock.now_us()
    assert catalog.find_team("blue") == blue
    assert catalog.list_teams()[1:] == [blue]


def test_team_names_are_unique(catalog: Catalog, other: Catalog) -> None:
    """A second team of the same name is refused, also from another process."""
    catalog.create_team("blue")
    with pytest.raises(BadInput) as refused:
        other.create_team("blue")
    assert refused.value.field == "name"
    assert len(catalog.list_teams()) == 2


@pytest.mark.parametrize(
    "name", ["", "Blue", "-blue", "b" * 64, "a b", "x'; --", "blå", "a\n", "a\0", "\ud800"]
)
def test_unusable_team_names(catalog: Catalog, name: str) -> None:
    """A name that one of the databases would not keep as it is can't be given or found."""
    with pytest.raises(BadInput):
        catalog.create_team(name)
    assert catalog.find_team(name) is None


def test_team_settings(catalog: Catalog, other: Catalog) -> None:
    """Settings of a team are kept whole and seen by other processes."""
    blue = catalog.create_team("blue")
    wanted = TeamSettings(queries_per_hour=5_000, allowed_origins=("https://dash.example",))
    catalog.set_team_settings(blue.id, wanted)
    found = other.find_team("blue")
    assert found is not None
    assert found.settings == wanted
    with pytest.raises(UnknownName):
        catalog.set_team_settings(TeamId(999_999), wanted)
    with pytest.raises(BadInput):
        catalog.set_team_settings(blue.id, TeamSettings(queries_per_hour=0))


def test_key_names_its_sender(catalog: Catalog, other: Catalog) -> None:
    """A new key opens for its team, with its scopes, in every process."""
    blue = catalog.create_team("blue")
    new = catalog.create_key(blue.id, "CI, späť 🙂", {Scope.WRITE, Scope.READ})
    who = other.verify_key(new.text.reveal())
    assert who is not None
    assert (who.team, who.team_name) == (blue.id, "blue")
    assert (who.key_id, who.key_name) == (new.record.id, "CI, späť 🙂")
    assert who.scopes == {Scope.WRITE, Scope.READ}
    assert (who.operator, who.expires_us, who.via) == (False, None, Credential.KEY)


def test_key_needs_a_team_a_name_a_scope_and_a_future(catalog: Catalog, clock: ManualClock) -> None:
    """A key for nobody, without a name, without a scope or already expired is not made."""
    with pytest.raises(UnknownName):
        catalog.create_key(TeamId(999_999), "ci", READ)
    with pytest.raises(BadInput, match="name"):
        catalog.create_key(DEFAULT_TEAM, "a\0b", READ)
    with pytest.raises(BadInput, match="scopes"):
        catalog.create_key(DEFAULT_TEAM, "ci", frozenset())
    for expires_us in (clock.now_us(), -1, 10**18, 10**30):
        with pytest.raises(BadInput, match="expires"):
            catalog.create_key(DEFAULT_TEAM, "ci", READ, expires_us=expires_us)
    assert catalog.list_keys(None) == []


def test_only_the_exact_key_opens(catalog: Catalog) -> None:
    """A key with another secret, another id, or the id in other letter case opens nothing."""
    key = catalog.create_key(DEFAULT_TEAM, "a", READ).text.reveal()
    another = catalog.create_key(DEFAULT_TEAM, "b", READ).text.reveal()
    body = key[:-6]
    prefix, key_id, secret = body.split("_")
    forged = [
        f"{prefix}_{key_id}_{another.split('_')[2][:-6]}",
        f"{prefix}_{another.split('_')[1]}_{secret}",
        f"{prefix}_{key_id.swapcase()}_{secret}",
        f"{prefix}_{key_id}_{secret.swapcase()}",
    ]
    assert catalog.verify_key(key) is not None
    for text in forged:
        assert catalog.verify_key(text + checksum(text)) is None
    assert catalog.verify_key(key[:-1]) is None
    assert catalog.verify_key(key + "\ud800") is None


def test_expired_key(catalog: Catalog, clock: ManualClock) -> None:
    """A key opens until the microsecond before it expires, and not at it."""
    ends_us = clock.now_us() + HOUR_US
    key = catalog.create_key(DEFAULT_TEAM, "ci", READ, expires_us=ends_us).text.reveal()
    clock.advance(us=HOUR_US - 1)
    who = catalog.verify_key(key)
    assert who is not None
    assert who.expires_us == ends_us
    clock.advance(us=1)
    assert catalog.verify_key(key) is None


def test_revoked_key(catalog: Catalog, other: Catalog, clock: ManualClock) -> None:
    """A revoked key opens nothing in any process; revoking it again changes nothing."""
    new = catalog.create_key(DEFAULT_TEAM, "ci", READ)
    clock.advance(s=1)
    first = catalog.revoke_key(new.record.id, team=None)
    assert first.revoked_us == clock.now_us()
    assert other.verify_key(new.text.reveal()) is None
    clock.advance(s=1)
    assert other.revoke_key(new.record.id, team=DEFAULT_TEAM) == first
    assert catalog.list_keys(None) == [first]


def test_keys_of_another_team_look_unknown(catalog: Catalog) -> None:
    """A team can't list, revoke or rotate another team's keys, nor learn that they exist."""
    blue = catalog.create_team("blue")
    key = catalog.create_key(DEFAULT_TEAM, "ci", READ)
    assert catalog.list_keys(blue.id) == []
    with pytest.raises(UnknownName) as foreign:
        catalog.revoke_key(key.record.id, team=blue.id)
    with pytest.raises(UnknownName):
        catalog.rotate_key(key.record.id, team=blue.id)
    with pytest.raises(UnknownName) as nowhere:
        catalog.revoke_key("0000000000", team=blue.id)
    assert foreign.value.reason.replace(key.record.id, "0000000000") == nowhere.value.reason
    assert catalog.verify_key(key.text.reveal()) is not None


def test_teams_do_not_change_operators_keys(catalog: Catalog) -> None:
    """A team's administrator can't end an operator's key, nor come by one through rotation."""
    operator = catalog.create_key(DEFAULT_TEAM, "operator", ALL_SCOPES, operator=True)
    with pytest.raises(Forbidden, match="operator"):
        catalog.rotate_key(operator.record.id, team=DEFAULT_TEAM)
    with pytest.raises(Forbidden, match="operator"):
        catalog.revoke_key(operator.record.id, team=DEFAULT_TEAM)
    assert catalog.verify_key(operator.text.reveal()) is not None
    assert len(catalog.list_keys(None)) == 1


def test_rotated_key(catalog: Catalog, other: Catalog) -> None:
    """Rotation makes a key that is like the old one, which ends in the same step."""
    old = catalog.create_key(DEFAULT_TEAM, "ci", ALL_SCOPES, operator=True)
    new = catalog.rotate_key(old.record.id, team=None)
    assert new.record.id != old.record.id
    assert (new.record.name, new.record.scopes, new.record.operator) == ("ci", ALL_SCOPES, True)
    assert other.verify_key(old.text.reveal()) is None
    assert other.verify_key(new.text.reveal()) is not None
    with pytest.raises(BadInput):
        catalog.rotate_key(old.record.id, team=None)


def test_rotation_with_grace(catalog: Catalog, clock: ManualClock) -> None:
    """A rotated key may go on for a while, but never beyond its own expiry."""
    ends_us = clock.now_us() + HOUR_US
    short = catalog.create_key(DEFAULT_TEAM, "short", READ, expires_us=ends_us)
    long = catalog.create_key(DEFAULT_TEAM, "long", READ)
    catalog.rotate_key(short.record.id, team=None, grace_us=2 * HOUR_US)
    catalog.rotate_key(long.record.id, team=None, grace_us=2 * HOUR_US)
    clock.advance(us=HOUR_US)
    assert catalog.verify_key(short.text.reveal()) is None
    assert catalog.verify_key(long.text.reveal()) is not None
    clock.advance(us=HOUR_US)
    assert catalog.verify_key(long.text.reveal()) is None


def test_last_use_is_noted(catalog: Catalog, other: Catalog, clock: ManualClock) -> None:
    """The latest use of each key is kept, whichever process reports last."""
    first = catalog.create_key(DEFAULT_TEAM, "a", READ).record
    clock.advance(s=1)
    second = catalog.create_key(DEFAULT_TEAM, "b", READ).record
    catalog.note_uses({first.id: 2_000, second.id: 3_000})
    other.note_uses({second.id: 1_000, first.id: 4_000, "nobody": 1})
    catalog.note_uses({})
    assert [key.last_used_us for key in catalog.list_keys(DEFAULT_TEAM)] == [4_000, 3_000]


def test_first_key_is_made_once(catalog: Catalog, other: Catalog) -> None:
    """On an empty catalog one operator's key is made, however many processes start at once."""
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda one: one.ensure_first_key(), [catalog, other] * 4))
    keys = [key for key in made if key is not None]
    assert len(keys) == 1
    who = catalog.verify_key(keys[0].text.reveal())
    assert who is not None
    assert (who.team, who.operator, who.scopes) == (DEFAULT_TEAM, True, ALL_SCOPES)
    catalog.revoke_key(who.key_id, team=None)
    assert other.ensure_first_key() is None


def test_root_key(catalog: Catalog) -> None:
    """The text from the environment is an operator's key, whatever it looks like."""
    root = SecretText("pass phrase, ünusual")
    catalog.set_root_key(root)
    who = catalog.verify_key(root.reveal())
    assert who is not None
    assert (who.key_id, who.operator, who.scopes) == ("root", True, ALL_SCOPES)
    assert catalog.verify_key("pass phrase, unusual") is None
    first = catalog.ensure_first_key()
    assert first is not None
    with pytest.raises(UnknownName):
        catalog.revoke_key("root", team=None)


def test_root_key_in_the_form_of_a_key(catalog: Catalog) -> None:
    """A root key that has the form of a minted key is accepted as well."""
    text = "lt_0123456789_" + "0" * 27
    root = SecretText(text + checksum(text))
    catalog.set_root_key(root)
    assert catalog.verify_key(root.reveal()) is not None


def test_another_root_key_ends_what_the_old_one_opened(catalog: Catalog) -> None:
    """With a new root key, or none, the old one and its sessions open nothing."""
    catalog.set_root_key(SecretText("old"))
    who = catalog.verify_key("old")
    assert who is not None
    session = catalog.create_session(who, ttl_s=60).reveal()
    catalog.set_root_key(SecretText("old"))
    assert catalog.verify_session(session) is not None
    catalog.set_root_key(SecretText("new"))
    assert catalog.verify_key("old") is None
    assert catalog.verify_session(session) is None
    catalog.set_root_key(None)
    assert catalog.verify_key("new") is None
    told = [one for one in catalog.list_audit(None) if one.target == "root"]
    assert [(one.who, one.action) for one in reversed(told)] == [
        ("system", "key.set_root"),
        ("system", "key.set_root"),
        ("system", "key.end_root"),
    ]
    catalog.set_root_key(SecretText("new"))
    assert catalog.verify_key("new") is not None


def test_root_key_is_known_to_nobody_else(catalog: Catalog, other: Catalog) -> None:
    """A process that was not given the root key does not accept it from others' rows."""
    catalog.set_root_key(SecretText("root"))
    assert other.verify_key("root") is None
