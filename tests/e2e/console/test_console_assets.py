"""The console's files as they are sent: small, cached, guarded, and all from here.

In the flow: asks the console's own routes, and reads the files of the package.
Guarantee: what is measured here is what a browser gets.
"""

from __future__ import annotations

import gzip
import re

import pytest
from playwright.sync_api import Page, Request
from starlette.applications import Starlette
from starlette.testclient import TestClient

from livetally.console import routes
from livetally.console.assets import load_tree
from livetally.console.routes import CONTENT_SECURITY_POLICY
from tests.e2e.console.conftest import signed_in
from tests.e2e.console.fake_server import FakeServer
from tests.e2e.console.looking import Visit

_IMPORT = re.compile(
    r"""(?:^|;|\})(?:import|export)\b(?:[^'";]*\bfrom)?\s*['"]([^'"]+)['"]""", re.MULTILINE
)
FIRST_LOAD_BYTES_MAX = 150_000


@pytest.fixture(scope="module")
def client() -> TestClient:
    """Ask the console's routes without a network."""
    return TestClient(Starlette(routes=routes()))


def test_page_allows_nothing_but_its_own_files(client: TestClient) -> None:
    """The page's policy starts from nothing and allows files of this server only."""
    answer = client.get("/")
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-cache"


def test_page_has_no_inline_script_or_style(client: TestClient) -> None:
    """Every script and style of the page is a file; the policy would stop any other."""
    text = client.get("/").text
    assert re.findall(r"<script(?![^>]* src=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", text) == []


def test_versioned_files_are_kept_forever(client: TestClient) -> None:
    """A path with the tree's digest never changes, so no browser asks for it twice."""
    digest = load_tree().digest
    answer = client.get(f"/assets/{digest}/app.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


def test_plain_paths_are_asked_again_each_time(client: TestClient) -> None:
    """A path without a digest is revalidated, and costs nothing when it is unchanged."""
    first = client.get("/assets/app.js")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/assets/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_compressed_form_is_sent_to_those_who_take_it(client: TestClient) -> None:
    """Gzip is sent when it is allowed, with a tag of its own; the plain form otherwise."""
    zipped = client.get("/assets/app.js", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    plain = client.get("/assets/app.js", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.content == plain.content
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert zipped.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/0123456789abcdef/app.js",
        "/assets/index.html",
        "/assets/vendor/lit/lit-element.d.ts",
        "/assets/..%2froutes.py",
        "/assets/",
    ],
)
def test_other_paths_are_not_found(client: TestClient, path: str) -> None:
    """Files of another version, development files and files outside the tree are not served."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_what_the_first_page_imports_is_preloaded(client: TestClient) -> None:
    """The page names every module of its start, and none that only another page needs."""
    listed = re.findall(r'modulepreload" href="assets/\w+/([^"]+)"', client.get("/").text)
    assert {"app.js", "pages/shell.js", "parts/chart.js", "vendor/lit/lit-element.js"} <= {*listed}
    assert not {"early.js", "pages/events.js", "pages/entities.js", "data/contract.js"} & {*listed}
    tree = load_tree()
    for path in listed:
        folder = path.split("/")[:-1]
        for target in _IMPORT.findall(_code(tree.files[path].body)):
            assert _resolved(folder, target) in listed, f"{path} imports {target}"


def test_imports_lead_to_files(client: TestClient) -> None:
    """Every import names a file of the tree by a relative path."""
    tree = load_tree()
    for path, asset in tree.files.items():
        if not path.endswith(".js"):
            continue
        folder = path.split("/")[:-1]
        for target in _IMPORT.findall(_code(asset.body)):
            assert target.startswith("."), f"{path} imports {target}"
            assert _resolved(folder, target) in tree.files, f"{path} imports {target}"


def _code(body: bytes) -> str:
    return re.sub(r"/\*.*?\*/", "", body.decode(), flags=re.DOTALL)


def _resolved(folder: list[str], target: str) -> str:
    parts = [*folder]
    for part in target.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def test_first_load_is_small(page: Page, server: FakeServer) -> None:
    """Everything up to a working dashboard is under 150 kB as sent, from this server only."""
    sizes: dict[str, int] = {}

    def weigh(request: Request) -> None:
        if "/assets/" in request.url or request.url.endswith("/"):
            sizes[request.url] = request.sizes()["responseBodySize"]

    page.on("requestfinished", weigh)
    signed_in(page, server).settle()
    assert len(sizes) > 30
    assert sum(sizes.values()) < FIRST_LOAD_BYTES_MAX


def test_second_visit_loads_the_page_alone(visit: Visit) -> None:
    """A browser that was here before asks for none of the files again."""
    visit.settle()
    visit.page.reload()
    visit.settle()
    transferred = visit.page.evaluate(
        "() => performance.getEntriesByType('resource')"
        ".filter(entry => entry.name.includes('/assets/') && entry.transferSize > 0)"
        ".map(entry => entry.name)"
    )
    assert transferred == []


def test_compressed_bytes_are_the_file() -> None:
    """What is compressed at start is the file itself, and the same on every node."""
    tree = load_tree()
    assert tree == load_tree()
    for asset in tree.files.values():
        assert gzip.decompress(asset.gzipped) == asset.body
