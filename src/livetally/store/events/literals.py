"""The only place where a value is quoted into SQL.

In the flow: called for the text of definitions, which must stand in DDL, and for paths into
``data``.
Guarantee: whatever the value holds, the engine reads it back as that one value and nothing else.

Values of requests never come here as they are: they are bound (see ``expressions``). A path does,
because a JSON function's path can't be bound in a projection; ``literal`` escapes it.
"""

from __future__ import annotations

from decimal import Decimal

__all__ = ["Value", "literal"]

Value = str | int | float | Decimal | bool


def literal(value: Value) -> str:
    """Write a value as an SQL literal."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"
