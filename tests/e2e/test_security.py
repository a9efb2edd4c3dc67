"""What a stranger, a browser and a greedy key meet: bounds, headers, https, secrets.

In the flow: talks to real servers, each started with the settings that a test is about.
Guarantee: each wall that ``docs/guides/security.md`` promises is run into here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from livetally.testing import Server
from tests.e2e.https_server import OPENSSL, https_server
from tests.e2e.walls import ROUTES, SHOP, Row, Teams, talk
from tests.secret_search import may_hold_secrets

PAGE = "https://dashboard.example"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start one server for the tests of headers and origins."""
    with Server(definitions=[SHOP], env={"LIVETALLY_FAILED_KEYS_PER_MINUTE": "1000"}) as started:
        yield started


@pytest.fixture(scope="module")
def teams(server: Server) -> Teams:
    """Make two teams; red lets one other origin read."""
    made = Teams(server)
    with talk(server, server.key) as operator:
        change = {"allowed_origins": [PAGE]}
        assert operator.patch("/v1/teams/red", json=change).json()["allowed_origins"] == [PAGE]
    return made


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: f"{row.method} {row.route}")
@pytest.mark.parametrize("sender", ["key", "stranger"])
def test_every_answer_keeps_a_browser_within_it(
    row: Row, server: Server, teams: Teams, sender: str
) -> None:
    """No sniffing, no framing, no referrer, nothing loaded: on every answer, errors among them."""
    with talk(server, teams.keys["red"]["all"] if sender == "key" else None) as client:
        headers = row.send(client).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


def test_only_listed_origins_read_and_only_with_what_they_hold(
    server: Server, teams: Teams
) -> None:
    """A team's list opens its own answers to GET with a key or a stream token, nothing else."""
    allow = "access-control-allow-origin"
    ask = "/v1/metrics/revenue"
    with talk(server, teams.keys["red"]["all"], Origin=PAGE) as red:
        reply = red.get(ask)
        assert reply.headers[allow] == PAGE
        assert "Origin" in reply.headers["vary"]
        assert "access-control-allow-credentials" not in reply.headers
        assert red.get("/v1/metrics/none").headers[allow] == PAGE
        assert allow not in red.post("/v1/events", json={"type": "a"}).headers
        assert allow not in red.get(ask, headers={"Origin": "https://other.example"}).headers
        token = red.post("/v1/stream-tokens").json()["token"]
    with talk(server, teams.keys["blue"]["all"], Origin=PAGE) as blue:
        assert allow not in blue.get(ask).headers
    live = Row("GET", "", "read", f"{ask}?token={token}", live=True)
    with talk(server, None, Origin=PAGE, Accept="text/event-stream") as page:
        assert live.send(page).headers[allow] == PAGE
    with talk(server, None) as client:
        cookie = client.post("/v1/session", json={"key": teams.keys["red"]["all"]}).cookies
        session = {"Cookie": f"livetally_session={cookie['livetally_session']}", "Origin": PAGE}
        reply = client.get(ask, headers=session)
        assert reply.status_code == 200
        assert allow not in reply.headers


def test_a_preflight_is_answered_for_reads_of_listed_origins(server: Server, teams: Teams) -> None:
    """GET from a listed origin may send a key; other methods and other origins may not."""

    def asked(origin: str, method: str) -> httpx2.Response:
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        with talk(server) as client:
            return client.options("/v1/metrics/revenue", headers=headers)

    reply = asked(PAGE, "GET")
    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == PAGE
    assert "Authorization" in reply.headers["access-control-allow-headers"]
    for origin, method in ((PAGE, "POST"), (PAGE, "DELETE"), ("https://other.example", "GET")):
        reply = asked(origin, method)
        assert reply.status_code == 403
        assert "access-control-allow-origin" not in reply.headers


def test_a_sign_in_from_another_site_is_refused(server: Server, teams: Teams) -> None:
    """A page elsewhere can't sign a person in to somebody else's team."""
    body = {"key": teams.keys["red"]["all"]}
    with talk(server, None, **{"Sec-Fetch-Site": "cross-site"}) as client:
        assert client.post("/v1/session", json=body).status_code == 403


