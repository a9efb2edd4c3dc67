"""What an application may be called.

In the flow: asked by ``reading`` about every definition, and by the catalog before it stores one.

Guarantee: a name means the same in every database and stands in a URL as it is; whatever a
definition may say, the catalog takes.
"""

from __future__ import annotations

import re
from typing import Final

from livetally.errors import BadInput

__all__ = ["APPLICATION_NAME_RULE", "check_application_name", "is_application_name"]

# In capitals it would be the same name as in small letters for some databases only.
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
APPLICATION_NAME_RULE: Final = "1 to 63 of a-z, 0-9, '-' and '_', the first a letter"


def is_application_name(text: str) -> bool:
    """Tell whether an application may be called this."""
    return _NAME.fullmatch(text) is not None


def check_application_name(text: str) -> str:
    """Return the name of an application unchanged.

    Raises:
        BadInput: it is none.
    """
    if not is_application_name(text):
        raise BadInput("application", f"must be {APPLICATION_NAME_RULE}")
    return text
