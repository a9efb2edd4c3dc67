"""``livetally simulate`` against a real server: the past at once, what comes live, the same once.

In the flow: the definition of the guide is checked, applied and simulated as a reader would.
Guarantee: what the guide shows works as it stands.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from livetally.cli import main
from livetally.client import Call, Client
from livetally.testing import Server
from tests.waiting import until

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "simulate.md"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guide's definition, as a file."""
    found = re.search(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    file = tmp_path_factory.mktemp("plant") / "plant.toml"
    file.write_text(found[1], encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def server(plant: Path) -> Iterator[Server]:
    """A server that knows the plant."""
    # The test looks at an incident until it has changed, more than a hundred times in an hour.
    many = {"LIVETALLY_QUERIES_PER_HOUR": "100000"}
    with Server(definitions=[plant], env=many) as started:
        yield started


def simulate(
    capsys: pytest.CaptureFixture[str], server: Server, *words: str
) -> tuple[int, dict[str, Any]]:
    """Run the command; return its code and its JSON."""
    to_server = ["--url", server.url, "--key", server.key, "--json"]
    code = main(["simulate", *words, *to_server])
    return code, json.loads(capsys.readouterr().out)


def test_the_past_is_sent_at_once_and_counts_once(
    capsys: pytest.CaptureFixture[str], server: Server, plant: Path
) -> None:
    """A day of events is stored; the same command again stores nothing; the sums agree."""
    words = (str(plant), "--from", "2026-01-05", "--for", "1d", "--rate", "0.05")
    code, first = simulate(capsys, server, *words)
    assert code == 0
    assert first["stored"] == first["sent"] > 3_000
    code, again = simulate(capsys, server, *words)
    assert code == 0
    assert (again["stored"], again["duplicates"]) == (0, first["sent"])
    assert main(["simulate", *words, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == first["sent"]
    opened = sum('"incident_opened"' in line for line in lines)
    with Client(server.url, server.key) as client:
        answer = client.query("opened", start="2026-01-05", end="2026-01-06")
    assert answer.rows[0]["value"] == opened


def test_now_is_sent_as_it_happens_and_overrides_people(server: Server, plant: Path) -> None:
    """Until Ctrl-C; an incident that a person completed is opened again."""
    with Client(server.url, server.key) as client:
        opened = {"type": "incident_opened", "subject": "mine", "data": {"severity": "high"}}
        client.send_now([opened])
        path = "/v1/entities/incident/mine"
        client.request(Call("POST", f"{path}/actions/complete", (), {}, b"{}"))
        often = plant.with_name("often.toml")
        text = plant.read_text(encoding="utf-8")
        # At any hour of any day.
        steady = text.replace('"office"', '"flat"')
        often.write_text(steady.replace("weight = 0.2\n", "weight = 20\n"), encoding="utf-8")
        words = [str(often), "--rate", "200", "--url", server.url, "--key", server.key]
        command = [sys.executable, "-m", "livetally", "simulate", *words, "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as running:

            def reopened() -> bool:
                state = msgspec.json.decode(client.request(Call("GET", path, (), {}, None)).body)
                return bool(state["fields"]["status"] == "open")

            try:
                until(reopened, "the incident is open again")
            finally:
                running.send_signal(signal.SIGINT)
                out, _ = running.communicate(timeout=30)
            assert running.returncode == 0
    sent = json.loads(out)
    assert sent["sent"] == sent["stored"] > 0