def test_a_sign_in_link_works_once_and_looking_does_not_use_it_up(
    server: Server, teams: Teams
) -> None:
    """HEAD leaves a link as it is; the first GET signs in, the second does not."""
    with talk(server, teams.keys["red"]["read"]) as client:
        url = client.post("/v1/session/link").json()["url"]
    with talk(server) as browser:
        assert "set-cookie" not in browser.head(url).headers
        first = browser.get(url)
        assert "livetally_session" in first.headers["set-cookie"]
        assert first.headers["location"] == "/"
    with talk(server) as browser:
        second = browser.get(url)
        assert "set-cookie" not in second.headers


def test_a_link_on_another_sites_page_signs_nobody_in_by_itself(
    server: Server, teams: Teams
) -> None:
    """A person is asked first; what stands in the address can't become part of the page."""
    with talk(server, teams.keys["red"]["read"]) as client:
        url = client.post("/v1/session/link").json()["url"]
    with talk(server, None, **{"Sec-Fetch-Site": "cross-site"}) as browser:
        page = browser.get(url)
        assert page.status_code == 200
        assert "set-cookie" not in page.headers
        assert f'href="{url}"' in page.text
        hostile = browser.get("/signin", params={"token": '"><script>alert(1)</script>'})
        assert "<script" not in hostile.text
    with talk(server, None, **{"Sec-Fetch-Site": "same-origin"}) as browser:
        assert "livetally_session" in browser.get(url).headers["set-cookie"]


def test_signing_in_anew_ends_the_session_before(server: Server, teams: Teams) -> None:
    """A session whose cookie was replaced is good for nothing."""
    body = {"key": teams.keys["red"]["all"]}
    with talk(server) as browser:
        first = browser.post("/v1/session", json=body).cookies["livetally_session"]
        cookie = {"Cookie": f"livetally_session={first}"}
        assert browser.get("/v1/session", headers=cookie).status_code == 200
        assert browser.post("/v1/session", json=body, headers=cookie).status_code == 204
    with talk(server) as browser:
        assert browser.get("/v1/session", headers=cookie).status_code == 401


def test_what_is_left_of_the_quota_is_told_for_free(server: Server, teams: Teams) -> None:
    """Asking for what is left takes nothing away; a question takes one."""
    with talk(server, server.key) as operator:
        operator.patch("/v1/teams/blue", json={"queries_per_hour": 10})
    with talk(server, teams.keys["blue"]["read"]) as client:
        assert client.get("/v1/quota").json()["remaining"] == 10
        client.get("/v1/metrics/revenue?limit=3")
        for _ in range(2):
            told = client.get("/v1/quota")
            assert told.json() == {"limit": 10, "remaining": 9, "window_s": 3600}
    with talk(server, server.key) as operator:
        assert operator.get("/v1/quota").json()["limit"] is None


def test_bounds_hold_for_guesses_streams_and_senders() -> None:
    """The first wrong key, stream or event above a bound is 429 with the time to wait."""
    env = {
        "LIVETALLY_FAILED_KEYS_PER_MINUTE": "3",
        "LIVETALLY_KEY_STREAMS_MAX": "2",
        "LIVETALLY_KEY_EVENTS_PER_SECOND": "5",
    }
    with Server(definitions=[SHOP], env=env) as server, talk(server, server.key) as client:
        ask = "/v1/metrics/revenue"
        accept = {"Accept": "text/event-stream"}
        with client.stream("GET", ask, headers=accept), client.stream("GET", ask, headers=accept):
            refused(client.get(ask, headers=accept))
        many = [{"type": "a"} for _ in range(50)]
        assert client.post("/v1/events", json=many).json()["stored"] == 50
        assert 5 <= refused(client.post("/v1/events", json=many)) <= 9
        with talk(server, "wrong") as stranger:
            for _ in range(3):
                assert stranger.get(ask).status_code == 401
            assert 50 <= refused(stranger.get(ask)) <= 60
            refused(stranger.post("/v1/session", json={"key": "wrong"}))
            refused(stranger.get("/signin?token=wrong"))
        # Who is known already is not kept out by what others from the same address do.
        assert client.get("/v1/metrics").status_code == 200


