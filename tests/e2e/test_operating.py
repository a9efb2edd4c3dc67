"""What operators look at: ids of requests, logs, readiness, measurements, the doctor, schedules."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from livetally.clock import SystemClock
from livetally.testing import Server
from tests.e2e.https_server import OPENSSL
from tests.e2e.walls import talk
from tests.waiting import until


def log_lines(server: Server) -> list[dict[str, Any]]:
    """Return the log's lines that are JSON."""
    lines = server.log_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_a_request_has_an_id_in_its_answer_and_in_the_log() -> None:
    """A plain one that came along is taken over, another is replaced; nothing secret is logged."""
    env = {"LIVETALLY_LOG_FORMAT": "json", "LIVETALLY_LOG_REQUESTS": "true"}
    with Server(env=env) as server, talk(server, server.key) as client:
        sent = client.get("/v1/events?subject=zoe", headers={"X-Request-Id": "abc-123"})
        assert sent.headers["x-request-id"] == "abc-123"
        hostile = client.get("/v1/nothing", headers={"X-Request-Id": 'a" level="critical'})
        made = hostile.headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", made)
        post = client.post("/v1/events", json={"type": "tick"}).headers["x-request-id"]
        assert post not in (made, "abc-123")
        until(lambda: any(one.get("request") == post for one in log_lines(server)), "the log")
        lines = {one["request"]: one for one in log_lines(server) if one["event"] == "request"}
        assert lines["abc-123"]["kind"] == "events"
        assert lines["abc-123"]["status"] == 200
        assert lines[made]["status"] == 404
        assert (lines[post]["method"], lines[post]["kind"]) == ("POST", "events")
        assert "zoe" not in server.log_text()
        assert server.key not in server.log_text()


