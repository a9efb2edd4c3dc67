"""Two processes that apply definitions at the same moment, on every database.

In the flow: two registries on one catalog, without a store; one is held up between its check and
its writing while the other one applies.
Guarantee: what was checked beside definitions that are no longer all there is, is checked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from livetally.definitions import Application, Plan, read_text
from livetally.errors import DefinitionProblem, InvalidDefinition
from livetally.server import registry
from livetally.server.registry import Registry
from livetally.tenancy import ALL_SCOPES, DEFAULT_TEAM, Identity

if TYPE_CHECKING:
    from livetally.store.catalog import Catalog
    from livetally.store.events import Engine

pytest_plugins = ("tests.contract.catalogs",)

ME = Identity(
    team=DEFAULT_TEAM,
    team_name="default",
    key_id="me",
    key_name="me",
    scopes=ALL_SCOPES,
    operator=True,
    expires_us=None,
)


def declaring(application: str, metric: str) -> Application:
    """Return an application with one metric."""
    text = f'application = "{application}"\n[metric.{metric}]\nevent = "x"\naggregate = "count"\n'
    return read_text(text, application)


class HeldUp(Registry):
    """A registry before whose first writing another one applies something."""

    def __init__(self, catalog: Catalog, engine: Engine, other: Registry, theirs: str) -> None:
        """Let ``other`` apply an application with the metric ``theirs``."""
        super().__init__(catalog, engine)
        self.previews = 0
        self._other = other
        self._theirs = theirs

    def preview(self, application: Application, team: int) -> Plan:
        """Check, and be too late the first time."""
        plan = super().preview(application, team)
        self.previews += 1
        if self.previews == 1:
            self._other.apply(declaring("theirs", self._theirs), ME)
        return plan


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Stand for a store that needs nothing."""
    monkeypatch.setattr(registry, "keep", lambda *_: None)
    monkeypatch.setattr(registry, "require_keepable", lambda *_: None)
    return cast("Engine", None)


def test_what_was_checked_in_vain_is_checked_again(
    catalog: Catalog, other: Catalog, engine: Engine
) -> None:
    """A conflict that came in between is found, and nothing of the second is stored."""
    theirs = Registry(other, engine)
    mine = HeldUp(catalog, engine, theirs, "same")
    with pytest.raises(InvalidDefinition, match="same"):
        mine.apply(declaring("mine", "same"), ME)
    assert [one.application for one in catalog.active_definitions(None)] == ["theirs"]


def test_what_does_not_conflict_is_applied_at_the_second_attempt(
    catalog: Catalog, other: Catalog, engine: Engine
) -> None:
    """Both are active, in both processes."""
    theirs = Registry(other, engine)
    mine = HeldUp(catalog, engine, theirs, "other")
    assert mine.apply(declaring("mine", "own"), ME)[1] == 1
    assert mine.previews == 2
    assert "own" not in theirs.declared(DEFAULT_TEAM).metrics
    theirs.follow()
    for one in (mine, theirs):
        assert set(one.declared(DEFAULT_TEAM).metrics) == {"own", "other"}


def test_listeners_are_told_whose_definitions_changed(
    catalog: Catalog, other: Catalog, engine: Engine
) -> None:
    """A team's change names the team, a shared one all teams, and no change nobody."""
    theirs, mine = Registry(other, engine), Registry(catalog, engine)
    heard: list[frozenset[int] | None] = []
    mine.listen(heard.append)
    theirs.apply(declaring("theirs", "one"), ME)
    mine.follow()
    mine.follow()
    mine.reload()
    theirs.apply_shared([declaring("shared", "two")], "settings")
    mine.follow()
    assert heard == [None, frozenset({DEFAULT_TEAM}), None]


def test_what_the_store_refuses_is_no_version(
    catalog: Catalog, other: Catalog, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's definitions are held up by it, in this process or in another one that begins."""

    def refuse(_: Engine, application: Application) -> None:
        if application.name == "bad":
            problem = DefinitionProblem(1, "application", "the store can't keep it")
            raise InvalidDefinition("'bad'", (problem,))

    monkeypatch.setattr(registry, "require_keepable", refuse)
    mine = Registry(catalog, engine)
    with pytest.raises(InvalidDefinition, match="can't keep"):
        mine.apply(declaring("bad", "one"), ME)
    with pytest.raises(InvalidDefinition, match="can't keep"):
        mine.preview(declaring("bad", "one"), DEFAULT_TEAM)
    with pytest.raises(InvalidDefinition, match="can't keep"):
        mine.apply_shared([declaring("other", "two"), declaring("bad", "one")], "settings")
    assert catalog.active_definitions(None) == []
    mine.apply(declaring("good", "one"), ME)
    assert set(Registry(other, engine).declared(DEFAULT_TEAM).metrics) == {"one"}
