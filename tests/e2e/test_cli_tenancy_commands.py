"""Keys and teams from the command line, against a real server."""

from __future__ import annotations

import re

from livetally.testing import Server
from tests.e2e.command_told import Run

pytest_plugins = ("tests.e2e.command_server",)


def test_keys_are_made_listed_rotated_and_revoked(run: Run, server: Server) -> None:
    """The key is alone on standard output; a revoked one is good for nothing."""
    made = run("keys", "create", "--name", "ci", "--scope", "read", "--expires", "90d")
    key = made.out.strip()
    assert re.fullmatch(r"lt_\w+_\w+", key)
    assert "keep it" in made.err
    key_id = key.split("_")[1]
    assert run("query", "payments", "--key", key).code == 0
    assert run("send", "--type", "pay", "--key", key).code == 1
    listed = run("keys", "list")
    (line,) = [line for line in listed.out.splitlines() if line.startswith(key_id)]
    assert "ci" in line
    assert "good until" in line
    assert key not in listed.out
    fresh = run("keys", "rotate", key_id).out.strip()
    assert fresh != key
    assert run("keys", "revoke", fresh.split("_")[1]).code == 0
    assert run("query", "payments", "--key", fresh).code == 1
    states = {one["id"]: one["revoked_us"] for one in run("keys", "list", "--json").json["keys"]}
    assert states[fresh.split("_")[1]] is not None


def test_teams_are_made_and_have_keys_of_their_own(run: Run) -> None:
    """--team names the team to act for; its key sees its own events only."""
    assert run("teams", "create", "blue").code == 0
    assert "blue" in run("teams", "list").out
    key = run("keys", "create", "--team", "blue", "--scope", "write", "--scope", "read").out.strip()
    assert run("send", "--type", "pay", "--data", '{"value": 1}', "--key", key).code == 0
    assert run("query", "payments", "--key", key).out == "1\n"
    assert run("query", "payments", "--team", "blue").out == "1\n"
    assert run("teams", "create", "blue").code == 1


def test_a_team_is_set_by_an_operator(run: Run) -> None:
    """What is named changes, at once; the rest stays. Nothing named is wrong usage."""
    assert run("teams", "create", "green").code == 0
    key = run("keys", "create", "--team", "green", "--scope", "read").out.strip()
    assert run("teams", "set", "green", "--queries-per-hour", "1").code == 0
    assert run("query", "payments", "--key", key).code == 0
    assert "within an hour" in run("query", "payments", "--limit", "5", "--key", key).err
    page = "https://dash.example"
    done = run("teams", "set", "green", "--origin", page, "--json").json
    assert (done["queries_per_hour"], done["allowed_origins"]) == (1, [page])
    assert page in run("teams", "list").out
    done = run("teams", "set", "green", "--queries-per-hour", "default", "--no-origins", "--json")
    assert (done.json["queries_per_hour"], done.json["allowed_origins"]) == (None, [])
    assert run("query", "payments", "--limit", "5", "--key", key).code == 0
    assert run("teams", "set", "green").code == 2
    assert run("teams", "set", "green", "--origin", page, "--no-origins").code == 2
    assert run("teams", "set", "green", "--queries-per-hour", "many").code == 2


def test_a_key_may_be_rotated_with_a_grace(run: Run) -> None:
    """Within the grace the old key and the new one are both good."""
    key = run("keys", "create", "--scope", "read").out.strip()
    fresh = run("keys", "rotate", key.split("_")[1], "--grace", "24h").out.strip()
    for good in (key, fresh):
        assert run("query", "payments", "--key", good).code == 0
    keys = run("keys", "list", "--json").json["keys"]
    (old,) = [one for one in keys if one["id"] == key.split("_")[1]]
    assert old["expires_us"] is not None
    assert old["revoked_us"] is None
