"""Lists of entities, single entities and the newest events, live, at their own addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx2
import pytest

from livetally.testing import Server
from tests.e2e.live_follower import Follower
from tests.tidy.source_tree import ROOT

if TYPE_CHECKING:
    from tests.e2e.where import Start

pytest_plugins = ("tests.e2e.where",)

_USERS = "/v1/entities/user"
_EVENTS = "/v1/events"


@pytest.fixture(scope="module")
def server(start: Start) -> Iterator[Server]:
    """Start a shop; each test is of its own users and kinds of events."""
    with start(definitions=[ROOT / "tests" / "e2e" / "shop_definition.toml"]) as started:
        yield started


@pytest.fixture
def shop(server: Server) -> Iterator[httpx2.Client]:
    """Return a client with the key."""
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx2.Client(base_url=server.url, headers=headers, trust_env=False) as client:
        yield client


def pay(shop: httpx2.Client, subject: str, value: str, **more: Any) -> int:
    """Send a payment; return its position."""
    event = {"type": "add_revenue", "subject": subject, "data": {"value": value}, **more}
    reply = shop.post("/v1/events", json=event)
    assert reply.status_code == 200, reply.text
    return int(reply.json()["position"])


def fresh(shop: httpx2.Client, path: str, member: str) -> list[dict[str, Any]]:
    """Return the rows of a page asked for now."""
    rows: list[dict[str, Any]] = shop.get(path).json()[member]
    return rows


def shown(follower: Follower) -> list[tuple[str, str]]:
    """Return keys and revenues in the order of the picture."""
    return [(row["key"], str(row["fields"]["revenue"])) for row in follower.rows.values()]


def test_a_list_shows_who_comes_changes_moves_and_leaves(
    server: Server, shop: httpx2.Client
) -> None:
    """The three richest: a snapshot, then only changed rows; keys where the order is news."""
    path = f"{_USERS}?where=revenue:%3E0&sort=-revenue&limit=3"
    for number, user in enumerate("abcd"):
        pay(shop, f"rich-{user}", f"{9_000 + number}.50")
    with Follower(server, path) as follower:
        follower.until(lambda one: one.frames)
        event, data = follower.frames[0]
        assert (event, data["entity"], data["limit"]) == ("snapshot", "user", 3)
        assert [key for key, _ in shown(follower)] == ["rich-d", "rich-c", "rich-b"]
        # Changes in its place: one row, and the order is no news.
        pay(shop, "rich-d", "1")
        follower.until(lambda one: len(one.frames) == 2)
        event, data = follower.frames[1]
        assert event == "update"
        assert [row["key"] for row in data["rows"]] == ["rich-d"]
        assert "keys" not in data
        # Comes to the page and pushes another out.
        pay(shop, "rich-a", "500")
        follower.until(lambda one: next(iter(one.rows)) == "rich-a")
        assert [row["key"] for row in follower.frames[2][1]["rows"]] == ["rich-a"]
        assert follower.frames[2][1]["keys"] == ["rich-a", "rich-d", "rich-c"]
        # Leaves the page by the filter: another, whose state did not change, comes instead.
        refund = {"type": "subtract_revenue", "subject": "rich-d", "data": {"value": "9999"}}
        shop.post("/v1/events", json=refund)
        follower.until(lambda one: "rich-b" in one.rows)
        assert [key for key, _ in shown(follower)] == ["rich-a", "rich-c", "rich-b"]
        assert [row["key"] for row in follower.frames[3][1]["rows"]] == ["rich-b"]
        assert list(follower.rows.values()) == fresh(shop, path, "entities")


def test_whoever_was_away_is_told_what_came_changed_and_left(
    server: Server, shop: httpx2.Client
) -> None:
    """While others follow, a list resumes by rows: also one that came without an event."""
    path = f"{_USERS}?where=last_value:77&limit=2"
    for user in ("away-1", "away-2", "away-3"):
        pay(shop, user, "77")
    with Follower(server, path) as stays, Follower(server, path) as leaves:
        for one in (stays, leaves):
            one.until(lambda each: list(each.rows) == ["away-1", "away-2"])
        last_id, rows = leaves.close(), leaves.rows
        pay(shop, "away-1", "1")
        stays.until(lambda each: list(each.rows) == ["away-2", "away-3"])
        with Follower(server, path, last_id=last_id) as back:
            back.rows = rows
            back.until(lambda each: list(each.rows) == ["away-2", "away-3"])
            assert back.kinds == ["update"]
            assert [row["key"] for row in back.frames[0][1]["rows"]] == ["away-3"]
            assert back.rows == stays.rows


def test_a_list_that_nobody_followed_meanwhile_is_sent_whole(
    server: Server, shop: httpx2.Client
) -> None:
    """What came to a filtered page before it was followed again can't be known: a snapshot."""
    path = f"{_USERS}?where=last_value:55&limit=1"
    pay(shop, "alone-1", "55")
    pay(shop, "alone-2", "55")
    with Follower(server, path) as follower:
        follower.until(lambda one: list(one.rows) == ["alone-1"])
        last_id = follower.last_id
    pay(shop, "alone-1", "1")
    with Follower(server, path, last_id=last_id) as back:
        back.until(lambda one: list(one.rows) == ["alone-2"])
        assert back.kinds == ["snapshot"]
        assert "reset" not in back.kinds


