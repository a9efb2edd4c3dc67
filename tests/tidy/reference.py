"""Writes the reference of settings and measurements from the code that declares them.

In the flow: run as ``python -m tests.tidy.reference`` after a change; compared by
``test_reference``.
Guarantee: what the pages say of names, defaults and meaning is what the code says.
"""

from __future__ import annotations

import ast
from typing import Any

from livetally.settings import PREFIX, Settings
from livetally.telemetry import REGISTRY
from tests.tidy.source_tree import ROOT

__all__ = ["METRICS", "SETTINGS", "described_settings", "metrics_page", "settings_page"]

SETTINGS = ROOT / "docs" / "reference" / "settings.md"
METRICS = ROOT / "docs" / "reference" / "metrics.md"

_SETTINGS_HEAD = """# Settings

Every setting can be given in four places; the later wins: its default, a file `.env` in the working
directory, the environment, the command line (`livetally serve --help`). Units stand in the names.
A value that can't be used stops the start with the setting's name and the reason.

What protects against whom is told in [the guide to security](../guides/security.md); what the
server measures of itself in [measurements](metrics.md).

| environment variable | default | meaning |
| --- | --- | --- |
"""
_METRICS_HEAD = """# Measurements

`GET /metrics` answers in the OpenMetrics format to an operator's key with the scope `read`: the
numbers are of all teams together. Make one for your monitor alone, with
`livetally keys create --name monitor --scope read --operator`. Counters end in `_total`; histograms
in `_bucket`, `_sum` and `_count`. No label ever holds anything that a client sent; the
names of sinks and sources, which only operators declare, are the one exception.
Bounds that these show are [settings](settings.md).

| name | kind | labels | meaning |
| --- | --- | --- | --- |
"""


def described_settings() -> dict[str, str]:
    """Return the text below each field of ``Settings``; empty where there is none."""
    tree = ast.parse((ROOT / "src" / "livetally" / "settings.py").read_text(encoding="utf-8"))
    (fields,) = (n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Settings")
    found: dict[str, str] = {}
    name = ""
    for node in fields:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            found[name] = ""
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            found[name] = " ".join(str(node.value.value).replace("``", "`").split())
            name = ""
    return found


def settings_page() -> str:
    """Return the page of the settings."""
    defaults = Settings()
    rows = (
        f"| `{PREFIX}{name.upper()}` | {_shown(getattr(defaults, name))} | {text} |\n"
        for name, text in described_settings().items()
    )
    return _SETTINGS_HEAD + "".join(rows)


def metrics_page() -> str:
    """Return the page of the measurements."""
    rows = []
    for collector in REGISTRY._collector_to_names:
        labels = ", ".join(f"`{label}`" for label in getattr(collector, "_labelnames", ()))
        for metric in collector.collect():
            total = "_total" if metric.type == "counter" else ""
            name = f"`{metric.name}{total}`"
            rows.append(f"| {name} | {metric.type} | {labels} | {metric.documentation} |\n")
    return _METRICS_HEAD + "".join(sorted(rows))


def _shown(value: Any) -> str:
    if value in ("", ()):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    SETTINGS.write_text(settings_page(), encoding="utf-8")
    METRICS.write_text(metrics_page(), encoding="utf-8")
