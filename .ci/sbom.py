"""Writes livetally.cdx.json: what an installation consists of, in the form that scanners read.

In the flow: run by ``make lock``; the wheel carries the file as ``.dist-info/sboms`` (PEP 770).
Guarantee: it follows from the runtime lock, the table of what the console brings along, and
pyproject.toml alone: the same bytes on any machine.

Source: CycloneDX 1.6 (JSON); package URLs of the types ``pypi`` and ``npm``.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_TABLE = "src/livetally/console/assets/vendor/VENDOR.md"
_PIN = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+?))? \\?$")
_VENDORED = re.compile(r"^\| (\S+) \| (\S+) \| (\S+) \| `([0-9a-f]{64})` \|$", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> list[dict[str, Any]]:
    """Return a component for each pinned package, with the hashes of its files."""
    found: list[dict[str, Any]] = []
    for line in lock.splitlines():
        if pin := _PIN.match(line):
            name, version = pin["name"], pin["version"]
            properties = [{"name": "livetally:marker", "value": pin["marker"] or ""}]
            found.append(
                {
                    "type": "library",
                    "bom-ref": f"pkg:pypi/{name}@{version}",
                    "name": name,
                    "version": version,
                    "purl": f"pkg:pypi/{name}@{version}",
                    "properties": properties if pin["marker"] else [],
                    "hashes": [],
                }
            )
        elif digest := _HASH.search(line):
            found[-1]["hashes"].append({"alg": "SHA-256", "content": digest[1]})
    return found


def vendored(table: str) -> list[dict[str, Any]]:
    """Return a component for each package that the console's assets hold files of."""
    return [
        {
            "type": "library",
            "bom-ref": (purl := f"pkg:npm/{name.replace('@', '%40')}@{version}"),
            "name": name,
            "version": version,
            "purl": purl,
            "licenses": [{"license": {"id": licence}}],
            "hashes": [{"alg": "SHA-256", "content": digest}],
        }
        for name, version, licence, digest in _VENDORED.findall(table)
    ]


def document(root: Path = ROOT) -> str:
    """Return the whole document."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    own = f"pkg:pypi/{name}@{version}"
    parts = components((root / "requirements.txt").read_text(encoding="utf-8"))
    parts += vendored((root / _TABLE).read_text(encoding="utf-8"))
    told = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": name,
                "version": version,
                "purl": own,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": parts,
        "dependencies": [{"ref": own, "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    return json.dumps(told, indent=1) + "\n"


if __name__ == "__main__":
    (ROOT / "livetally.cdx.json").write_text(document(), encoding="utf-8")
