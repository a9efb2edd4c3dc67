"""What is offered to operators beside the program names what the program has.

In the flow: reads ``contrib/`` and compares it with the declared measurements and settings.
Guarantee: a measurement that is renamed fails until dashboards and rules follow.
"""

from __future__ import annotations

import json
import re

from livetally.cli.commands import COMMANDS
from livetally.settings import Settings
from livetally.telemetry import REGISTRY
from tests.tidy.source_tree import ROOT

CONTRIB = ROOT / "contrib"
_NAME = re.compile(r"\blivetally_[a-z_]+")


def exposed() -> set[str]:
    """Return every name of a sample that ``/metrics`` can show."""
    names: set[str] = set()
    for family in REGISTRY.collect():
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        names |= {f"{family.name}{end}" for end in ends.get(family.type, [""])}
    return names


def test_the_dashboard_shows_what_is_measured() -> None:
    """Each expression names measurements that exist; each panel has one, and a place of its own."""
    board = json.loads((CONTRIB / "grafana" / "livetally.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert all(_NAME.search(text) for text in asked)
    assert {name for text in asked for name in _NAME.findall(text)} - exposed() == set()
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(board["panels"])


def test_the_rules_watch_what_is_measured() -> None:
    """Each expression names measurements that exist; each rule says what it means."""
    text = (CONTRIB / "prometheus" / "livetally.rules.yml").read_text(encoding="utf-8")
    expressions = re.findall(r"expr: (.+)", text)
    assert len(expressions) == text.count("- alert:") == text.count("summary:")
    assert {name for one in expressions for name in _NAME.findall(one)} - exposed() == set()


def test_the_unit_calls_commands_that_exist() -> None:
    """With settings that exist."""
    unit = (CONTRIB / "systemd" / "livetally.service").read_text(encoding="utf-8")
    called = re.findall(r"^Exec\w+=\S*/livetally (\w+)", unit, re.MULTILINE)
    assert called == ["doctor", "serve"]
    assert set(called) <= {command.name for command in COMMANDS}
    for name in re.findall(r"^Environment=LIVETALLY_(\w+)=", unit, re.MULTILINE):
        assert name.lower() in Settings.__struct_fields__
