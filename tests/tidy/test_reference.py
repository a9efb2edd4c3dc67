"""The reference pages say what the code says.

In the flow: compares the pages with what ``reference`` writes from the code.
Guarantee: a setting or measurement that is new, gone or changed fails until its page tells of it.
"""

from __future__ import annotations

from livetally.settings import Settings
from tests.tidy.reference import (
    METRICS,
    SETTINGS,
    described_settings,
    metrics_page,
    settings_page,
)

HOW = "run: python -m tests.tidy.reference"


def test_every_setting_is_explained() -> None:
    """Each field of ``Settings`` has a text that says what it is for."""
    texts = described_settings()
    assert list(texts) == list(Settings.__struct_fields__)
    assert [name for name, text in texts.items() if not text] == []


def test_the_page_of_settings_is_true() -> None:
    """Names, defaults and meanings are those of the code."""
    assert SETTINGS.read_text(encoding="utf-8") == settings_page(), HOW


def test_the_page_of_measurements_is_true() -> None:
    """Names, kinds, labels and meanings are those of the code."""
    assert METRICS.read_text(encoding="utf-8") == metrics_page(), HOW