def refused(reply: httpx2.Response) -> int:
    """Return how long to wait, as a reply says that must be 429."""
    assert reply.status_code == 429, reply.text
    return int(reply.headers["retry-after"])


@pytest.mark.parametrize("trusted", ["127.0.0.1", ""])
def test_a_proxys_word_is_taken_from_trusted_addresses_only(trusted: str) -> None:
    """Forwarded addresses and https count with ``behind_proxy``; without it they are just text."""
    env = {"LIVETALLY_FAILED_KEYS_PER_MINUTE": "1", "LIVETALLY_BEHIND_PROXY": trusted}
    with Server(env=env) as server, talk(server, "wrong") as stranger:
        told = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
        assert stranger.get("/v1/metrics", headers=told).status_code == 401
        told["X-Forwarded-For"] = "192.0.2.2"
        expected = 401 if trusted else 429
        assert stranger.get("/v1/metrics", headers=told).status_code == expected
        # A proxy appends whom it has seen to what the sender claims: only the last one counts.
        told["X-Forwarded-For"] = "192.0.2.77, 192.0.2.2"
        assert stranger.get("/v1/metrics", headers=told).status_code == 429
        told["X-Forwarded-For"] = "192.0.2.3"
        with talk(server, server.key) as client:
            page = client.get("/healthz", headers=told)
            assert ("strict-transport-security" in page.headers) is bool(trusted)


@pytest.mark.skipif(OPENSSL is None, reason="makes its certificate with openssl")
def test_with_a_certificate_the_server_speaks_https(tmp_path: Path) -> None:
    """Every byte is encrypted, streams too, and the cookie goes over https only."""
    with https_server(tmp_path) as server:
        with server.client() as client:
            reply = client.post("/v1/session", json={"key": server.key})
            assert "; Secure" in reply.headers["set-cookie"]
            assert "strict-transport-security" in reply.headers
            accept = {"Accept": "text/event-stream", "X-API-Key": server.key}
            with client.stream("GET", "/v1/metrics/revenue", headers=accept) as stream:
                assert "retry:" in next(stream.iter_text())
        plain = server.url.replace("https:", "http:")
        with pytest.raises(httpx2.HTTPError):
            httpx2.get(f"{plain}/readyz", trust_env=False)


LEAK = """
import os

if os.environ.get("LEAK"):
    import logging

    import structlog

    from livetally.api import auth

    sent = auth._sent

    def logged(headers):
        text = sent(headers)
        structlog.get_logger("leak").debug("key", text=text)
        logging.getLogger("library").warning("sent %s", text)
        return text

    auth._sent = logged
"""


def test_no_secret_is_in_the_data_directory_or_the_log(tmp_path: Path) -> None:
    """Keys, sessions, links and stream tokens are used and refused; nothing holds one of them."""
    secrets, places = lived_through(tmp_path, {})
    assert len(places) > 8
    assert holding(secrets, places) == {}


def test_a_secret_that_is_logged_is_found(tmp_path: Path) -> None:
    """The search above has eyes: a server that logs what was sent is caught.

    Minted keys are cut short by the log itself; the root key, which may be any text, is not.
    """
    (tmp_path / "sitecustomize.py").write_text(LEAK)
    secrets, places = lived_through(tmp_path, {"LEAK": "1", "PYTHONPATH": str(tmp_path)})
    assert holding(secrets, places) == {"root": ["log"]}
    assert b"leak" not in places["log"]
    assert b"lt_" in places["log"]
    assert b"WARNING:library:sent lt_" in places["log"]


def holding(secrets: dict[str, str], places: dict[str, bytes]) -> dict[str, list[str]]:
    """Return where the secret part of each secret was found."""
    inner = {name: secret.split("_")[-1][:27].encode() for name, secret in secrets.items()}
    found = {
        name: [place for place, content in places.items() if text in content]
        for name, text in inner.items()
    }
    return {name: where for name, where in found.items() if where}


