"""How the index of ids says that its files can't be written.

In the flow: raised by ``index``.
Guarantee: whoever hears of it knows that it is the index, and why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from livetally.errors import StoreFailed

__all__ = ["CLOSED", "told_as_store_failed", "unwritten"]

CLOSED = RuntimeError("it is closed")


def unwritten(error: Exception) -> StoreFailed:
    """Return what tells of ``error``."""
    return StoreFailed(f"The index of event ids can't be written: {error}.")


@contextlib.contextmanager
def told_as_store_failed() -> Iterator[None]:
    """Tell of an error of the operating system as ``StoreFailed``."""
    try:
        yield
    except OSError as error:
        raise unwritten(error) from None
