"""The console of a wheel that was built from this checkout and installed where nothing else is.

In the flow: builds the wheel, makes an environment for it, starts its own ``livetally serve`` away
from the checkout, and opens every page in Chromium.
Guarantee: what the wheel lacks fails here; so does a request to another host, and whatever the
content security policy stops.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from livetally.console.assets import load_tree
from tests.e2e.console.desk import DESK
from tests.tidy.source_tree import ROOT
from tests.waiting import until

KEY = "root-key-of-the-installed-server-0123456789"
PAGES = {
    "": "lt-tile",
    "explore": "lt-panel canvas",
    "events": "lt-grid tbody tr",
    "entities": "lt-grid tbody tr",
    "sources": "text=No sources yet",
    "alerts": "text=No alerts yet",
    "keys": "lt-grid tbody tr",
    "keys/teams": "lt-grid tbody tr",
    "keys/audit": "lt-grid tbody tr",
    "definitions": "textarea",
    "health": "lt-health canvas",
}
ORDER = {"type": "order.placed", "data": {"total": 12.5, "channel": "web", "items": 2}}
OPENED = {
    "type": "incident.opened",
    "subject": "INC-1",
    "data": {"text": "Lift 3 is stuck", "severity": "low", "team": "site"},
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, install it with what it needs and nothing else; return its folder."""
    folder = tmp_path_factory.mktemp("installed")
    uv = Path(sys.executable).with_name("uv")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", str(folder)], cwd=ROOT, check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    python = folder / "env/bin/python"
    run = [str(uv), "venv", "--quiet", "--python", sys.executable, str(folder / "env")]
    subprocess.run(run, check=True, timeout=60)
    install = [str(uv), "pip", "install", "--quiet", "--python", str(python)]
    install += ["--constraint", str(ROOT / "requirements.txt"), str(wheel)]
    subprocess.run(install, check=True, timeout=300)
    return folder


@contextmanager
def serving(folder: Path) -> Iterator[httpx2.Client]:
    """Run the installed server in its own folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program, data = str(folder / "env/bin/livetally"), str(folder / "data")
    command = [program, "serve", "--port", str(port), "--data", data]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env = {**kept, "LIVETALLY_ROOT_KEY": KEY}
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"http://127.0.0.1:{port}"
    with (
        subprocess.Popen(command, cwd=folder, env=env) as server,
        httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as client,
    ):
        until(lambda: server.poll() is not None or is_up(client), "the server", 60)
        yield client
        server.terminate()


def is_up(client: httpx2.Client) -> bool:
    """Say whether the server answers."""
    try:
        return client.get("/healthz").is_success
    except httpx2.TransportError:
        return False


def test_the_installed_wheel_serves_the_whole_console(page: Page, installed: Path) -> None:
    """Every file is there, every page works, nothing is asked of others, nothing is stopped."""
    violations: list[str] = []

    def note(said: str) -> None:
        violations.append(said)

    page.expose_function("noteViolation", note)
    page.add_init_script(
        "addEventListener('securitypolicyviolation',"
        " event => noteViolation(`${event.violatedDirective} ${event.blockedURI}`))"
    )
    with serving(installed) as client:
        tree = load_tree()
        assert f"assets/{tree.digest}/" in client.get("/").text
        for path in tree.files:
            assert client.get(f"/assets/{tree.digest}/{path}").is_success, path
        toml = {"Content-Type": "application/toml"}
        client.put("/v1/definitions/desk", content=DESK.read_bytes(), headers=toml)
        assert client.post("/v1/events", json=[ORDER, OPENED]).json()["stored"] == 2
        page.goto(f"{client.base_url}".rstrip("/") + client.post("/v1/session/link").json()["url"])
        for place, shown in PAGES.items():
            page.goto(f"{client.base_url}#/{place}")
            expect(page.locator(shown).first).to_be_visible(timeout=15_000)
        assert violations == []
