"""What the server says to input that it can't use.

In the flow: sends nonsense to a real server over HTTP, as anybody could.
Guarantee: each mistake gets problem details that name the field and the reason, never a trace; and
nothing valid beside it is lost.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from livetally.testing import Server
from tests.tidy.source_tree import ROOT

FLIGHTS = ROOT / "examples" / "flights" / "livetally.toml"
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    """Talk to one server with the flights' definitions and a small bound on bodies."""
    small = {"LIVETALLY_BODY_BYTES_MAX": "100000"}
    with Server(definitions=[FLIGHTS], env=small) as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        with httpx2.Client(base_url=server.url, headers=headers, trust_env=False) as talking:
            yield talking


def problem(reply: httpx2.Response, status: int) -> dict[str, Any]:
    """Return the problem details of a reply, which must be of this status and hold no trace."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in reply.text
    assert 'File "' not in reply.text
    body: dict[str, Any] = reply.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


@pytest.mark.parametrize("body", [b"not json", b"[1, 2", b'{"type": "a"', b"\xff\xfe", b"", b"7"])
def test_a_body_that_is_not_json_is_refused(client: httpx2.Client, body: bytes) -> None:
    """Bytes that are no JSON, or no event in JSON, are a 400 that says what is wrong."""
    assert problem(client.post("/v1/events", content=body, headers=JSON), 400)["detail"]


def test_wrong_types_are_rejected_one_by_one(client: httpx2.Client) -> None:
    """Of five items the good one is stored; the others are named by index, field and reason."""
    body = [
        {"type": 5},
        {"type": "departure", "data": {"carrier": "UA", "origin": "EWR", "dep_delay": "late"}},
        {"type": "departure", "data": {"carrier": "UA"}},
        {"type": "departure", "time": "yesterday", "data": {"carrier": "UA", "origin": "EWR"}},
        {"type": "departure", "data": {"carrier": "UA", "origin": "EWR"}},
    ]
    reply = client.post("/v1/events", json=body)
    assert reply.status_code == 200
    answer = reply.json()
    assert answer["stored"] == 1
    fields = [(one["index"], one["field"]) for one in answer["rejected"]]
    assert fields == [(0, "type"), (1, "data.dep_delay"), (2, "data.origin"), (3, "time")]
    assert all(one["error"] for one in answer["rejected"])


def test_nothing_storable_is_422_with_the_same_members(client: httpx2.Client) -> None:
    """When not one item is storable the answer is problem details with the rejections in it."""
    reply = client.post("/v1/events", content=b'{"typ": "departure"}\n{"a": 1}\n', headers=NDJSON)
    body = problem(reply, 422)
    assert body["stored"] == 0
    assert [one["index"] for one in body["rejected"]] == [0, 1]


def test_bad_lines_cost_no_good_line(client: httpx2.Client) -> None:
    """Broken lines of NDJSON are rejected by their number; every other line is stored."""
    good = '{"type": "note", "id": "%s"}'
    lines = [good % "n1", "{broken", good % "n2", "[]", good % "n3", ""]
    answer = client.post("/v1/events", content="\n".join(lines).encode(), headers=NDJSON).json()
    assert answer["stored"] == 3
    assert [one["index"] for one in answer["rejected"]] == [1, 3]


def test_strict_stores_all_or_nothing(client: httpx2.Client) -> None:
    """With strict=true one bad item keeps the others out, and the answer names it."""
    body = [{"type": "strict_note", "id": "s1"}, {"type": 7}]
    problem(client.post("/v1/events?strict=true", json=body), 422)
    page = client.get("/v1/events", params={"type": "strict_note"}).json()
    assert page["events"] == []


def test_a_body_over_the_limit_is_413(client: httpx2.Client) -> None:
    """A JSON body that is longer than the server takes is refused, also when it is packed."""
    long = b'{"type": "a", "data": {"text": "' + b"x" * 120_000 + b'"}}'
    assert "100000" in problem(client.post("/v1/events", content=long, headers=JSON), 413)["detail"]


def test_another_media_type_is_415(client: httpx2.Client) -> None:
    """A body of an unknown kind is refused with the kinds that are taken."""
    reply = client.post("/v1/events", content=b"<a/>", headers={"Content-Type": "text/xml"})
    assert "application/x-ndjson" in problem(reply, 415)["detail"]


QUESTIONS = [
    ({"tz": "Europe/Olso"}, 400, "tz", "Europe/Oslo"),
    ({"tz": "../../etc/passwd"}, 400, "tz", None),
    ({"interval": "dya"}, 400, "interval", "day"),
    ({"from": "2014-01-01", "to": "2013-01-01"}, 400, "to", None),
    ({"from": "2013-01-01", "to": "2013-01-01"}, 400, "to", None),
    ({"from": "soon"}, 400, "from", None),
    ({"where": "origin"}, 400, "where", None),
    ({"where": "dep_delay:>late"}, 400, "where", None),
    ({"limit": "-1"}, 400, "limit", None),
    ({"fill": "full"}, 400, "fill", None),
    ({"intervall": "day"}, 400, "intervall", None),
    ({"interval": "minute", "from": "1950-01-01", "to": "2050-01-01"}, 422, None, None),
]


@pytest.mark.parametrize(("parameters", "status", "field", "nearest"), QUESTIONS)
def test_a_question_that_makes_no_sense_is_explained(
    client: httpx2.Client,
    parameters: dict[str, str],
    status: int,
    field: str | None,
    nearest: str | None,
) -> None:
    """The problem names the parameter, and the nearest name where one was misspelt."""
    body = problem(client.get("/v1/metrics/departures", params=parameters), status)
    assert body.get("field") == field
    assert body.get("nearest") == nearest


def test_a_metric_that_does_not_exist_is_404_with_the_nearest(client: httpx2.Client) -> None:
    """A misspelt metric is not found, and the answer says which was probably meant."""
    body = problem(client.get("/v1/metrics/departurs"), 404)
    assert body["nearest"] == "departures"
    assert "did you mean 'departures'?" in body["detail"]


def test_a_definition_with_an_error_names_line_key_and_reason(client: httpx2.Client) -> None:
    """Over HTTP every mistake of a definition is listed, and nothing of it is applied."""
    text = '[event.a]\ndata.x = "integr"\n\n[metric.m]\nevent = "a"\naggregate = "summ"\n'
    reply = client.put(
        "/v1/definitions/wrong",
        content=f'application = "wrong"\n{text}',
        headers={"Content-Type": "application/toml"},
    )
    problems = problem(reply, 400)["problems"]
    assert {(one["line"], one["key"]) for one in problems} >= {
        (3, "event.a.data.x.type"),
        (7, "metric.m.aggregate"),
    }
    assert any("integer" in one["reason"] for one in problems)
    assert problem(client.get("/v1/definitions/wrong"), 404)


def test_a_definition_file_with_an_error_stops_the_start(tmp_path: Path) -> None:
    """``serve`` with a broken definition file says file, line, key and reason, and exits."""
    file = tmp_path / "broken.toml"
    file.write_text('application = "b"\n[metric.m]\nevent = "a"\naggregate = "cuont"\n')
    command = [sys.executable, "-m", "livetally", "serve", "--port", "0"]
    command += ["--data", str(tmp_path / "data"), "--definitions", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "broken.toml" in said
    assert "4" in said
    assert "count" in said
    assert "Traceback" not in said


def test_no_key_is_401_and_an_unknown_path_404(client: httpx2.Client) -> None:
    """Without a key nothing is said but how to send one; an unknown path is a problem too."""
    reply = httpx2.get(str(client.base_url.join("/v1/metrics")), trust_env=False)
    assert "Bearer" in problem(reply, 401)["detail"]
    assert reply.headers["www-authenticate"].startswith("Bearer")
    problem(client.get("/v1/nothing"), 404)
    problem(client.delete("/v1/metrics"), 405)
