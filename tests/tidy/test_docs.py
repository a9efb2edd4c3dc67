"""The documents form one web: every page can be reached, every link leads somewhere.

In the flow: reads the Markdown files of the checkout.
Guarantee: a page that nobody links, and a link to a page that moved, fail the checks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.tidy.source_tree import ROOT, files

if TYPE_CHECKING:
    from pathlib import Path

_LINK = re.compile(r"""(?:\]\(|(?:src|href|srcset)=")\s*<?([^)>\s"#]+)""")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_PROOF = re.compile(r"\b(?:tests|benchmarks)/[\w/]+\.py\b")


def links_of(text: str) -> list[str]:
    """Return the targets inside this repository that a Markdown text links to."""
    targets = _LINK.findall(_CODE.sub("", text))
    return [target for target in targets if not re.match(r"[a-z]+:|//", target)]


def pages() -> dict[Path, list[Path]]:
    """Return each Markdown file of the project with the files it links to."""
    return {
        path: [
            (ROOT / path.parent / target).resolve().relative_to(ROOT)
            for target in links_of((ROOT / path).read_text(encoding="utf-8"))
        ]
        for path in files()
        if path.suffix == ".md"
    }


def test_links_are_read_from_text_not_from_code() -> None:
    """Links and images count; addresses elsewhere, anchors and code blocks do not."""
    text = (
        '[a](b.md#c) ![i](i.png) <img src="j.svg"> [w](https://x.y) [h](#h)\n```\n[no](n.md)\n```\n'
    )
    assert links_of(text) == ["b.md", "i.png", "j.svg"]


def test_every_link_leads_somewhere() -> None:
    """A relative link in a Markdown file names a file or folder that exists."""
    dead = [
        f"{page} -> {target}"
        for page, targets in pages().items()
        for target in targets
        if not (ROOT / target).exists()
    ]
    assert dead == []


def test_every_document_is_linked() -> None:
    """Each file below docs/ is linked from another page."""
    linked = {target for page, targets in pages().items() for target in targets if target != page}
    lonely = [str(path) for path in files() if path.parts[0] == "docs" and path not in linked]
    assert lonely == []


def test_every_test_that_a_document_names_is_there() -> None:
    """What proves something must not have moved away."""
    gone = [
        f"{path} -> {name}"
        for path in files()
        if path.suffix == ".md"
        for name in _PROOF.findall((ROOT / path).read_text(encoding="utf-8"))
        if not (ROOT / name).exists()
    ]
    assert gone == []
