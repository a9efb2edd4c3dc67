"""Refuses secrets on the command line, where every user of the machine can read them.

In the flow: called by the commands that take a setting as an option.
Guarantee: an address with a password or token in it is not used, and is not repeated in the error.
"""

from __future__ import annotations

import re
from typing import Final

from livetally.cli.codes import WrongUsage

__all__ = ["refuse_secret"]

_SECRETS: Final = frozenset({"root_key"})
_CREDENTIALS: Final = re.compile(r"//[^/@]*:.*@|[?&]password=.")
_TOKEN: Final = re.compile(r"//.+@")


def refuse_secret(option: str, setting: str, value: str | None) -> None:
    """Go on only when the value of an option holds no secret.

    Args:
        option: as it was written, such as ``--catalog``.
        setting: the setting that it stands for.
        value: None when the option was not given.

    Raises:
        WrongUsage: it holds one; says where to give it instead.
    """
    # A name without a password is no secret but at a broker, where it is the token.
    found = _TOKEN if setting in ("nats", "log") else _CREDENTIALS
    if value is not None and (setting in _SECRETS or found.search(value)):
        raise WrongUsage(
            f"{option}: every user of this machine can read a command line. Give a secret in the"
            f" environment or in .env: LIVETALLY_{setting.upper()}."
        )
