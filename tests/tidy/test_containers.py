"""The container files: no root, a health check, no secret, and only settings that exist."""

from __future__ import annotations

import re

from livetally.settings import PREFIX, Settings
from tests.tidy.source_tree import ROOT

_SETTING = re.compile(rf"\b{PREFIX}([A-Z_]+)\b")
_SECRET = re.compile(r'^ *\w*(?:PASSWORD|ROOT_KEY): +(?!\$\{|"1")\S', re.MULTILINE)
FILES = ("Dockerfile", "compose.yaml", "compose.databases.yaml", ".env.example")


def test_the_image_runs_as_nobody_and_tells_how_it_is() -> None:
    """The last stage names a user before its command, and asks the server itself."""
    last = (ROOT / "Dockerfile").read_text(encoding="utf-8").rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER livetally$", last, re.MULTILINE)
    assert last.index("USER livetally") < last.index("CMD [")
    assert re.search(r"^HEALTHCHECK .*\\\n.*readyz", last, re.MULTILINE)
    assert "ADD " not in last


def test_every_setting_in_them_exists() -> None:
    """A variable that nobody reads would be a promise."""
    known = {name.upper() for name in Settings.__struct_fields__}
    for name in FILES:
        named = set(_SETTING.findall((ROOT / name).read_text(encoding="utf-8")))
        assert named <= known, name


def test_no_password_stands_in_them() -> None:
    """Secrets come from the environment or from .env, which git ignores."""
    for name in ("compose.yaml", "compose.databases.yaml", "Dockerfile"):
        assert not _SECRET.search((ROOT / name).read_text(encoding="utf-8")), name
    assert "\n.env\n" in (ROOT / ".gitignore").read_text(encoding="utf-8")
