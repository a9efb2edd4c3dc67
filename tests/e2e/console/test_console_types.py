"""The console's modules agree with the types that their comments declare.

In the flow: runs the TypeScript compiler over the modules as they are.
Guarantee: nothing is compiled; what is checked is what is served.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_types_agree() -> None:
    """``tsc --noEmit`` finds no fault in any module."""
    compiler = ROOT / "node_modules/.bin/tsc"
    if not compiler.exists():
        pytest.skip("the compiler is not installed: npm ci")
    checked = subprocess.run(
        [compiler, "--noEmit", "--project", ROOT], capture_output=True, text=True, check=False
    )
    assert (checked.stdout, checked.returncode) == ("", 0)