def test_ready_means_that_the_disk_has_room() -> None:
    """With less than the setting wants, a balancer is told to go elsewhere, and why."""
    with Server() as server:
        told = httpx2.get(f"{server.url}/readyz", trust_env=False)
        assert (told.status_code, told.json()["ready"]) == (200, True)
        assert "troubles" not in told.json()
    server = Server(env={"LIVETALLY_DISK_FREE_BYTES_MIN": str(10**18)}, start_s=60)
    process = subprocess.Popen(
        server._command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        url = ""
        for line in process.stdout:
            if found := re.search(r"listens on (\S+)", line):
                url = found[1]
                break
        told = httpx2.get(f"{url}/readyz", trust_env=False)
        assert told.status_code == 503
        assert told.json()["ready"] is False
        assert "bytes left" in told.json()["troubles"]["disk"]
        assert httpx2.get(f"{url}/healthz", trust_env=False).status_code == 200
    finally:
        process.kill()
        process.communicate()
        server._room.cleanup()


def test_each_stage_is_measured() -> None:
    """After one event and one question, what they passed through has counted them."""
    with Server() as server, talk(server, server.key) as client:
        client.post("/v1/events", json={"type": "tick"})
        client.get("/v1/explore?event=tick")
        shown = client.get("/metrics").text
        for sample in (
            'livetally_events_total{outcome="stored"} 1.0',
            "livetally_commit_seconds_count 1.0",
            'livetally_request_seconds_count{kind="events"} 1.0',
            'livetally_request_seconds_count{kind="explore"} 1.0',
            "livetally_query_seconds_count 1.0",
            "livetally_store_parts 1.0",
            "livetally_store_changes 0.0",
            "livetally_waiting_queries",
        ):
            assert sample in shown, sample
        memory = re.search(r"^livetally_memory_bytes (\S+)$", shown, re.MULTILINE)
        assert memory is not None
        assert 50e6 < float(memory[1]) < 2e9


def in_a_week_us() -> int:
    """Return an instant."""
    return SystemClock().now_us() + 7 * 86_400 * 1_000_000


def doctor(*options: str, cwd: Path) -> tuple[int, dict[str, tuple[str, str]]]:
    """Run the doctor; return its exit code, and what it says by subject."""
    command = [sys.executable, "-m", "livetally", "doctor", "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    return done.returncode, {one[0]: (one[1], one[2]) for one in map(_triple, told["findings"])}


def _triple(finding: dict[str, str]) -> tuple[str, str, str]:
    return finding["subject"], finding["grade"], finding["told"]


def certificate(place: Path, days: int) -> dict[str, str]:
    """Make a certificate that is good for so many days; return the settings that name it."""
    assert OPENSSL, "openssl makes the certificate: apt-get install openssl"
    key, asked, cert = place / "key.pem", place / "asked.csr", place / f"cert{days}.pem"
    making = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"
    if not key.exists():
        command = [OPENSSL, *making.split(), "-keyout", str(key), "-out", str(asked)]
        subprocess.run(command, check=True, capture_output=True)
    signing = f"x509 -req -days {days} -in {asked} -signkey {key} -out {cert}"
    subprocess.run([OPENSSL, *signing.split()], check=True, capture_output=True)
    return {"LIVETALLY_TLS_CERT": str(cert), "LIVETALLY_TLS_KEY": str(key)}


@pytest.mark.parametrize(
    ("days", "grade", "words"),
    [
        (200, "ok", "for 200 days more"),
        (5, "look", "for 5 days more"),
        (-1, "wrong", "certificate has expired"),
    ],
    ids=["good", "ends soon", "over"],
)
def test_the_doctor_tries_the_certificate(
    tmp_path: Path, days: int, grade: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says until when it is good, in time to renew it, and that one which is over is over."""
    for name, value in certificate(tmp_path, days).items():
        monkeypatch.setenv(name, value)
    _, told = doctor("--port", "0", "--data", str(tmp_path / "data"), cwd=tmp_path)
    assert told["settings"][0] == grade
    assert words in told["settings"][1]


def test_the_doctor_finds_a_key_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of another certificate, or no certificate at all, is wrong."""
    (tmp_path / "other").mkdir()
    mine, other = certificate(tmp_path, 90), certificate(tmp_path / "other", 90)
    monkeypatch.setenv("LIVETALLY_TLS_CERT", mine["LIVETALLY_TLS_CERT"])
    for key in (other["LIVETALLY_TLS_KEY"], str(tmp_path / "asked.csr")):
        monkeypatch.setenv("LIVETALLY_TLS_KEY", key)
        code, told = doctor("--port", "0", "--data", str(tmp_path / "data"), cwd=tmp_path)
        assert (code, told["settings"][0]) == (1, "wrong")


def test_the_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    """Beside a running server and before one: a bad file, keys that end, newer or half data."""
    good = tmp_path / "good.toml"
    good.write_text('application = "a"\n[event.x]\n')
    with Server(definitions=[good]) as server, talk(server, server.key) as client:
        soon = {"name": "ends soon", "scopes": ["read"], "expires_us": in_a_week_us()}
        assert client.post("/v1/keys", json=soon).status_code == 201
        port = server.url.rsplit(":", 1)[1]
        data = ("--data", str(server.data))
        code, told = doctor("--port", port, "--definitions", str(good), *data, cwd=tmp_path)
        assert code == 0, told
        assert told["port"] == ("ok", f"a server answers on {port}, ready: True")
        assert told["keys"][0] == "look"
        assert "ends soon" in told["keys"][1]
        assert told["backups"][0] == "look"
        assert {"versions", "settings", "disk", "fsync", "clock", "limits"} <= told.keys()
        (tmp_path / "bad.toml").write_text("application = 5\n")
        bad = ("--definitions", str(tmp_path / "bad.toml"))
        code, told = doctor("--port", port, *bad, *data, cwd=tmp_path)
        assert (code, told["definitions"][0]) == (1, "wrong")
        assert server.stop() == 0
        (server.data / "version").write_text("99 9.9.9\n")
        code, told = doctor("--port", "0", *data, cwd=tmp_path)
        assert (code, told["data"][0]) == (1, "wrong")
        (server.data / "version").unlink()
        (server.data / "incomplete").touch()
        code, told = doctor("--port", "0", *data, cwd=tmp_path)
        assert "livetally restore" in told["data"][1]
        (server.data / "incomplete").unlink()
    missing = ("--data", str(tmp_path / "none"))
    code, told = doctor("--port", "0", *missing, cwd=tmp_path)
    assert code == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.timeout(120)
def test_backups_are_taken_on_schedule_and_requests_stay_inside(tmp_path: Path) -> None:
    """Without being asked; a request may name no other place, and a session none at all."""
    place = tmp_path / "backups"
    env = {"LIVETALLY_BACKUP_TO": str(place), "LIVETALLY_BACKUP_EVERY_H": "1"}
    with Server(env=env) as server, talk(server, server.key) as client:
        client.post("/v1/events", json={"type": "tick"})
        until(lambda: client.get("/v1/backups").json()["backups"], "the first backup", 60)
        outside = client.post("/v1/backups", json={"to": str(tmp_path / "elsewhere")})
        assert outside.status_code == 400
        above = client.post("/v1/backups", json={"to": f"{place}/../elsewhere"})
        assert above.status_code == 400
        assert not (tmp_path / "elsewhere").exists()
        inside = client.post("/v1/backups", json={"to": f"{place}/more"})
        assert '"backup"' in inside.text.splitlines()[-1]
        listed = client.get("/v1/backups", params={"place": f"{place}/more"}).json()["backups"]
        assert [one["position"] for one in listed] == [1]
        assert 'livetally_backups_total{outcome="done"} 2.0' in client.get("/metrics").text
        assert (place.stat().st_mode & 0o777) == 0o700