def test_an_action_shows_at_once_in_list_entity_history_and_tail(
    server: Server, shop: httpx2.Client
) -> None:
    """Completing an incident reaches every open view of it without asking again."""
    body = {"type": "incident", "subject": "inc / 1", "data": {"severity": 2}}
    key = quote("inc 1", safe="")
    body["subject"] = "inc 1"
    shop.post("/v1/events", json=body)
    with (
        Follower(server, "/v1/entities/incident?where=!status:completed") as listed,
        Follower(server, f"/v1/entities/incident/{key}") as single,
        Follower(server, f"/v1/entities/incident/{key}/events") as history,
        Follower(server, "/v1/events?type=status&limit=5") as tail,
    ):
        listed.until(lambda one: "inc 1" in one.rows)
        single.until(lambda one: "inc 1" in one.rows)
        history.until(lambda one: len(one.rows) == 1)
        tail.until(lambda one: one.frames)
        assert single.frames[0][1]["key"] == "inc 1"
        assert tail.frames[0][1]["types"] == ["status"]
        reply = shop.post(f"/v1/entities/incident/{key}/actions/complete")
        assert reply.status_code == 200
        listed.until(lambda one: "inc 1" not in one.rows)
        single.until(lambda one: one.rows["inc 1"]["fields"]["status"] == "completed")
        history.until(lambda one: len(one.rows) == 2)
        tail.until(lambda one: one.rows)
        newest = next(iter(tail.rows.values()))
        assert newest["id"] == reply.json()["id"]
        assert newest["attributes"] == {"actor": "root"}


def test_an_entity_that_does_not_exist_yet_appears(server: Server, shop: httpx2.Client) -> None:
    """A single entity without events is an empty snapshot, and a row with the first event."""
    path = f"{_USERS}/newcomer"
    with Follower(server, path) as follower:
        follower.until(lambda one: one.frames)
        assert follower.frames[0][1]["rows"] == []
        pay(shop, "newcomer", "5")
        follower.until(lambda one: shown(one) == [("newcomer", "5")])
        last_id = follower.last_id
    pay(shop, "newcomer", "6")
    with Follower(server, path, last_id=last_id) as back:
        back.until(lambda one: shown(one) == [("newcomer", "11")])
        assert back.kinds == ["update"], "one entity resumes from its version, whoever followed"


def test_a_tail_brings_new_events_once_and_resumes(server: Server, shop: httpx2.Client) -> None:
    """A snapshot of the newest, then only new events; late ones in their place; others not."""
    path = f"{_EVENTS}?type=add_revenue&where=value:%3E=400000&limit=3"
    pay(shop, "t", "400001", id="t1", time="2026-01-01T00:00:00Z")
    with Follower(server, path) as follower:
        follower.until(lambda one: len(one.rows) == 1)
        pay(shop, "t", "1", id="too small")
        pay(shop, "t", "400002", id="t2", time="2026-01-03T00:00:00Z")
        pay(shop, "t", "400003", id="late", time="2026-01-02T00:00:00Z")
        follower.until(lambda one: len(one.rows) == 3)
        assert [row["id"] for row in follower.rows.values()] == ["t2", "late", "t1"]
        told = [row["id"] for event, data in follower.frames for row in data["rows"]]
        assert sorted(told) == ["late", "t1", "t2"], "each once"
        last_id, rows = follower.last_id, follower.rows
    pay(shop, "t", "400004", id="t4", time="2026-01-04T00:00:00Z")
    with Follower(server, path, last_id=last_id) as back:
        back.rows, back.limit = rows, 3
        back.until(lambda one: len(one.frames) == 1)
        assert [row["id"] for row in back.frames[0][1]["rows"]] == ["t4"]
        assert list(back.rows.values()) == fresh(shop, path, "events")


def test_a_tail_of_everything_sees_kinds_that_nobody_declared(
    server: Server, shop: httpx2.Client
) -> None:
    """Without a type, every event of the team comes, also of a type that did not exist."""
    with Follower(server, f"{_EVENTS}?limit=2") as follower:
        follower.until(lambda one: one.frames)
        shop.post("/v1/events", json={"type": "never.seen", "id": "n1", "data": {"a": [1, 2]}})
        follower.until(lambda one: ("", "n1") in one.rows)
        # More than a page at once: nobody can tell what came before these, so a snapshot.
        batch = [{"type": "never.seen", "id": f"n{n}"} for n in range(2, 9)]
        shop.post("/v1/events", json=batch)
        follower.until(lambda one: ("", "n8") in one.rows)
        assert follower.kinds[-1] == "snapshot"
        assert list(follower.rows.values()) == fresh(shop, f"{_EVENTS}?limit=2", "events")


