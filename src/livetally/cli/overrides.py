"""``--set NAME=VALUE``: any setting, for commands that read them as a server does.

In the flow: called by ``serve``, ``migrate`` and ``move``.
Guarantee: a name that no setting has is refused with the nearest one; a secret is not taken.
"""

from __future__ import annotations

from collections.abc import Iterable

from livetally.cli.argument_secrets import refuse_secret
from livetally.cli.codes import WrongUsage

__all__ = ["overrides"]


def overrides(texts: Iterable[str], known: set[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` for the settings that have no option of their own.

    Raises:
        WrongUsage: there is no such setting, or the text has another form.
    """
    others: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise WrongUsage("--set: write NAME=VALUE.")  # what was written may be a secret
        refuse_secret("--set", name, value)
        if name not in known:
            from livetally.definitions import nearest

            hint = nearest(name, sorted(known))
            also = (
                f"; did you mean '{hint}'?" if hint else f"; there are {', '.join(sorted(known))}"
            )
            raise WrongUsage(f"--set: no setting is called '{name}'; {also}")
        others[name] = value
    return others
