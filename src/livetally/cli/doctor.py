"""``livetally doctor``: looks at what a server needs, and says what is wrong with it.

In the flow: reads the settings as ``serve`` would, has ``server.doctor`` look.
Guarantee: exit code 1 when something is wrong, so that a script can ask before an upgrade.
"""

from __future__ import annotations

from pathlib import Path

from livetally.cli.argument_secrets import refuse_secret
from livetally.cli.codes import DONE, FAILED

__all__ = ["doctor"]


def doctor(
    *,
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    definitions: list[Path] | None = None,
    catalog: str | None = None,
    json: bool = False,
) -> int:
    """Look at settings, disk, fsync, clock, limits, port, catalog, keys and backups.

    Give the options that the server is started with. Nothing is changed.

    Args:
        host: As for 'serve'.
        port: As for 'serve'.
        data: As for 'serve'.
        definitions: As for 'serve'; may be repeated.
        catalog: As for 'serve'.
        json: Print the findings as JSON.

    Returns:
        0 when nothing is wrong, else 1.

    Raises:
        LivetallyError: a setting can't be used.
    """
    from livetally.cli.output import print_json, print_table
    from livetally.server.doctor import Grade, examine
    from livetally.settings import load_settings

    refuse_secret("--catalog", "catalog", catalog)
    named = {
        "host": host,
        "port": port,
        "data": None if data is None else str(data),
        "definitions": tuple(map(str, definitions)) if definitions else None,
        "catalog": catalog,
    }
    found = examine(load_settings(named))
    wrong = any(one.grade is Grade.WRONG for one in found)
    if json:
        print_json({"well": not wrong, "findings": [one._asdict() for one in found]})
    else:
        print_table(("", "subject", ""), ((one.grade, one.subject, one.told) for one in found))
    return FAILED if wrong else DONE
