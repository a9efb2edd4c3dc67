"""``livetally migrate``: makes and brings up to date what the settings name; starts nothing.

In the flow: reads the settings as ``serve`` would, hands them to ``server.migrating``.
Guarantee: exit code 0 means that every part has the form that this program needs; a second call
changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from livetally.cli.argument_secrets import refuse_secret
from livetally.cli.codes import DONE
from livetally.cli.overrides import overrides

__all__ = ["migrate"]


def migrate(
    *,
    data: Path | None = None,
    definitions: list[Path] | None = None,
    catalog: str | None = None,
    further: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: bool = False,
) -> int:
    """Make and bring up to date the catalog, the events table and the log; start nothing.

    Give the options and settings that servers are started with. Several processes may call it at
    once, and servers of a cluster may run meanwhile.

    Args:
        data: As for 'serve'; used unless the settings name a store.
        definitions: As for 'serve'; may be repeated.
        catalog: As for 'serve'.
        further: Any other setting, as log_partitions=4; may be repeated.
        json: Print what was found and done as JSON.

    Raises:
        LivetallyError: a part can't be reached or changed.
    """
    from livetally.cli.output import print_json, print_table
    from livetally.server.migrating import migrate as bring
    from livetally.settings import Settings, load_settings

    refuse_secret("--catalog", "catalog", catalog)
    named: dict[str, Any] = {
        "data": None if data is None else str(data),
        "definitions": tuple(map(str, definitions)) if definitions else None,
        "catalog": catalog,
    }
    others = overrides(further or (), set(Settings.__struct_fields__) - set(named))
    brought = bring(load_settings(named | others))
    if json:
        print_json({"parts": [one._asdict() for one in brought]})
    else:
        print_table(("part", "found", "done"), brought)
    return DONE
