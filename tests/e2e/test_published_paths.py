"""What clients send to published paths that the definition's author did not think of.

In the flow: sends it to a real server: texts that look like conditions, prefixes in capitals,
payloads without what the reply names, lines that are no JSON.
Guarantee: a path's value is a value; what is stored is never answered as a failure.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from urllib.parse import quote

import httpx2
import pytest

from livetally.testing import Server
from tests.e2e.walls import talk

SECRET = "It's a Secret to Everybody"
DEFINITION = """
application = "doors"
[event.tap]
data = { tag = { type = "string", required = true }, size = "integer" }
[event.seen]
data.n = "integer"
[metric.taps]
aggregate = "count"
event = "tap"
by = ["tag", "size"]
[entity.tag]
key = "tag"
events = ["tap"]
fields.tag = { latest = "tag" }
fields.size = { latest = "size" }

[answer.bare]
path = "/bare/{tag}"
auth = "none"
metric = "taps"
parameters.where = "tag:{param.tag}"
body = { n = "{answer.rows[0].value}" }
[answer.quoted]
path = "/quoted/{tag}"
auth = "none"
metric = "taps"
parameters.where = 'tag:"{param.tag}"'
body = { n = "{answer.rows[0].value}" }
[answer.listed]
path = "/listed/{tag}"
auth = "none"
entity = "tag"
parameters.where = ["tag:{param.tag}", "{query.where}"]
body = { tags = "{answer.entities[].fields.tag}" }
[answer.larger]
path = "/larger/{size}"
auth = "none"
metric = "taps"
parameters.where = "size:>{param.size}"
body = { n = "{answer.rows[0].value}" }
[answer.undeclared]
path = "/weight/{least}"
auth = "none"
metric = "taps"
parameters.where = "weight:>={param.least}"
body = { n = "{answer.rows[0].value}" }

[inlet.upper]
path = "/upper"
auth = { hmac = "sha256", header = "X-Sig", prefix = "SHA256=", secret = "env:SIGNING" }
map.type = "'seen'"
[inlet.base64]
path = "/base64"
map.type = "'seen'"
[inlet.base64.auth]
hmac = "sha1"
encoding = "base64"
header = "X-Sig"
prefix = "V1,"
secret = "env:SIGNING"
[inlet.bearer]
path = "/bearer"
auth = { header = "Authorization", prefix = "Bearer ", secret = "env:SIGNING" }
map.type = "'seen'"

[inlet.counted]
path = "/counted"
auth = "none"
map.type = "'seen'"
map.data.n = "n"
reply = { status = 201, body = { n = "{length(body.items)}" } }
[inlet.lines]
path = "/lines"
auth = "none"
map.where = "n"
map.type = "'seen'"
map.data.n = { from = "n", as = "integer", required = true }
[inlet.nested]
path = "/nested"
auth = "none"
map.each = "[].all[]"
map.type = "'seen'"
map.data.n = "n"
"""
TAGS = ("a", "b", "a,b", "*", "a*", ">a", "!a", 'a","b', "\\", "1..2", " ", "ünï", "a/b", "{tag}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one tap of each tag, and two of b."""
    file = tmp_path_factory.mktemp("doors") / "doors.toml"
    file.write_text(DEFINITION, encoding="utf-8")
    env = {
        "SIGNING": SECRET,
        "LIVETALLY_QUERIES_PER_HOUR": "100000",
        "LIVETALLY_FAILED_KEYS_PER_MINUTE": "1000",
    }
    with Server(definitions=[file], env=env) as started, talk(started, started.key) as operator:
        taps = [
            {"type": "tap", "data": {"tag": tag, "size": size, "weight": size / 2}}
            for size, tag in enumerate((*TAGS, "b"))
        ]
        assert operator.post("/v1/events", json=taps).json()["stored"] == len(taps)
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    """A client without any key."""
    with talk(server) as made:
        yield made


@pytest.mark.parametrize("tag", TAGS)
def test_a_paths_value_is_no_condition(client: httpx2.Client, tag: str) -> None:
    """Each tag has its own taps, whether the definition writes quotes or not."""
    for path in ("bare", "quoted"):
        reply = client.get(f"/{path}/{quote(tag, safe='')}")
        assert (reply.status_code, reply.json()) == (200, {"n": 2 if tag == "b" else 1})
    reply = client.get(f"/listed/{quote(tag, safe='')}")
    assert (reply.status_code, reply.json()) == (200, {"tags": [tag]})


def test_a_text_that_is_one_placeholder_is_the_clients_condition(client: httpx2.Client) -> None:
    """As under ``/v1``, and beside the definition's own."""
    for where, tags in (("tag:a,b", ["b"]), ("size:>1..", None), ("!tag:*", []), ("", ["b"])):
        reply = client.get("/listed/b", params={"where": where})
        if tags is None:
            assert (reply.status_code, reply.json()["field"]) == (400, "where")
        else:
            assert reply.json() == {"tags": tags}


