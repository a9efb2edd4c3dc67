"""The texts of a command line are text: what an argument that is none would break is never begun.

In the flow: asked by ``entry`` between reading the words and calling the command.
Guarantee: no command meets a text that can't be sent or written; a key is not repeated.

An argument is bytes. Those that are no UTF-8 reach Python as half surrogates, which nothing can
encode. The names of files may have them: files are paths, and no texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any, Final

from livetally.cli.codes import WrongUsage

__all__ = ["require_texts"]

_HALF: Final = re.compile("[\ud800-\udfff]")


def require_texts(values: Iterable[Any]) -> None:
    """Refuse a text that has bytes which are none, in the values or in what is in them.

    Raises:
        WrongUsage: shows the text, or names the option where it may be secret.
    """
    for value in values:
        if isinstance(value, str):
            _require(value, f"'{_shown(value)}'")
        elif is_dataclass(value):
            for field in fields(value):
                inside = getattr(value, field.name)
                # What is in no representation is secret.
                if isinstance(inside, str) and not field.repr:
                    _require(inside, f"--{field.name}")
                else:
                    require_texts([inside])
        elif isinstance(value, (list, tuple, set, frozenset)):
            require_texts(value)


def _require(text: str, name: str) -> None:
    if _HALF.search(text):
        raise WrongUsage(f"{name} is no text: it has bytes that are no UTF-8.")


def _shown(text: str) -> str:
    r"""Return a text with its bytes that are none as ``\xff``."""
    return _HALF.sub(lambda half: ascii(half[0])[1:-1].replace(r"\udc", r"\x"), text)
