"""What a machine lacks: a failure in CI, a loud skip elsewhere.

In the flow: called by fixtures and tests that need a program or a right of the machine.
Guarantee: CI never skips; a contributor is told what is missing.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

__all__ = ["lacking"]


def lacking(what: str) -> NoReturn:
    """End the test: ``what`` says what is missing, and where to get it."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
