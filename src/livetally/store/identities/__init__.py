"""The exact set of all identities ever stored, to recognise a duplicate at any age.

``index`` is what the rest of the house uses. Decision record 16 says why it is as it is.
"""

from livetally.store.identities.hashing import Hashed
from livetally.store.identities.index import IdentityIndex
from livetally.store.identities.recent import Recent
from livetally.store.identities.runs import NO_SUMS, Columns, Found, Looking, Stored, Sums

__all__ = [
    "NO_SUMS",
    "Columns",
    "Found",
    "Hashed",
    "IdentityIndex",
    "Looking",
    "Recent",
    "Stored",
    "Sums",
]