def lived_through(tmp_path: Path, more: dict[str, str]) -> tuple[dict[str, str], dict[str, bytes]]:
    """Use every kind of secret; return them, and all that was written, shown and said."""
    env = {"LIVETALLY_LOG_LEVEL": "debug", **more}
    data = tmp_path / "data"
    said: list[str] = []
    with Server(data, definitions=[SHOP], env=env, key=f"root-{'s' * 20}") as server:
        if "LEAK" in more:
            may_hold_secrets(server, "it is made to log the root key, which this test looks for")
        secrets = {"root": server.key}
        with talk(server, server.key) as client:
            body = {"name": "ci", "scopes": ["read", "write", "admin"]}
            made = client.post("/v1/keys", json=body).json()
            secrets["key"] = made["key"]
            secrets["rotated"] = client.post(f"/v1/keys/{made['id']}/rotate").json()["key"]
        with talk(server, secrets["rotated"]) as client:
            link = client.post("/v1/session/link").json()["url"]
            secrets["link"] = parse_qs(urlsplit(link).query)["token"][0]
            secrets["stream"] = client.post("/v1/stream-tokens").json()["token"]
            client.post("/v1/events", json={"type": "a"})
        with talk(server) as browser:
            secrets["session"] = browser.get(link).cookies["livetally_session"]
        for secret in secrets.values():
            said += errors_about(server, secret)
        with talk(server, server.key) as client:
            shown = [client.get(path).text for path in ("/metrics", "/v1/keys", "/v1/audit")]
        process = Path(f"/proc/{server.pid}/cmdline")
        shown += [process.read_text()] if process.exists() else []
        assert server.stop() == 0
        log = server.log_text()
    # The first start shows the first key and its link, once, on standard output: nothing else may.
    first = [line for line in log.splitlines() if "shown once" in line or "Sign in once" in line]
    assert len(first) == 2
    secrets["first"] = first[0].split()[-1]
    secrets["first link"] = first[1].rpartition("token=")[2]
    rest = "\n".join(line for line in log.splitlines() if line not in first)
    places = {str(path): path.read_bytes() for path in data.rglob("*") if path.is_file()}
    places |= {"log": rest.encode(), "shown": "\n".join(shown).encode()}
    return secrets, places | {"errors": "\n".join(said).encode()}


def errors_about(server: Server, secret: str) -> list[str]:
    """Send a secret to where it does not belong; return what is said to that."""
    with talk(server) as stranger, talk(server, server.key) as operator:
        replies = [
            stranger.get("/v1/metrics", headers={"Authorization": f"Bearer {secret}x"}),
            stranger.get("/v1/metrics", headers={"Authorization": f"Basic {secret}"}),
            stranger.get("/v1/metrics/a", headers={"X-API-Key": secret}),
            stranger.get(f"/v1/metrics/revenue?token={secret}"),
            stranger.get("/v1/metrics", headers={"Cookie": f"livetally_session={secret}x"}),
            stranger.post("/v1/session", json={"key": f"{secret}x"}),
            stranger.get(f"/v1/live?q=metrics/a&nonsense={secret}&token={secret}x"),
        ]
        if not secret.startswith("root"):
            # The root key is any text: an answer can't know that a name is one.
            replies += [
                operator.get(f"/nothing/{secret}"),
                operator.get(f"/v1/metrics/{secret}"),
                operator.get(f"/v1/metrics/revenue?{secret}=1"),
                operator.get(f"/v1/metrics/revenue?by={secret}"),
                operator.get(f"/v1/metrics/revenue?interval={secret}"),
                operator.get(f"/v1/definitions/{secret}"),
                operator.get(f"/v1/entities/{secret}"),
                operator.delete(f"/v1/keys/{secret}"),
                operator.post("/v1/teams", json={"name": secret}),
                operator.post("/v1/keys", json={"name": "x", "scopes": [secret]}),
                operator.post("/v1/keys", json={"name": "x", "scopes": ["read"], "team": secret}),
                operator.get("/v1/metrics", headers={"X-Livetally-Team": secret}),
            ]
    return [f"{reply.headers} {reply.text}" for reply in replies if reply.status_code >= 400]
