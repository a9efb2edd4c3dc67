"""Who may do what: scopes, operators, and the team that a request acts for.

In the flow: builds identities as ``store.catalog`` does.
Guarantee: no rule here lets a team's key reach another team.
"""

from __future__ import annotations

import pytest

from livetally.errors import BadInput, Forbidden
from livetally.tenancy import ALL_SCOPES, DEFAULT_TEAM, Identity, Scope, TeamId, parse_scopes

BLUE = TeamId(2)


def someone(*scopes: Scope, operator: bool = False, team: TeamId = DEFAULT_TEAM) -> Identity:
    """Return an identity of the default team."""
    return Identity(
        team=team,
        team_name="default",
        key_id="0123456789",
        key_name="ci",
        scopes=frozenset(scopes),
        operator=operator,
        expires_us=None,
    )


@pytest.mark.parametrize("scope", list(Scope))
def test_missing_scope_is_named(scope: Scope) -> None:
    """A key without the scope is refused with the scope's name; no scope includes another."""
    someone(scope).require(scope)
    with pytest.raises(Forbidden, match=f"'ci'.*'{scope.value}'"):
        someone(*(ALL_SCOPES - {scope}), operator=True).require(scope)


def test_operators_are_told_apart() -> None:
    """Only an operator's key passes where an operator is needed, whatever the scopes."""
    someone(operator=True).require_operator()
    with pytest.raises(Forbidden, match="operator"):
        someone(*ALL_SCOPES).require_operator()


def test_only_operators_act_for_another_team() -> None:
    """An operator acts for a named team with the same key; a team's key only for its own."""
    operator = someone(Scope.READ, operator=True)
    acting = operator.acting_for(BLUE, "blue")
    assert (acting.team, acting.team_name, acting.key_id) == (BLUE, "blue", operator.key_id)
    assert acting.scopes == operator.scopes
    assert operator.team == DEFAULT_TEAM
    member = someone(*ALL_SCOPES)
    assert member.acting_for(DEFAULT_TEAM, "default") is member
    with pytest.raises(Forbidden):
        member.acting_for(BLUE, "blue")


@pytest.mark.parametrize(
    ("who", "team", "operator", "allowed"),
    [
        (someone(Scope.ADMIN), DEFAULT_TEAM, False, True),
        (someone(Scope.ADMIN), BLUE, False, False),
        (someone(Scope.ADMIN), DEFAULT_TEAM, True, False),
        (someone(Scope.READ, Scope.WRITE), DEFAULT_TEAM, False, False),
        (someone(Scope.ADMIN, operator=True), BLUE, False, True),
        (someone(Scope.ADMIN, operator=True), DEFAULT_TEAM, True, True),
        (someone(Scope.READ, operator=True), DEFAULT_TEAM, False, False),
    ],
)
def test_who_may_make_which_key(
    who: Identity,
    team: TeamId,
    operator: bool,  # noqa: FBT001
    allowed: bool,  # noqa: FBT001
) -> None:
    """Administrators make keys for their own team; only operators for others and for operators."""
    if allowed:
        who.require_grant(team, operator=operator)
        return
    with pytest.raises(Forbidden):
        who.require_grant(team, operator=operator)


def test_scopes_are_read() -> None:
    """A list of scopes is read in any order; repeats do no harm."""
    assert parse_scopes(["read", "write", "read"]) == {Scope.READ, Scope.WRITE}
    assert parse_scopes([Scope.ADMIN]) == {Scope.ADMIN}


@pytest.mark.parametrize("texts", [[], ["read", "Read"], ["root"], [""]])
def test_unknown_scopes(texts: list[str]) -> None:
    """No scope, or one that does not exist, is refused with the ones that do."""
    with pytest.raises(BadInput, match="write, read, admin") as refused:
        parse_scopes(texts)
    assert refused.value.field == "scopes"
