"""Every module says what it is for, where it stands in the flow, and what it guarantees.

In the flow: reads the checkout through ``source_tree``.
Guarantee: a reader can follow the program from docstring to docstring.
"""

from __future__ import annotations

from tests.tidy import rules
from tests.tidy.source_tree import modules


def test_modules_state_purpose_flow_and_guarantee() -> None:
    """A module of the program opens with its purpose, its place in the flow and its guarantee."""
    faults = [
        fault
        for module in modules("src")
        if "migrations" not in module.path.parts
        for fault in rules.module_docstring_faults(module)
    ]
    assert faults == []


def test_tests_state_the_behaviour() -> None:
    """Every test says in a docstring which behaviour it shows."""
    assert [
        fault for module in modules("tests") for fault in rules.tests_without_docstring(module)
    ] == []
