"""A page of another origin in a real browser: it reads with a stream token, and does nothing else.

In the flow: serves a page on an origin of its own, which asks a real server.
Guarantee: what ``docs/guides/security.md`` says of other origins is what Chromium does.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from livetally.testing import Server
from tests.e2e.walls import SHOP, Teams, talk

ASK = "/v1/metrics/revenue?by=subject"
FETCH = """async ([url, options]) => {
  try {
    const reply = await fetch(url, options);
    return [reply.status, await reply.text()];
  } catch (error) {
    return ["blocked", String(error)];
  }
}"""
LISTEN = """(url) => new Promise((resolve, reject) => {
  const source = new EventSource(url);
  source.onerror = () => { source.close(); reject(new Error("no stream")); };
  source.addEventListener("snapshot", (event) => {
    window.updated = new Promise((done) => {
      source.addEventListener("update", (news) => { source.close(); done(news.data); });
    });
    resolve(event.data);
  });
})"""


class Quiet(SimpleHTTPRequestHandler):
    """A web server that keeps its log to itself."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        """Say nothing."""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve an empty page on an origin of its own; ``localhost`` is another site than 127.0.0.1."""
    place = tmp_path_factory.mktemp("elsewhere")
    (place / "index.html").write_text("<!doctype html><title>Elsewhere</title>")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(place))) as pages:
        Thread(target=pages.serve_forever, daemon=True).start()
        yield f"http://localhost:{pages.server_port}"
        pages.shutdown()


class Opened:
    """The server, its teams, and the page; red lets the page's origin read, blue does not."""

    def __init__(self, server: Server, context: BrowserContext, origin: str) -> None:
        """Let red be read from ``origin``, and open the page there."""
        self.server = server
        self.teams = Teams(server)
        with talk(server, server.key) as operator:
            change = {"allowed_origins": [origin]}
            assert operator.patch("/v1/teams/red", json=change).status_code == 200
        self.context = context
        self.page: Page = context.new_page()
        self.page.goto(f"{origin}/index.html")

    def token(self, team: str) -> str:
        """Return a stream token, as a page's own server would ask for it."""
        with talk(self.server, self.teams.keys[team]["read"]) as client:
            return str(client.post("/v1/stream-tokens", json={"expires_s": 60}).json()["token"])

    def fetch(self, path: str, **options: object) -> tuple[object, str]:
        """Have the page ask; ("blocked", …) when the browser keeps the answer from it."""
        status, text = self.page.evaluate(FETCH, [f"{self.server.url}{path}", options])
        return status, str(text)


@pytest.fixture(scope="module")
def opened(
    browser: Browser, elsewhere: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    """Open the page of the other origin."""
    data: Path = tmp_path_factory.mktemp("server") / "data"
    with Server(data, definitions=[SHOP]) as server:
        context = browser.new_context()
        yield Opened(server, context, elsewhere)
        context.close()


def test_a_stream_token_opens_a_stream_for_a_page_elsewhere(opened: Opened) -> None:
    """The page sees the snapshot and then each change, as it happens."""
    url = f"{opened.server.url}{ASK}&token={opened.token('red')}"
    assert "rows" in str(opened.page.evaluate(LISTEN, url))
    with talk(opened.server, opened.teams.keys["red"]["write"]) as red:
        event = {"type": "add_revenue", "subject": "vermilion", "data": {"value": 3}}
        assert red.post("/v1/events", json=event).status_code == 200
    assert "vermilion" in str(opened.page.evaluate("window.updated"))


def test_a_team_that_has_not_listed_the_origin_shows_nothing_there(opened: Opened) -> None:
    """With a token of blue the browser refuses the page both the stream and the answer."""
    token = opened.token("blue")
    with pytest.raises(Exception, match="no stream"):
        opened.page.evaluate(LISTEN, f"{opened.server.url}{ASK}&token={token}")


def test_a_page_elsewhere_reads_with_a_key_and_changes_nothing(opened: Opened) -> None:
    """GET with red's key is answered; with blue's, and every change, the browser blocks it."""
    red = {"Authorization": f"Bearer {opened.teams.keys['red']['all']}"}
    assert opened.fetch(ASK, headers=red)[0] == 200
    blue = {"Authorization": f"Bearer {opened.teams.keys['blue']['all']}"}
    assert opened.fetch(ASK, headers=blue)[0] == "blocked"
    for method, path in (("POST", "/v1/events"), ("DELETE", "/v1/session"), ("PUT", "/v1/keys")):
        assert opened.fetch(path, method=method, headers=red)[0] == "blocked"


def test_the_consoles_session_is_of_no_use_elsewhere(opened: Opened) -> None:
    """Signed in to the console, a browser gives pages of other origins nothing of it."""
    console = opened.context.new_page()
    console.goto(opened.server.url)
    body = {"key": opened.teams.keys["red"]["all"]}
    signed = console.evaluate(
        "async (body) => (await fetch('/v1/session', {method: 'POST', body})).status",
        f'{{"key": "{body["key"]}"}}',
    )
    assert signed == 204
    cookies = {cookie["name"]: cookie for cookie in opened.context.cookies()}
    cookie = cookies["livetally_session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert console.evaluate("document.cookie") == ""
    stream = "(url) => new Promise((done) => { const s = new EventSource(url);"
    stream += " s.addEventListener('snapshot', (e) => { s.close(); done(e.data); }); })"
    assert "rows" in str(console.evaluate(stream, ASK))
    # A change by the console's own origin, but without its header, is refused.
    bare = "async () => (await fetch('/v1/stream-tokens', {method: 'POST'})).status"
    assert console.evaluate(bare) == 403
    assert opened.fetch(ASK, credentials="include")[0] == "blocked"
    with pytest.raises(Exception, match="no stream"):
        opened.page.evaluate(LISTEN, f"{opened.server.url}{ASK}")
    form = """(url) => { const form = document.createElement("form"); form.method = "POST";
      form.action = url; document.body.append(form); form.submit(); }"""
    with opened.page.expect_response("**/v1/stream-tokens") as posted:
        opened.page.evaluate(form, f"{opened.server.url}/v1/stream-tokens")
    assert posted.value.status in (401, 403)
    console.evaluate(
        "fetch('/v1/session', {method: 'DELETE', headers: {'X-Livetally-Console': '1'}})"
    )
    console.wait_for_function("async () => (await fetch('/v1/session')).status === 401")