def test_numbers_are_compared_as_numbers(client: httpx2.Client) -> None:
    """A declared field by its type, another one as a number; what is none is told."""
    count = len(TAGS) + 1
    assert client.get("/larger/9").json() == {"n": count - 10}
    assert client.get("/larger/-1").json() == {"n": count}
    assert client.get("/weight/4.5").json() == {"n": count - 9}
    for path in ("/larger/nine", "/larger/=9", "/larger/%209", "/weight/1,2", "/weight/%3E1"):
        reply = client.get(path)
        assert (reply.status_code, reply.json()["field"]) == (400, "where")


def signature(algorithm: str, body: bytes) -> bytes:
    """Return the digest of a body."""
    return hmac.new(SECRET.encode(), body, getattr(hashlib, algorithm)).digest()


@pytest.mark.parametrize("prefix", ["SHA256=", "sha256=", "Sha256="])
def test_a_prefix_is_read_in_any_case(client: httpx2.Client, prefix: str) -> None:
    """So are the digits of a hex signature; what is not the prefix is refused."""
    made = signature("sha256", b"{}").hex()
    for digits in (made, made.upper()):
        reply = client.post("/upper", content=b"{}", headers={"X-Sig": prefix + digits})
        assert reply.status_code == 200, reply.text
    for given in (made, f"{prefix}{made[:-1]}", f"{prefix}{made}0", f"x{prefix}{made}", prefix, ""):
        reply = client.post("/upper", content=b"{}", headers={"X-Sig": given})
        assert reply.status_code == 401


def test_only_the_prefix_of_other_secrets_is_read_in_any_case(client: httpx2.Client) -> None:
    """Letters of base64 and of a shared secret are what they are."""
    made = base64.b64encode(signature("sha1", b"{}")).decode()
    for given, status in ((f"V1,{made}", 200), (f"v1,{made}", 200), (f"V1,{made.lower()}", 401)):
        reply = client.post("/base64", content=b"{}", headers={"X-Sig": given})
        assert reply.status_code == status
    for given, status in ((f"Bearer {SECRET}", 200), (f"bearer {SECRET}", 200),
                          (f"Bearer {SECRET.upper()}", 401), (SECRET, 401)):  # fmt: skip
        reply = client.post("/bearer", content=b"{}", headers={"Authorization": given})
        assert reply.status_code == status


def test_what_is_stored_is_no_failure(server: Server, client: httpx2.Client) -> None:
    """A reply that can't be filled is that of ``POST /v1/events``; the log says why."""
    whole = client.post("/counted", json={"n": 1, "items": [1, 2]})
    assert (whole.status_code, whole.json()) == (201, {"n": 2})
    reply = client.post("/counted", json={"n": 2, "word": "hush-hush"})
    assert reply.status_code == 200
    assert reply.json() | {"position": 0} == {
        "position": 0,
        "stored": 1,
        "duplicates": 0,
        "rejected": [],
    }
    assert reply.json()["position"] > 0
    log = [line for line in server.log_text().splitlines() if "reply not filled" in line]
    assert len(log) == 1
    assert "counted" in log[0]
    assert "length() takes" in log[0]
    assert "hush-hush" not in server.log_text()


LINES = {"Content-Type": "application/x-ndjson"}


def test_a_broken_line_costs_no_good_one(client: httpx2.Client) -> None:
    """It is rejected under its number, as a line of ``POST /v1/events`` is."""
    lines = [b'{"n":1}', b"", b'{"n":', b'{"n":"x"}', b'{"m":1}', b'\xff{"n":2}', b'{"n":3}']
    reply = client.post("/lines", content=b"\r\n".join(lines), headers=LINES)
    assert reply.status_code == 200, reply.text
    assert reply.json()["stored"] == 2
    assert reply.json()["rejected"] == [
        {"index": 1, "field": "", "error": "input data was truncated"},
        {"index": 2, "field": "data.n", "error": "is a text that is no number"},
        {"index": 4, "field": "", "error": "invalid UTF-8 at byte 0"},
    ]
    nothing = client.post("/lines", content=b"{\n[", headers=LINES)
    assert nothing.status_code == 422
    assert [one["index"] for one in nothing.json()["rejected"]] == [0, 1]


def test_records_found_across_lines_need_all_of_them(client: httpx2.Client) -> None:
    """Where ``each`` looks into the lines, numbers are those of records: the line is named."""
    lines = [json.dumps({"all": [{"n": 1}, {"n": 2}]}).encode(), b"{"]
    assert client.post("/nested", content=lines[0], headers=LINES).json()["stored"] == 2
    reply = client.post("/nested", content=b"\n".join(lines), headers=LINES)
    assert reply.status_code == 400
    assert "record 1: input data was truncated" in reply.json()["detail"]
