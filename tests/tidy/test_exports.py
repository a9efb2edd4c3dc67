"""What modules say they export is there, and is what the name says.

In the flow: imports every module of the program.
Guarantee: every module can be imported by itself, without a warning.
"""

from __future__ import annotations

import importlib

import pytest

from tests.tidy.source_tree import modules

IMPORTABLE = [
    module.dotted
    for module in modules("src")
    if "migrations" not in module.path.parts and module.path.name != "__main__.py"
]


@pytest.mark.parametrize("name", IMPORTABLE)
def test_exported_names_exist(name: str) -> None:
    """Each name in ``__all__`` is there, and none is listed twice."""
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert len(exported) == len(set(exported))
    assert [missing for missing in exported if not hasattr(module, missing)] == []
