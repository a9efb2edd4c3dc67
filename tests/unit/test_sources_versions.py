"""What the ids of a record's versions say, and which records are followed."""

from __future__ import annotations

import msgspec
import pytest

from livetally.definitions import read_toml
from livetally.event import Incoming
from livetally.sources import Newest, Seen, follows_versions
from livetally.sources.versions import version_id
from tests.source_versions import SHELF

RED, BLUE = b'"red"', b'"blue"'


def event(event_id: str) -> Incoming:
    """Return an event."""
    return Incoming(type="item", id=event_id, data=msgspec.Raw(b"{}"))


def returned(newest_id: str, *ids: str) -> list[str | None]:
    """Return the ids of what has changed back when a run brings ``ids``."""
    newest, seen = Newest(), Seen()
    assert newest.learn([newest_id])
    seen.note(newest, [event(one) for one in ids])
    return [one.id for one in seen.returned(newest)]


@pytest.mark.parametrize(
    "key",
    ["7", "a-b", "café-ü", "7-0123456789abcdef", "7-0123456789abcdef~0123456789abcdef", "x" * 199],
)
def test_a_change_back_has_an_id_of_its_own(key: str) -> None:
    """Whatever the key looks like; and the next one has another."""
    red, blue = version_id(key, RED), version_id(key, BLUE)
    (again,) = returned(blue, red)
    assert again is not None
    assert again.startswith(f"{red}~")
    assert returned(again, red) == []
    (third,) = returned(again, blue)
    (fourth,) = returned(str(third), red)
    assert len({red, blue, again, third, fourth}) == 5
    assert max(len(str(one)) for one in (again, third, fourth)) <= 256


def test_another_key_is_another_record() -> None:
    """Also one that begins alike."""
    assert returned(version_id("7", BLUE), version_id("71", RED), version_id("", RED)) == []


def test_a_key_that_was_cut_is_not_followed() -> None:
    """Two long keys may begin alike, and would be one record."""
    key = "x" * 200
    assert returned(version_id(key, BLUE), version_id(key, RED)) == []


def test_ids_that_are_none_of_a_version_are_passed_over() -> None:
    """They come from the same source by another definition."""
    newest, seen = Newest(), Seen()
    assert newest.learn(["7", "", "7-xyz", "-0123456789abcdef"])
    assert not newest
    assert newest.learn([version_id("7", BLUE)])
    seen.note(newest, [event("7"), event("7-xyz"), Incoming(type="item")])
    assert not seen.may_have_changed_back


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound nothing new is taken, and what is known goes on to change."""
    monkeypatch.setattr("livetally.sources.versions.CHANGED_MAX", 2)
    newest = Newest()
    assert newest.learn([version_id(key, RED) for key in "ab"])
    assert not newest.learn([version_id("c", RED)])
    assert newest.learn([version_id(key, BLUE) for key in "ab"])


@pytest.mark.parametrize(
    ("change", "by", "followed"),
    [
        ("", "", True),
        ("map.each", 'changes = "ignore"\nmap.each', False),
        ("map.type", "map.source = \"'elsewhere'\"\nmap.type", False),
        ('map.id = "id"\n', "", False),
        (
            'url = "https://shelf.example/items"\nevery = "1 minute"\n',
            'url = "nats://shelf.example"\nsubject = "items"\n',
            False,
        ),
    ],
    ids=["a key", "ignored", "a source of its own", "no key", "messages"],
)
def test_who_is_followed(change: str, by: str, *, followed: bool) -> None:
    """Records that are fetched, have a key, and whose changes are wanted."""
    (source,) = read_toml(SHELF.replace(change, by), "shelf.toml").sources.values()
    assert follows_versions(source) is followed
