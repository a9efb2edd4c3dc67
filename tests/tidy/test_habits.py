"""Habits that no linter knows: no sleeping tests, no empty names, one reader of the environment.

In the flow: reads the checkout through ``source_tree``.
Guarantee: what is published names no machine, and works on every one.
"""

from __future__ import annotations

from tests.tidy import rules
from tests.tidy.source_tree import ROOT, files, modules, text_of


def test_tests_do_not_sleep() -> None:
    """A test waits for what it means, not for a time."""
    assert [fault for module in modules("tests") for fault in rules.sleeps(module)] == []


def test_names_say_something() -> None:
    """No folder and no module is called utils, common, helpers, manager or base."""
    assert [fault for path in files() for fault in rules.bad_names(path.as_posix())] == []


def test_environment_is_read_in_settings_only() -> None:
    """Only ``settings`` reads the environment, so that every setting can be documented."""
    assert [
        fault
        for module in modules("src")
        if module.dotted != "livetally.settings"
        for fault in rules.environment_reads(module)
    ] == []


_KEEPERS_OF_ALL = {"history", "insert", "layout", "reading", "schema", "scope", "snapshot"}
"""What stores, recovers, changes, backs up and moves all teams' rows; of ``store.events``."""


def test_all_teams_events_are_named_by_their_keepers_only() -> None:
    """A question can't forget its team: it has no other way to rows than ``scope.of_team``."""
    named = {module.dotted for module in modules("src") if rules.names_the_events_table(module)}
    assert named == {f"livetally.store.events.{name}" for name in _KEEPERS_OF_ALL}


def test_secrets_are_compared_in_constant_time() -> None:
    """No secret, signature, token or hash of one is compared with ``==``."""
    faults = [fault for module in modules("src") for fault in rules.secret_comparisons(module)]
    assert faults == []


def test_public_names_are_listed() -> None:
    """A module that lists its public names lists all of them."""
    assert [fault for module in modules("src") for fault in rules.unlisted_names(module)] == []


def test_nothing_names_one_machine() -> None:
    """No tracked file names a folder of one machine, a registry, a content network or open work."""
    faults: list[str] = []
    for path in files():
        text = text_of(path)
        if text is not None and "vendor" not in path.parts:
            faults += rules.not_for_publication(path.as_posix(), text)
            if str(ROOT) in text:
                faults.append(f"{path}: names this checkout's own folder")
    assert faults == []
