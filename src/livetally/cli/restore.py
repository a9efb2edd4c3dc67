"""``livetally restore``: puts a backup back into an empty data directory.

In the flow: needs no server, and none may run on the directory; hands everything to ``server``.
Guarantee: exit code 0 means that every file was checked and everything is back; interrupted, the
directory is marked as not whole, and the same command begins anew.
"""

from __future__ import annotations

from pathlib import Path

from livetally.cli.argument_secrets import refuse_secret
from livetally.cli.codes import DONE
from livetally.cli.inputs import whole_place

__all__ = ["restore"]


def restore(
    place: str,
    /,
    *,
    data: Path | None = None,
    catalog: str | None = None,
    backup: str | None = None,
    to_position: int | None = None,
    json: bool = False,
) -> int:
    """Put a backup back into an empty data directory, without a server.

    Args:
        place: Directory of the backups, or s3://BUCKET/PREFIX.
        data: The data directory to fill; ./livetally-data by default.
        catalog: URL of the catalog to fill, if it is not to be in --data; it must be empty.
        backup: Name of the backup; the newest by default.
        to_position: Leave out every commit after this one.
        json: Print the result as JSON.

    Raises:
        LivetallyError: there is no such backup, it is damaged, or there is data already.
    """
    from livetally.backup import Wanted
    from livetally.cli.output import note, print_json, shown
    from livetally.cli.progress import steps
    from livetally.server.restoring import restore_into
    from livetally.settings import load_settings

    refuse_secret("--catalog", "catalog", catalog)
    settings = load_settings({"data": None if data is None else str(data), "catalog": catalog})
    with steps("Restoring") as show:
        restored = restore_into(
            settings,
            whole_place(place),
            Wanted(backup, to_position),
            lambda done, total: show("bytes", done, max(total, 1)),
        )
    manifest = restored.manifest
    if json:
        told = {
            "backup": manifest.name,
            "position": restored.position,
            "bytes": manifest.bytes,
            "erased_again": restored.erased_again,
        }
        print_json(told)
        return DONE
    print(
        f"Backup {manifest.name} is back in {settings.data}, true at position"
        f" {shown(restored.position)}. Start the server, then run 'livetally verify'."
    )
    if restored.erased_again:
        note(f"{restored.erased_again} subjects that were erased later were erased again.")
    return DONE
