"""Single facts that other rooms must remember: a name and a text.

In the flow: receives what a schedule, a sink or the server wants to find again after a restart,
hands it back.
Guarantee: what was set is on the disk when the method returns.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from livetally.store.catalog.part import CatalogPart
from livetally.store.catalog.tables import LONG_TEXT_CHARS_MAX, meta
from livetally.tenancy.names import check_meta_name, check_text

__all__ = ["Facts"]


class Facts(CatalogPart):
    """The part of the catalog that remembers a text under a name."""

    def get_meta(self, name: str) -> str | None:
        """Return the text under ``name``; None when nothing was set."""
        with self._database.reading() as connection:
            return connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()

    def claim_meta(self, name: str, value: str) -> str:
        """Set a text where there is none; return what is there: of several claims one is kept.

        Raises:
            BadInput, StoreFailed: as ``set_meta``.
        """
        check_meta_name(name)
        check_text("value", value, LONG_TEXT_CHARS_MAX)
        with self._changes.making() as connection:  # one after the other, on every database
            found = connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
            if found is None:
                connection.execute(insert(meta), {"name": name, "value": value})
        return str(value if found is None else found)

    def announce_meta(self, name: str, value: str) -> None:
        """Replace a text, and tell of it like a change of keys: in other processes too.

        Raises:
            BadInput, StoreFailed: as ``set_meta``.
        """
        check_meta_name(name)
        check_text("value", value, LONG_TEXT_CHARS_MAX)
        with self._changes.making() as connection:
            connection.execute(delete(meta).where(meta.c.name == name))
            connection.execute(insert(meta), {"name": name, "value": value})

    def set_meta(self, name: str, value: str | None) -> None:
        """Replace the text under ``name``; None takes it away.

        Raises:
            BadInput: the name or the text can't be stored.
            StoreFailed: it could not be stored; the text is as it was.
        """
        check_meta_name(name)
        if value is not None:
            check_text("value", value, LONG_TEXT_CHARS_MAX)
        with self._database.writing() as connection:
            connection.execute(delete(meta).where(meta.c.name == name))
            if value is not None:
                connection.execute(insert(meta), {"name": name, "value": value})