def test_line_breaks_in_an_events_data_break_no_frame(server: Server, shop: httpx2.Client) -> None:
    """Data that were sent over several lines arrive on one."""
    text = b'{"type": "pretty", "id": "p1", "data": {\n  "a":\r\n 1}}'
    reply = shop.post("/v1/events", content=text, headers={"Content-Type": "application/json"})
    assert reply.json()["stored"] == 1
    with Follower(server, f"{_EVENTS}?type=pretty") as follower:
        follower.until(lambda one: one.rows)
        assert follower.rows["", "p1"]["data"] == {"a": 1}


def test_metrics_lists_entities_and_tails_share_a_connection(
    server: Server, shop: httpx2.Client
) -> None:
    """Each kind of question answers beside the others, and each frame says which it is about."""
    pay(shop, "many", "3")
    asked = [
        "/v1/metrics/revenue?where=subject:many",
        "/v1/entities/user?where=revenue:3&sort=-seen&limit=5",
        "/v1/entities/user/many",
        "entities/user/many/events?limit=1",
        "/v1/events?type=add_revenue&subject=many",
        "/v1/events?cursor=x",
        "/v1/entities/usr",
        "/v1/teams",
    ]
    path = "/v1/live?" + "&".join(f"q={quote(one, safe='')}" for one in asked)
    with Follower(server, path) as follower:
        follower.until(lambda one: len(one.frames) == len(asked))
        answers = {data["q"]: (event, data) for event, data in follower.frames}
        assert [answers[n][0] for n in range(5)] == ["snapshot"] * 5
        assert [answers[n][0] for n in range(5, 8)] == ["problem"] * 3
        assert answers[5][1]["field"] == "cursor"
        assert answers[6][1]["nearest"] == "user"
        assert "can't be asked live" in answers[7][1]["detail"]
        assert answers[2][1]["rows"][0]["key"] == "many"


def test_what_nobody_declared_is_live_too(server: Server, shop: httpx2.Client) -> None:
    """Beside another aggregate of the same name, at its own address, as a fresh answer says it."""
    asked = [f"explore?event=scan&aggregate={one}" for one in ("count", "unique&value=subject")]
    event = {"type": "scan", "subject": "ada", "time": "2026-03-01T12:00:00Z"}
    shop.post("/v1/events", json=event)
    path = "/v1/live?" + "&".join(f"q={quote(one, safe='')}" for one in asked)
    own = f"/v1/{asked[0]}&interval=hour"
    # Under a number, a frame is kept as it is: a bucket has another key than a list's row.
    numbered = f"/v1/live?q={quote(own, safe='')}"
    with Follower(server, path) as many, Follower(server, numbered) as one:
        many.until(lambda follower: len(follower.frames) == len(asked))
        one.until(lambda follower: follower.frames)
        assert [data["rows"][0]["value"] for _, data in many.frames] == [1, 1]
        shop.post("/v1/events", json=event)
        many.until(lambda follower: len(follower.frames) == len(asked) + 1)
        kind, data = many.frames[-1]
        assert (kind, data["q"], data["rows"][0]["value"]) == ("update", 0, 2)
        one.until(lambda follower: follower.kinds[-1] == "update")
        assert one.frames[-1][1]["rows"] == fresh(shop, own, "rows")
    with Follower(server, own) as alone:
        assert alone.status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/explore?aggregate=count", 400),
        ("/v1/explore?event=scan&aggregate=som", 400),
        (f"{_USERS}?cursor=abc", 400),
        (f"{_USERS}?sort=revenu", 404),
        (f"{_USERS}/ada?limit=3", 400),
        ("/v1/entities/usr", 404),
        (f"{_EVENTS}?limit=0", 400),
        (f"{_EVENTS}?min_position=999999999", 400),
    ],
)
def test_a_question_that_is_wrong_is_refused_before_the_first_byte(
    server: Server, path: str, status: int
) -> None:
    """As without a stream: problem details with the status."""
    with Follower(server, path) as follower:
        assert follower.status == status
        assert "application/problem+json" in follower.head


def test_a_team_sees_only_its_own_live(server: Server, shop: httpx2.Client) -> None:
    """Another team's list, entity and tail stay as they are while this team's events arrive."""
    assert shop.post("/v1/teams", json={"name": "other"}).status_code in (201, 400)
    made = shop.post("/v1/keys", json={"team": "other", "name": "eyes", "scopes": ["read"]}).json()
    paths = (_USERS, f"{_USERS}/ours", f"{_EVENTS}?limit=3")
    followers = [Follower(server, path, key=made["key"]) for path in paths]
    try:
        for follower in followers:
            follower.until(lambda one: one.frames)
            assert follower.frames[0][1]["rows"] == []
        position = pay(shop, "ours", "1")
        theirs = {"type": "add_revenue", "subject": "theirs", "data": {"value": "2"}}
        shop.post("/v1/events", json=theirs, headers={"X-Livetally-Team": "other"})
        for follower in (followers[0], followers[2]):
            follower.until(lambda one: one.rows)
            assert len(follower.rows) == 1
            assert "ours" not in str(follower.frames)
        assert followers[1].rows == {}
        assert position
    finally:
        for follower in followers:
            follower.close()
